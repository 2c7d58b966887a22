// SPDX-License-Identifier: Apache-2.0
// pg_resetwal is not used: it takes one process, deletes and rewrites the whole WAL, and must be
// forced (-f) when anything looks odd. A data directory that was stopped cleanly needs nothing but
// the identifier itself, which stands in two places: pg_control, and the long header of the first
// page of every WAL segment (XLogLongPageHeaderData, the same in 13 to 18). Measured: see the ADR.
#include "instance/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crypto/random.h"
#include "instance/control_file.h"
#include "instance/detail/tenant_file.h"

namespace howdah::instance {
namespace {

// XLogLongPageHeaderData: magic, info, timeline, page address, remaining length, then these.
constexpr std::size_t kInfoOffset = 2;
constexpr std::size_t kWalIdentifierOffset = 24;
constexpr std::size_t kLongHeaderSize = 40;
constexpr std::uint16_t kLongHeaderFlag = 0x0002;  // XLP_LONG_HEADER
constexpr std::size_t kSegmentNameSize = 24;

// As initdb makes them: seconds in the upper half, so that tools show when the database was born.
// initdb fills the lower half with time and pid, which two spares could share.
std::uint64_t new_identifier() {
  std::uint32_t low = 0;
  std::memcpy(&low, crypto::random_bytes(sizeof low).data(), sizeof low);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return (static_cast<std::uint64_t>(seconds.count()) << 32) | low;
}

Result<void> write_at(const os::UniqueFd& file, std::size_t offset, std::string_view bytes) {
  const ssize_t size = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (size != static_cast<ssize_t>(bytes.size())) {
    return fail_errno("write an identifier", size < 0 ? errno : EIO);
  }
  return {};
}

template <typename Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

Result<std::vector<std::string>> segment_names(const os::Path& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(directory.c_str()), ::closedir);
  if (!list) return fail_errno("list " + directory.string(), errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() == kSegmentNameSize &&
        name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos) {
      names.emplace_back(name);
    }
  }
  return names;
}

// Returns whether the segment had the old identifier: one that was made ahead is still empty.
Result<bool> change_segment(const os::Path& data_directory, const std::string& name,
                            std::uint64_t before, std::uint64_t after) {
  HOWDAH_TRY(const os::UniqueFd file,
             detail::open_tenant_file(data_directory, "pg_wal/" + name, O_RDWR));
  std::array<char, kLongHeaderSize> header{};
  if (::pread(file.get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) {
    return fail(ErrorCode::io_error, fmt::format("WAL segment {} is too short", name));
  }
  if (std::all_of(header.begin(), header.end(), [](char byte) { return byte == 0; })) return false;
  std::uint16_t info = 0;
  std::uint64_t found = 0;
  std::memcpy(&info, header.data() + kInfoOffset, sizeof info);
  std::memcpy(&found, header.data() + kWalIdentifierOffset, sizeof found);
  if ((info & kLongHeaderFlag) == 0 || found != before) {
    return fail(ErrorCode::io_error,
                fmt::format("WAL segment {} is damaged or of another database", name));
  }
  HOWDAH_CHECK(write_at(file, kWalIdentifierOffset, bytes_of(after)));
  if (::fsync(file.get()) != 0) return fail_errno("sync WAL segment " + name, errno);
  return true;
}

}  // namespace

Result<std::uint64_t> give_own_identity(const os::Path& data_directory) {
  HOWDAH_TRY(const ControlFile control, read_control_file(data_directory));
  if (!control.shut_down) {
    return fail(ErrorCode::conflict, "the data directory was not stopped cleanly");
  }
  const std::uint64_t identifier = new_identifier();

  HOWDAH_TRY(const auto names, segment_names(data_directory / "pg_wal"));
  bool changed = false;
  for (const std::string& name : names) {
    HOWDAH_TRY(const bool had,
               change_segment(data_directory, name, control.system_identifier, identifier));
    changed |= had;
  }
  if (!changed) return fail(ErrorCode::io_error, "the data directory has no WAL");

  HOWDAH_TRY(std::string content,
             detail::read_tenant_file(data_directory, "global/pg_control", 64_KiB));
  content.replace(0, sizeof identifier, bytes_of(identifier));
  const std::uint32_t crc = crc32c(std::string_view(content).substr(0, control.crc_offset));
  HOWDAH_TRY(const os::UniqueFd file,
             detail::open_tenant_file(data_directory, "global/pg_control", O_RDWR));
  HOWDAH_CHECK(write_at(file, 0, bytes_of(identifier)));
  HOWDAH_CHECK(write_at(file, control.crc_offset, bytes_of(crc)));
  if (::fsync(file.get()) != 0) return fail_errno("sync pg_control", errno);
  return identifier;
}

}  // namespace howdah::instance
