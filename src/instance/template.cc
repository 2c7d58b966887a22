// SPDX-License-Identifier: Apache-2.0
#include "instance/template.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/json.h"
#include "instance/detail/instance_lock.h"
#include "instance/hardening_store.h"
#include "instance/instance_process.h"
#include "instance/provision_store.h"

namespace howdah::instance {
namespace {

constexpr int kInitdbTimeoutMs = 120'000;
constexpr std::string_view kUnusedConfig =
    "# Not read: the configuration of this instance stands beside its data directory.\n";

os::Path mark_path(const InstancePlace& place) {
  return place.directory / "template.json";
}

// Every choice here is for ever: docs/adr/2026-11-20-initdb-and-size-classes.md says why.
os::SpawnOptions initdb_options(const TemplateRequest& request) {
  os::SpawnOptions options;
  options.arguments = {request.installation.program("initdb").string(),
                       "--pgdata=" + request.place.data().string(),
                       fmt::format("--username={}", kAdminRole),
                       "--data-checksums",
                       "--encoding=UTF8",
                       "--locale=C.UTF-8",
                       "--wal-segsize=1",
                       "--auth=peer",
                       "--no-sync"};
  if (request.installation.major >= 17) {
    options.arguments.insert(options.arguments.end(),
                             {"--locale-provider=builtin", "--builtin-locale=C.UTF-8"});
  }
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  options.user = request.user;
  return options;
}

Result<void> run_initdb(const TemplateRequest& request) {
  HOWDAH_TRY(const auto lock, detail::take_lock(request.place));
  if (!lock) return fail(ErrorCode::conflict, "something runs where initdb shall work");
  os::SpawnOptions options = initdb_options(request);
  // Its servers inherit it too, so that end_unfinished_build() finds them.
  options.inherited_fds = {lock->get()};
  HOWDAH_TRY(const os::Output output, os::run(std::move(options), kInitdbTimeoutMs));
  if (output.exit_code != 0) {
    return fail(ErrorCode::instance_failed,
                fmt::format("initdb of PostgreSQL {} failed with exit code {}",
                            request.installation.version, output.exit_code),
                {}, output.text);
  }
  // A person who looks for the settings here must not be misled.
  for (const char* name : {"postgresql.conf", "pg_hba.conf", "pg_ident.conf"}) {
    const os::Path path = request.place.data() / name;
    HOWDAH_TRY(const os::UniqueFd file, os::open_file(path, O_WRONLY | O_TRUNC | O_NOFOLLOW));
    if (::write(file.get(), kUnusedConfig.data(), kUnusedConfig.size()) < 0) {
      return fail_errno("write " + path.string(), errno);
    }
  }
  return {};
}

Result<void> make_durable(const TemplateRequest& request) {
  const os::Path data = request.place.data();
  HOWDAH_TRY(const os::UniqueFd directory, os::open_file(data, O_RDONLY | O_DIRECTORY));
  // Once for each major, so one sync of the whole volume is cheaper than a thousand of files.
  if (::syncfs(directory.get()) != 0) return fail_errno("sync " + data.string(), errno);
  const json::object mark{{"format", kTemplateFormat},
                          {"hardening", hardening_id()},
                          {"pg_major", request.installation.major},
                          {"made_with", request.installation.version}};
  return os::write_file_atomic(mark_path(request.place), json::serialize(mark) + "\n", 0644);
}

}  // namespace

std::string template_name(int pg_major) {
  return fmt::format("{}-{}", pg_major, kTemplateFormat);
}

bool template_is_ready(const InstancePlace& place) {
  const auto text = os::read_file(mark_path(place), 64_KiB);
  if (!text) return false;
  const auto mark = parse_json(*text);
  if (!mark || !mark->is_object()) return false;
  const json::value* format = mark->as_object().if_contains("format");
  const json::value* hardening = mark->as_object().if_contains("hardening");
  return format != nullptr && *format == kTemplateFormat && hardening != nullptr &&
         *hardening == json::value(hardening_id());
}

Task<void> end_unfinished_build(asio::thread_pool& pool, InstancePlace place,
                                std::vector<uid_t> uids) {
  co_return co_await net::offload(pool, [&]() -> Result<void> {
    if (!std::filesystem::exists(place.lock())) return {};
    return detail::kill_holders(place, uids);
  });
}

Task<void> build_template(asio::thread_pool& pool, TemplateRequest request) {
  HOWDAH_CO_CHECK(co_await net::offload(pool, [&request] { return run_initdb(request); }));
  StartRequest start;
  start.place = request.place;
  start.installation = request.installation;
  start.user = request.user;
  start.config.pg_major = request.installation.major;
  start.config.platform_users = {request.agent_user};
  HOWDAH_CO_TRY(const auto process, co_await InstanceProcess::start(pool, std::move(start)));
  auto filled = co_await fill_template(request.place, request.installation.major);
  HOWDAH_CO_TRY(const ExitReport exit, co_await process->stop());
  HOWDAH_CO_CHECK(std::move(filled));
  if (exit.way != StopWay::clean) {
    co_return fail(ErrorCode::instance_failed, "the template did not stop cleanly");
  }
  co_return co_await net::offload(pool, [&request] { return make_durable(request); });
}

}  // namespace howdah::instance
