// SPDX-License-Identifier: Apache-2.0
#include "node/program.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "net/run.h"
#include "node/node_service.h"
#include "node/rescue.h"
#include "os/memory.h"

namespace howdah::node {
namespace {

constexpr unsigned kMemoryPart = 8;  // of the machine's memory at most

// Each running instance takes a few descriptors, each connection one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Task<void> run_agent(asio::io_context& io, Flags flags, Config config) {
  using namespace asio::experimental::awaitable_operators;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  HOWDAH_CO_TRY(auto environment, open_environment(config));
  const std::string socket = environment->folder.api_socket().string();
  NodeService service(io.get_executor(), std::move(environment));
  auto started = co_await service.start();
  if (!started) {
    co_await service.abandon_start();
    co_return std::unexpected(std::move(started).error());
  }
  const json::value ready{{"socket", socket}};
  const auto announced = announce_ready(flags, json::serialize(ready));
  if (!announced) log::warn("node", "{}", announced.error().to_log());
  log::info("node", "ready on {}", socket);
  co_await (service.wait_shut_down() || signals.async_wait(net::kToken));
  co_await service.leave();
  log::info("node", "ended");
  co_return Result<void>{};
}

Result<void> set_log_level(const Flags& flags) {
  const std::string level = flags.text("log-level", "info");
  if (level != "info" && level != "debug") {
    return fail(ErrorCode::config_invalid,
                "flag --log-level must be info or debug, not '" + level + "'");
  }
  if (level == "debug") log::set_level(log::Level::debug);
  return {};
}

// Whoever asked is told; nothing here has to alarm anybody else.
int rescue(asio::io_context& io, Flags flags, Config config) {
  const auto done = run_rescue(io, std::move(flags), std::move(config));
  if (done) return 0;
  log::info("rescue", "refused: {}", done.error().to_log());
  return info_of(done.error().code).exit_code;
}

Result<int> run(int argc, const char* const* argv) {
  std::vector<std::string_view> names = config_flag_names();
  for (const std::string_view name : rescue_flag_names()) names.push_back(name);
  HOWDAH_TRY(Flags flags, Flags::parse(argc, argv, names));
  HOWDAH_TRY(Config config, config_from_flags(flags));
  HOWDAH_CHECK(set_log_level(flags));
  raise_descriptor_limit();
  HOWDAH_CHECK(os::cap_own_memory(kMemoryPart));
  // A supervisor that is gone must not take the agent along.
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  if (is_rescue(flags)) return rescue(io, std::move(flags), std::move(config));
  HOWDAH_CHECK(net::run(io, run_agent(io, std::move(flags), std::move(config))));
  return 0;
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  try {
    const auto result = run(argc, argv);
    if (result) return *result;
    const Error& error = result.error();
    log::error("node", "{}{}{}", error.to_log(), error.hint.empty() ? "" : "; ", error.hint);
    return info_of(error.code).exit_code;
  } catch (const std::exception& exception) {
    log::error("node", "internal: {}", exception.what());
    return info_of(ErrorCode::internal).exit_code;
  }
}

}  // namespace howdah::node
