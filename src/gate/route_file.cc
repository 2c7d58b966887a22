// SPDX-License-Identifier: Apache-2.0
#include "gate/route_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <utility>

#include "base/json.h"
#include "base/log.h"

namespace howdah::gate {
namespace {

constexpr ByteCount kFileSizeMax = 1_GiB;
constexpr ByteCount kChangesMin = 1_MiB;  // below it replacing is not worth a write
constexpr std::string_view kBefore = R"({"crc32c":")";
constexpr std::string_view kBetween = R"(","update":)";
constexpr std::size_t kChecksumSize = 8;
constexpr std::size_t kPrefixSize = kBefore.size() + kChecksumSize + kBetween.size();

std::string checksum(std::string_view text) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(text.data(), text.size());
  return fmt::format("{:08x}", crc.checksum());
}

Result<RouteUpdate> decode_line(std::string_view line) {
  if (line.size() <= kPrefixSize || !line.starts_with(kBefore) || line.back() != '}' ||
      line.substr(kBefore.size() + kChecksumSize, kBetween.size()) != kBetween) {
    return fail(ErrorCode::io_error, "not a line of a route file");
  }
  const std::string_view update = line.substr(kPrefixSize, line.size() - kPrefixSize - 1);
  if (checksum(update) != line.substr(kBefore.size(), kChecksumSize)) {
    return fail(ErrorCode::io_error, "the checksum is wrong");
  }
  HOWDAH_TRY(const json::value value, parse_json(update));
  return route_update_from_json(value);
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("append to the route file", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

std::string encode_route_line(const RouteUpdate& update) {
  const std::string text = json::serialize(to_json(update));
  return fmt::format("{}{}{}{}}}\n", kBefore, checksum(text), kBetween, text);
}

DecodedRoutes decode_route_file(std::string_view text) {
  DecodedRoutes decoded;
  while (decoded.good_bytes < text.size()) {
    const std::size_t end = text.find('\n', decoded.good_bytes);
    if (end == std::string_view::npos) break;
    auto update = decode_line(text.substr(decoded.good_bytes, end - decoded.good_bytes));
    if (!update) break;
    // Changes without the snapshot they belong to, or with a gap, are no use.
    const bool continues =
        update->snapshot || (!decoded.updates.empty() &&
                             update->version == decoded.updates.back().version +
                                                    (adds_nothing_but_learned(*update) ? 0 : 1));
    if (!continues) break;
    if (update->snapshot) decoded.updates.clear();
    decoded.updates.push_back(std::move(*update));
    decoded.good_bytes = end + 1;
  }
  return decoded;
}

Result<std::vector<RouteUpdate>> RouteFile::load() {
  auto text = os::read_file(path_, kFileSizeMax);
  if (!text && text.error().code == ErrorCode::not_found) return std::vector<RouteUpdate>{};
  if (!text) return std::unexpected(std::move(text).error().within("read the kept routes"));
  DecodedRoutes decoded = decode_route_file(*text);
  if (decoded.good_bytes < text->size()) {
    log::info("routes",
              "{}: the last {} bytes are damaged and were dropped; howdahd sends them again",
              path_.string(), text->size() - decoded.good_bytes);
    if (::truncate(path_.c_str(), static_cast<off_t>(decoded.good_bytes)) != 0) {
      return fail_errno("cut the damaged end off the route file", errno);
    }
  }
  snapshot_bytes_ = text->find('\n') + 1;
  change_bytes_ = decoded.good_bytes - std::min<ByteCount>(decoded.good_bytes, snapshot_bytes_);
  damaged_ = decoded.updates.empty();
  return std::move(decoded.updates);
}

Result<void> RouteFile::append(const std::vector<RouteUpdate>& changes) {
  if (damaged_) return fail(ErrorCode::io_error, "the route file must be written anew first");
  if (!file_) {
    HOWDAH_TRY(file_, os::open_file(path_, O_WRONLY | O_APPEND));
  }
  std::string lines;
  for (const RouteUpdate& change : changes) lines += encode_route_line(change);
  damaged_ = true;
  HOWDAH_CHECK(write_all(file_.get(), lines));
  if (::fdatasync(file_.get()) != 0) return fail_errno("flush the route file", errno);
  damaged_ = false;
  change_bytes_ += lines.size();
  return {};
}

Result<void> RouteFile::replace(const RouteUpdate& snapshot) {
  const std::string line = encode_route_line(snapshot);
  file_ = os::UniqueFd();
  damaged_ = true;
  HOWDAH_CHECK(os::write_file_atomic(path_, line, 0600));
  damaged_ = false;
  snapshot_bytes_ = line.size();
  change_bytes_ = 0;
  return {};
}

bool RouteFile::wants_replacing() const {
  return damaged_ || change_bytes_ > std::max(kChangesMin, 2 * snapshot_bytes_);
}

}  // namespace howdah::gate
