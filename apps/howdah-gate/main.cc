// SPDX-License-Identifier: Apache-2.0
// howdah-gate: every client connects here. SIGTERM and SIGINT drain and end it, SIGHUP reads the
// certificate again.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>

#include "base/flags.h"
#include "base/json.h"
#include "base/log.h"
#include "gate/gate.h"
#include "os/core_dumps.h"
#include "os/memory.h"

namespace howdah::gate {
namespace {

constexpr milliseconds kDrain{5'000};
constexpr unsigned kMemoryPart = 4;  // of the machine's memory at most

Task<void> serve(asio::io_context& context, Gate& gate) {
  asio::signal_set signals(context, SIGTERM, SIGINT, SIGHUP);
  gate.start();
  for (;;) {
    auto [error, number] = co_await signals.async_wait(net::kToken);
    if (error) co_return net::fail_net("wait for signals", error);
    if (number != SIGHUP) break;
    gate.reload();
  }
  log::info("gate", "stopping");
  co_await gate.stop(kDrain);
  co_return Result<void>{};
}

Result<void> start(int argc, const char* const* argv) {
  HOWDAH_CHECK(os::forbid_core_dumps());
  HOWDAH_TRY(const Flags flags, Flags::parse(argc, argv, gate_flags()));
  HOWDAH_TRY(GateConfig config, read_config(flags));
  HOWDAH_CHECK(os::cap_own_memory(kMemoryPart));
  asio::io_context context(1);
  Gate gate(context.get_executor(), std::move(config));
  HOWDAH_CHECK(gate.open());
  const auto pooled = gate.pooled_port();
  const json::object ports{{"direct_port", gate.direct_port()},
                           {"pooled_port", pooled ? json::value(*pooled) : json::value(nullptr)}};
  HOWDAH_CHECK(announce_ready(flags, json::serialize(ports)));

  Result<void> ended;
  asio::co_spawn(context, serve(context, gate),
                 [&](const std::exception_ptr& exception, Result<void> result) {
                   if (exception) std::rethrow_exception(exception);
                   ended = std::move(result);
                 });
  context.run();
  return ended;
}

}  // namespace
}  // namespace howdah::gate

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const auto result = howdah::gate::start(argc, argv);
    if (result) return EXIT_SUCCESS;
    const howdah::Error& error = result.error();
    howdah::log::error("gate", "{}{}{}", error.to_log(), error.hint.empty() ? "" : "; ",
                       error.hint);
    return howdah::info_of(error.code).exit_code;
  } catch (const std::exception& error) {
    howdah::log::error("gate", "cannot start: {}", error.what());
    return EXIT_FAILURE;
  }
}
