// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/context_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "cli/settings/configuration.h"
#include "cli/start/layout.h"
#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

constexpr ByteCount kFileSizeMax = 64_KiB;
constexpr std::size_t kLinksMax = 1'000;  // the oldest go

os::Path links_file() {
  const os::Path config = user_config_file();
  return config.empty() ? os::Path() : config.parent_path() / "links";
}

// "SHA256 PATH": the line of the list that stands for the file as it is.
Result<std::string> link_line(const os::Path& file) {
  HOWDAH_TRY(const std::string text, os::read_file(file, kFileSizeMax));
  return fmt::format("{} {}", crypto::to_hex(crypto::sha256(text)), file.string());
}

Result<std::vector<std::string>> read_links() {
  std::vector<std::string> lines;
  const auto text = os::read_file(links_file(), 1_MiB);
  if (!text && text.error().code == ErrorCode::not_found) return lines;
  if (!text) return std::unexpected(text.error());
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool is_ours(const struct stat& info) {
  return info.st_uid == 0 || info.st_uid == ::geteuid() || info.st_uid == commanding_user().uid;
}

}  // namespace

FoundContextFile find_context_file(const os::Path& folder) {
  std::error_code error;
  os::Path place = fs::absolute(folder, error);
  while (!error && !place.empty()) {
    const os::Path file = place / kContextFileName;
    struct stat info{};
    if (::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      if (is_ours(info)) return {file, ""};
      return {{}, fmt::format("{} belongs to somebody else and is not used", file.string())};
    }
    if (!place.has_relative_path()) break;
    place = place.parent_path();
  }
  return {};
}

Result<void> write_context_file(const os::Path& file, std::string_view text) {
  HOWDAH_CHECK(os::write_file_atomic(file, text, 0644));
  const os::UserIds user = commanding_user();
  if (user.uid != ::geteuid()) HOWDAH_CHECK(os::change_owner(file, user.uid, user.gid));
  return trust_context_file(file);
}

Result<void> trust_context_file(const os::Path& file) {
  if (links_file().empty()) {
    return fail(ErrorCode::config_invalid, "there is no home folder to keep the link in",
                "set HOME, or use HOWDAH_DATA_DIR or HOWDAH_API_URL");
  }
  HOWDAH_TRY(const std::string line, link_line(file));
  HOWDAH_TRY(auto lines, read_links());
  const std::string path = " " + file.string();
  std::erase_if(lines, [&](const std::string& old) { return old.ends_with(path); });
  lines.push_back(line);
  if (lines.size() > kLinksMax) lines.erase(lines.begin());
  std::error_code error;
  fs::create_directories(links_file().parent_path(), error);
  if (error) return fail_errno("make " + links_file().parent_path().string(), error.value());
  return os::write_file_atomic(links_file(), fmt::format("{}\n", fmt::join(lines, "\n")), 0600);
}

Result<void> check_context_file(const os::Path& file) {
  HOWDAH_TRY(const std::string line, link_line(file));
  HOWDAH_TRY(const auto lines, read_links());
  if (std::ranges::find(lines, line) != lines.end()) return {};
  return fail(ErrorCode::config_invalid,
              fmt::format("{} says where to connect, but was not made on this machine or was "
                          "changed since",
                          file.string()),
              "read it; if it is right: howdah link --trust");
}

}  // namespace howdah::cli
