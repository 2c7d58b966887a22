// SPDX-License-Identifier: Apache-2.0
#include "node/rescue.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "model/names.h"
#include "net/run.h"
#include "node/export.h"
#include "node/postgres_source.h"
#include "node/standalone.h"

namespace howdah::node {
namespace {

json::object describe(const Standalone& folder, const Manifest& manifest) {
  return {{"id", manifest.id.str()},
          {"slug", manifest.slug},
          {"database", tenant_database(manifest.slug)},
          {"pg_major", manifest.pg_major},
          {"paused", manifest.paused},
          {"running", !folder.running_at(manifest).empty()},
          {"created_at", to_rfc3339(manifest.created_at)}};
}

// Until the caller closes our standard input, or a signal ends us.
asio::awaitable<void> wait_for_caller() {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor input(executor, ::dup(STDIN_FILENO));
  asio::signal_set signals(executor, SIGTERM, SIGINT);
  std::array<char, 64> ignored{};
  while (true) {
    auto outcome = co_await (input.async_read_some(asio::buffer(ignored), net::kToken) ||
                             signals.async_wait(net::kToken));
    if (outcome.index() == 1 || std::get<0>(std::get<0>(outcome))) co_return;
  }
}

// Who started us. The descriptor is closed with the first answer and may be another file's by then.
class Caller {
 public:
  explicit Caller(const Flags& flags) : flags_(flags) {}
  Result<void> answer(const json::object& value) {
    if (std::exchange(told_, true)) return {};
    return announce_ready(flags_, json::serialize(value));
  }
  const Flags& flags() const { return flags_; }

 private:
  const Flags& flags_;
  bool told_ = false;
};

// Only its own user's: no gate may lead clients to it.
Task<std::shared_ptr<instance::InstanceProcess>> start_alone(Environment& environment,
                                                             Manifest manifest) {
  HOWDAH_CO_TRY(auto request, start_request(environment, manifest));
  request.socket_group.reset();
  request.dies_with_caller = true;
  // Recovery of an instance that nobody else can bring up may take as long as it takes.
  request.deadline = milliseconds{3'600'000};
  co_return co_await instance::InstanceProcess::start(environment.pool, std::move(request));
}

Task<void> serve(Standalone& folder, Caller& caller, Manifest manifest) {
  json::object ready = describe(folder, manifest);
  if (const os::Path running = folder.running_at(manifest); !running.empty()) {
    ready["socket_directory"] = running.string();
    HOWDAH_CO_CHECK(caller.answer(ready));
    co_await wait_for_caller();
    co_return Result<void>{};
  }
  if (!folder.ours()) {
    co_return fail(ErrorCode::already_running,
                   fmt::format("a Howdah uses the folder, and {} sleeps", manifest.slug),
                   fmt::format("wake it: 'howdah psql {}'; or stop Howdah first, and try again",
                               manifest.slug));
  }
  Environment& environment = folder.environment();
  HOWDAH_CO_TRY(const auto installation,
                instance::choose_installation(environment.installations, manifest.pg_major));
  HOWDAH_CO_TRY(const auto process, co_await start_alone(environment, manifest));
  log::info("rescue", "{} runs, pid {}", manifest.id.str(), process->pid());
  ready["socket_directory"] = environment.place_of(manifest.id).socket_directory.string();
  ready["bin_directory"] = installation.bin_directory.string();
  const auto told = caller.answer(ready);
  if (told) co_await wait_for_caller();
  HOWDAH_CO_TRY(const auto report, co_await process->stop());
  const auto released =
      environment.sandbox->release(instance::sandbox_name(environment.place_of(manifest.id)));
  if (!released) log::warn("rescue", "{}", released.error().to_log());
  log::info("rescue", "{} is stopped {}", manifest.id.str(),
            report.way == instance::StopWay::clean ? "cleanly" : "after a crash");
  co_return told;
}

Task<void> list(Standalone& folder, Caller& caller) {
  json::array instances;
  for (const Manifest& manifest : folder.manifests()) {
    instances.push_back(describe(folder, manifest));
  }
  co_return caller.answer({{"instances", std::move(instances)}});
}

Task<void> work(Standalone& folder, Caller& caller) {
  if (const auto wanted = caller.flags().find("export")) {
    HOWDAH_CO_TRY(const Manifest manifest, folder.find(*wanted));
    HOWDAH_CO_TRY(const ExportRequest request, export_request(caller.flags()));
    HOWDAH_CO_TRY(const Exported made, co_await export_instance(folder, manifest, request));
    co_return caller.answer({{"directory", request.destination.string()},
                             {"pg_major", manifest.pg_major},
                             {"database", tenant_database(manifest.slug)},
                             {"bytes", made.bytes},
                             {"bin_directory", made.bin_directory.string()}});
  }
  const std::string wanted = caller.flags().text("rescue", "");
  if (wanted.empty()) co_return co_await list(folder, caller);
  HOWDAH_CO_TRY(Manifest manifest, folder.find(wanted));
  co_return co_await serve(folder, caller, std::move(manifest));
}

Task<void> run_in_folder(Caller& caller, Config config) {
  const Flags& flags = caller.flags();
  const os::Path runtime = flags.text("rescue-dir", config.runtime_dir.string() + "-r");
  HOWDAH_CO_TRY(Standalone folder,
                Standalone::open(std::move(config), runtime, flags.find("in-use").has_value()));
  const auto done = co_await work(folder, caller);
  const auto closed = folder.close();
  co_return done ? closed : done;
}

}  // namespace

std::vector<std::string_view> rescue_flag_names() {
  return {"rescue", "rescue-dir", "in-use", "export", "to", "owner", "stop-it", "progress"};
}

bool is_rescue(const Flags& flags) {
  return flags.find("rescue") || flags.find("export");
}

Result<void> run_rescue(asio::io_context& io, Flags flags, Config config) {
  Caller caller(flags);
  const auto done = net::run(io, run_in_folder(caller, std::move(config)));
  if (done) return done;
  const Error& error = done.error();
  (void)caller.answer({{"error",
                        {{"code", info_of(error.code).name},
                         {"message", error.message},
                         {"detail", error.detail},
                         {"hint", error.hint}}}});
  return done;
}

}  // namespace howdah::node
