// SPDX-License-Identifier: Apache-2.0
#include "cli/start/node_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <ranges>

#include "base/json.h"

namespace howdah::cli {
namespace {

constexpr std::string_view kMark = "READY ";
constexpr std::size_t kAnswerMax = 4 << 20;

struct Pipe {
  os::UniqueFd in, out;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  return Pipe{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

Result<void> check_owner(const Layout& layout) {
  struct stat info{};
  const os::Path mark = layout.data / "howdah.json";
  if (::stat(mark.c_str(), &info) != 0) {
    if (errno != ENOENT) return fail_errno("look at " + mark.string(), errno);
    return fail(ErrorCode::not_found, layout.data.string() + " is no data folder of Howdah",
                "name it with --data-dir");
  }
  if (info.st_uid == ::geteuid() || ::geteuid() == 0) return {};
  return fail(ErrorCode::forbidden,
              fmt::format("{} belongs to user {}", layout.data.string(),
                          os::user_name(info.st_uid).value_or(fmt::format("{}", info.st_uid))),
              "run it as that user (sudo)");
}

// The folder may be on a disk that is full.
os::UniqueFd open_log(const os::Path& path) {
  auto log = os::open_file(path, O_WRONLY | O_CREAT | O_APPEND, 0640);
  if (log) return std::move(*log);
  return os::open_file("/dev/null", O_WRONLY).value_or(os::UniqueFd());
}

Result<json::object> read_answer(int fd) {
  std::string line;
  std::array<char, 4096> buffer{};
  while (line.size() < kAnswerMax && !line.ends_with('\n')) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    line.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (!line.starts_with(kMark)) {
    return fail(ErrorCode::internal, "howdah-node ended without an answer");
  }
  HOWDAH_TRY(json::value value, parse_json(std::string_view(line).substr(kMark.size())));
  if (!value.is_object()) return fail(ErrorCode::internal, "howdah-node gave no answer");
  return std::move(value.get_object());
}

// "bin:/usr/lib/pg" -> as the program takes them, which works elsewhere.
std::string absolute_paths(const std::string& paths) {
  std::string absolute;
  for (const auto part : std::views::split(paths, ':')) {
    if (part.empty()) continue;
    const os::Path path(std::string(part.begin(), part.end()));
    absolute +=
        (absolute.empty() ? "" : ":") + std::filesystem::absolute(path).lexically_normal().string();
  }
  return absolute;
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Error error_of(const json::object& object) {
  Error error{ErrorCode::internal,
              text_of(object, "message"),
              text_of(object, "hint"),
              text_of(object, "detail"),
              {},
              {}};
  for (const ErrorInfo& info : kErrorInfos) {
    if (info.name == text_of(object, "code")) error.code = info.code;
  }
  return error;
}

}  // namespace

Result<NodeProgram> NodeProgram::start(const Context& context, std::vector<std::string> arguments,
                                       int progress) {
  const Layout layout = context.layout();
  HOWDAH_CHECK(check_owner(layout));
  // Held until the end: no `howdah up` begins meanwhile. Without it, one runs.
  HOWDAH_TRY(auto lock, os::try_lock(layout.data / "lock"));
  HOWDAH_TRY(Pipe ready, make_pipe());
  HOWDAH_TRY(Pipe input, make_pipe());
  const os::Path log_path = layout.log_file("howdah-rescue");
  const os::UniqueFd log = open_log(log_path);

  os::SpawnOptions options;
  options.arguments = {(program_directory() / "howdah-node").string(),
                       "--data-dir",
                       layout.data.string(),
                       "--runtime-dir",
                       layout.runtime.string(),
                       "--ready-fd",
                       std::to_string(ready.out.get())};
  const std::string servers = absolute_paths(context.config().text("postgres-dir"));
  if (!servers.empty()) {
    options.arguments.insert(options.arguments.end(), {"--postgres-dir", servers});
  }
  if (!lock) options.arguments.insert(options.arguments.end(), {"--in-use", "yes"});
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LANG=C.UTF-8"};
  options.stdin_fd = input.in.get();
  options.stdout_fd = progress;
  options.stderr_fd = log.get();
  options.inherited_fds = {ready.out.get()};
  // Not with us by a signal: it would leave a server and a mount behind. The end of its input is
  // its end, however we end.
  HOWDAH_TRY(os::Process process, os::spawn(options));
  ready.out = os::UniqueFd();
  input.in = os::UniqueFd();
  NodeProgram program(std::move(process), std::move(input.out));
  if (lock) program.folder_lock_ = std::move(*lock);
  program.log_ = log_path;
  auto answer = read_answer(ready.in.get());
  if (!answer) {
    (void)program.finish();
    answer.error().hint = "see " + log_path.string();
    return std::unexpected(std::move(answer).error());
  }
  if (const json::value* error = answer->if_contains("error")) {
    (void)program.finish();
    return std::unexpected(error_of(error->as_object()));
  }
  program.answer_ = std::move(*answer);
  return program;
}

Result<void> NodeProgram::finish() {
  input_ = os::UniqueFd();
  pollfd ended{process_.pidfd(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) continue;
  const int code = process_.reap().value_or(-1);
  if (code == 0) return {};
  return fail(ErrorCode::internal, fmt::format("howdah-node ended with status {}", code),
              "see " + log_.string());
}

}  // namespace howdah::cli
