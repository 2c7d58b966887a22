// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/git_ignore.h"

#include <sys/stat.h>

#include <sstream>

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

// .git is a folder, or a file in work trees and submodules.
bool is_in_work_tree(os::Path folder) {
  std::error_code error;
  for (;; folder = folder.parent_path()) {
    if (fs::exists(folder / ".git", error)) return true;
    if (!folder.has_relative_path()) return false;
  }
}

}  // namespace

std::string with_ignored(std::string_view gitignore, std::string_view name) {
  std::istringstream in{std::string(gitignore)};
  for (std::string line; std::getline(in, line);) {
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    if (line == name || line == "/" + std::string(name)) return std::string(gitignore);
  }
  std::string text(gitignore);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text + std::string(name) + "\n";
}

Result<void> ignore_in_git(const os::Path& file) {
  std::error_code error;
  const os::Path place = fs::absolute(file, error);
  if (error || !is_in_work_tree(place.parent_path())) return {};
  const os::Path list = place.parent_path() / ".gitignore";
  struct stat info{};
  const bool exists = ::stat(list.c_str(), &info) == 0;
  std::string text;
  if (exists) {
    HOWDAH_TRY(text, os::read_file(list, 1_MiB));
  }
  const std::string wanted = with_ignored(text, place.filename().string());
  if (wanted == text) return {};
  // Through a link the file itself is changed; the link stays.
  const os::Path real = exists ? fs::canonical(list, error) : list;
  HOWDAH_CHECK(os::write_file_atomic(real, wanted, exists ? info.st_mode & 07777 : 0644));
  if (!exists) return {};
  return os::change_owner(real, info.st_uid, info.st_gid);
}

}  // namespace howdah::cli
