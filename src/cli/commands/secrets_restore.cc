// SPDX-License-Identifier: Apache-2.0
// howdah secrets restore: the recovery key becomes a key ring again.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/context.h"
#include "crypto/hash.h"
#include "crypto/keyring.h"
#include "os/file.h"

namespace howdah::cli {
namespace {

constexpr std::size_t kTypedMax = 1'000;

// One line from a person or a pipe.
Result<std::string> read_typed_key(const Context& context) {
  if (::isatty(STDIN_FILENO) == 1) {
    if (context.no_input) {
      return fail(ErrorCode::invalid_request, "the recovery key is asked for", "pipe it in");
    }
    fmt::print(stderr, "Recovery key (HR1-...): ");
  }
  std::string line;
  std::getline(std::cin, line);
  if (line.empty() || line.size() > kTypedMax) {
    return fail(ErrorCode::invalid_request, "no recovery key was given",
                "type it as it was printed, or pipe it in: howdah secrets restore < FILE");
  }
  return line;
}

// The ring as it is with this key in it. added: it was not there.
struct RestoredRing {
  crypto::KeyRing ring;
  bool existed = false;
  bool added = true;
};
Result<RestoredRing> restore_into(const os::Path& path, const std::string& typed) {
  auto text = os::read_file(path, 1_MiB);
  if (!text && text.error().code == ErrorCode::not_found) {
    HOWDAH_TRY(crypto::KeyRing ring, crypto::KeyRing::from_recovery_key(typed));
    return RestoredRing{std::move(ring), false, true};
  }
  if (!text) return std::unexpected(std::move(text).error());
  auto ring = crypto::KeyRing::from_json(*text);
  crypto::wipe(*text);
  if (!ring) {
    Error error = std::move(ring).error().within("read " + path.string());
    error.hint = "move that file away, then try again";
    return std::unexpected(std::move(error));
  }
  const std::size_t keys = ring->key_ids().size();
  HOWDAH_CHECK(ring->import_recovery_key(typed));
  const bool added = ring->key_ids().size() > keys;
  return RestoredRing{std::move(*ring), true, added};
}

Result<void> write_ring(const os::Path& path, const crypto::KeyRing& ring) {
  // howdahd reads it as the user of the folder.
  struct stat folder{};
  if (::stat(path.parent_path().c_str(), &folder) != 0) {
    return fail_errno("look at " + path.parent_path().string(), errno);
  }
  std::string content = ring.to_json();
  const auto written = os::write_file_atomic(path, content, 0600);
  crypto::wipe(content);
  HOWDAH_CHECK(written);
  return os::change_owner(path, folder.st_uid, folder.st_gid);
}

Result<int> restore(Context& context) {
  if (context.remote()) {
    return fail(ErrorCode::unsupported, "a recovery key is put back on the machine itself",
                "run this there, without --api-url");
  }
  const Layout layout = context.layout();
  std::error_code ignored;
  if (!std::filesystem::is_directory(layout.data / "secrets", ignored)) {
    return fail(ErrorCode::not_found,
                fmt::format("{} is no data folder of Howdah", layout.data.string()),
                "name it with --data-dir; where only its folder secrets is lost, make that one "
                "again: mkdir -m 700");
  }
  HOWDAH_TRY(const auto lock, os::try_lock(layout.data / "lock"));
  if (!lock) {
    return fail(ErrorCode::already_running,
                fmt::format("a 'howdah up' runs on {}", layout.data.string()), "stop it first");
  }
  HOWDAH_TRY(std::string typed, read_typed_key(context));
  const os::Path path = layout.data / "secrets" / "keyring.json";
  auto restored = restore_into(path, typed);
  crypto::wipe(typed);
  if (!restored) return std::unexpected(std::move(restored).error());
  if (restored->added) HOWDAH_CHECK(write_ring(path, restored->ring));
  context.say(!restored->existed ? "The key ring is made again. Start Howdah."
              : restored->added  ? "The key is in the ring, beside those that were there. Start "
                                   "Howdah; a sweep seals anew what it had sealed."
                                 : "This key is in the ring already. Nothing was changed.");
  return 0;
}

}  // namespace

void add_secrets_restore(CLI::App& secrets, Context& context) {
  CLI::App* command = secrets.add_subcommand(
      "restore", "Put a recovery key back into the key ring of a Howdah that is stopped");
  add_example(*command, "howdah secrets restore < /media/usb/howdah-recovery-key");
  command->callback([&context] { context.action = [&context] { return restore(context); }; });
}

}  // namespace howdah::cli
