// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/service.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cli/settings/configuration.h"
#include "cli/shell/aliases.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

// In everything that is written, so that nothing else is ever taken away.
constexpr std::string_view kMark = "Made by 'howdah service install'";
constexpr int kSystemctlLimit_ms = 400'000;  // a first start makes the volume

// Where systemd puts other text for "%x".
std::string without_specifiers(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '%' ? "%%" : std::string(1, c);
  return safe;
}

// As systemd reads one word of ExecStart.
std::string word(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '%' || c == '$') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

// Nothing here makes a mount namespace of its own (ProtectSystem, PrivateTmp): the volume is
// mounted by the unit and must be seen by `howdah doctor` and by an administrator. RestrictSUIDSGID
// would take openat2() away, by which files that tenants own are opened.
constexpr const char* kSystemHardening = R"(
# A process that runs out of memory is one database; the others go on.
OOMPolicy=continue
LimitNOFILE=1048576
TasksMax=infinity
Delegate=yes
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_SYS_TIME CAP_SYSLOG
CapabilityBoundingSet=~CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_BPF
)";

constexpr const char* kUserHardening = R"(
OOMPolicy=continue
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
)";

os::Path prefix(const ServiceSettings& settings) {
  return settings.system ? os::Path("/usr/local") : settings.home / ".local";
}

os::Path fish_folder(const ServiceSettings& settings) {
  return settings.system ? os::Path("/usr/local/share/fish/vendor_completions.d")
                         : settings.home / ".config/fish/completions";
}

bool is_ours(const PlacedFile& file) {
  std::error_code error;
  if (file.link) {
    const os::Path target = fs::read_symlink(file.path, error);
    return !error && (target == file.content || target.filename() == "howdah");
  }
  const auto text = os::read_file(file.path, 1_MiB);
  return text && text->find(kMark) != std::string::npos;
}

}  // namespace

std::string unit_name(const ServiceSettings& settings) {
  if (settings.layout.data == layout_of(default_data_directory()).data) return "howdah.service";
  const std::string runtime = settings.layout.runtime.filename();
  return fmt::format("howdah-{}.service", runtime.substr(runtime.rfind('-') + 1));
}

std::string unit_text(const ServiceSettings& settings) {
  std::string command = fmt::format("{} up --data-dir {}", word(settings.program.string()),
                                    word(settings.layout.data.string()));
  for (const std::string& argument : settings.arguments) command += " " + word(argument);
  return fmt::format(
      R"(# {}. 'howdah service remove' takes it away.
[Unit]
Description=Howdah: a Postgres cloud ({})
Documentation=man:howdah(1)
After=network-online.target local-fs.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={}
TimeoutStartSec=400
TimeoutStopSec=90
# SIGTERM to 'howdah up', which stops everything in order; what is left after that is killed.
KillMode=mixed
Restart=on-failure
RestartSec=2
# A wrong configuration does not get better by trying again.
RestartPreventExitStatus=2 78
SuccessExitStatus=130
{}
[Install]
WantedBy={}
)",
      kMark, without_specifiers(settings.layout.data.string()), command,
      settings.system ? kSystemHardening : kUserHardening,
      settings.system ? "multi-user.target" : "default.target");
}

os::Path unit_folder(const ServiceSettings& settings) {
  const os::Path folder =
      settings.system ? os::Path("/etc/systemd/system") : settings.home / ".config/systemd/user";
  return settings.destination.empty() ? folder : settings.destination / folder.relative_path();
}

os::Path unit_file(const ServiceSettings& settings) {
  return unit_folder(settings) / unit_name(settings);
}

std::vector<PlacedFile> shared_files(const ServiceSettings& settings,
                                     const std::vector<ManualPage>& pages) {
  const os::Path base = prefix(settings);
  std::vector<PlacedFile> files;
  const std::string program = settings.program.string();
  files.push_back({base / "bin/howdah", program, true});
  for (const Alias& alias : kAliases) files.push_back({base / "bin" / alias.name, program, true});
  for (const ManualPage& page : pages) {
    files.push_back(
        {base / "share/man/man1" / page.file, fmt::format(".\\\" {}\n{}", kMark, page.text)});
  }
  const std::string mark = fmt::format("# {}\n", kMark);
  files.push_back(
      {base / "share/bash-completion/completions/howdah", mark + completion_script("bash")});
  files.push_back({fish_folder(settings) / "howdah.fish", mark + completion_script("fish")});
  // Its first line says what it is, so the mark comes last.
  files.push_back({base / "share/zsh/site-functions/_howdah", completion_script("zsh") + mark});
  if (settings.destination.empty()) return files;
  for (PlacedFile& file : files) file.path = settings.destination / file.path.relative_path();
  return files;
}

Result<void> place_files(const std::vector<PlacedFile>& files) {
  std::error_code error;
  for (const PlacedFile& file : files) {
    const bool there = fs::exists(fs::symlink_status(file.path, error));
    if (there && !is_ours(file) && fs::canonical(file.path, error) != file.content) {
      return fail(ErrorCode::conflict,
                  fmt::format("{} is there and was not made by Howdah", file.path.string()),
                  "move it away first");
    }
  }
  for (const PlacedFile& file : files) {
    fs::create_directories(file.path.parent_path(), error);
    if (error) return fail_errno("make " + file.path.parent_path().string(), error.value());
    if (!file.link) {
      HOWDAH_CHECK(os::write_file_atomic(file.path, file.content, 0644));
      continue;
    }
    // The program itself may stand where the link would be.
    if (fs::canonical(file.path, error) == file.content && !fs::is_symlink(file.path)) continue;
    fs::remove(file.path, error);
    fs::create_symlink(file.content, file.path, error);
    if (error) return fail_errno("make " + file.path.string(), error.value());
  }
  return {};
}

Result<std::vector<os::Path>> take_away_files(const std::vector<PlacedFile>& files) {
  std::vector<os::Path> gone;
  for (const PlacedFile& file : files) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(file.path, error)) || !is_ours(file)) continue;
    fs::remove(file.path, error);
    if (error) return fail_errno("remove " + file.path.string(), error.value());
    gone.push_back(file.path);
  }
  return gone;
}

bool has_service_manager(bool system) {
  std::error_code error;
  if (!fs::is_directory("/run/systemd/system", error)) return false;
  if (system) return true;
  const auto runtime = environment_value("XDG_RUNTIME_DIR");
  return runtime && fs::is_directory(os::Path(*runtime) / "systemd", error);
}

Result<std::string> service_manager(bool system, const std::vector<std::string>& words) {
  os::SpawnOptions options;
  options.arguments = {"/usr/bin/systemctl"};
  if (!system) options.arguments.emplace_back("--user");
  options.arguments.insert(options.arguments.end(), words.begin(), words.end());
  for (const char* name : {"PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}) {
    if (const auto value = environment_value(name)) {
      options.environment.push_back(fmt::format("{}={}", name, *value));
    }
  }
  HOWDAH_TRY(os::Output output, os::run(options, kSystemctlLimit_ms));
  while (output.text.ends_with('\n')) output.text.pop_back();
  if (output.exit_code == 0) return output.text;
  return fail(ErrorCode::io_error, fmt::format("systemctl {} failed", fmt::join(words, " ")),
              "see: journalctl -xe", output.text);
}

void notify_service_manager(std::string_view state) {
  const auto path = environment_value("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (!path || path->size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path->data(), path->size());
  if (path->front() == '@') address.sun_path[0] = '\0';  // an abstract socket
  const os::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size());
  ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace howdah::cli
