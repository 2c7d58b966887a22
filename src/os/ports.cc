// SPDX-License-Identifier: Apache-2.0
#include "os/ports.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "os/file.h"

namespace howdah::os {
namespace {

// Socket inodes that listen on the port, from /proc/net/tcp and tcp6 (proc(5)).
std::set<std::string> listening_inodes(std::uint16_t port) {
  std::set<std::string> inodes;
  const std::string suffix = fmt::format(":{:04X}", port);
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string line;
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::string slot, local, remote, state, queues, timer, retransmit, uid, timeout, inode;
      fields >> slot >> local >> remote >> state >> queues >> timer >> retransmit >> uid >>
          timeout >> inode;
      if (state == "0A" && local.ends_with(suffix)) inodes.insert("socket:[" + inode + "]");
    }
  }
  return inodes;
}

}  // namespace

bool is_listened_on(std::uint16_t port) {
  return !listening_inodes(port).empty();
}

std::optional<std::string> program_listening_on(std::uint16_t port) {
  namespace fs = std::filesystem;
  const auto inodes = listening_inodes(port);
  if (inodes.empty()) return std::nullopt;
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = process.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    for (const auto& fd : fs::directory_iterator(process.path() / "fd", ignored)) {
      if (!inodes.contains(fs::read_symlink(fd.path(), ignored).string())) continue;
      auto name = read_file(process.path() / "comm").value_or("a program\n");
      if (name.ends_with('\n')) name.pop_back();
      return fmt::format("{} (pid {})", name, pid);
    }
  }
  return std::nullopt;
}

}  // namespace howdah::os
