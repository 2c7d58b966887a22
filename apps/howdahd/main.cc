// SPDX-License-Identifier: Apache-2.0
// howdahd: the control plane. SIGTERM and SIGINT drain and end it.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>

#include "base/flags.h"
#include "base/log.h"
#include "control/service/service.h"
#include "net/run.h"
#include "os/core_dumps.h"
#include "os/memory.h"

namespace howdah::control {
namespace {

constexpr milliseconds kDrain{3'000};
constexpr unsigned kMemoryPart = 8;  // of the machine's memory at most

asio::awaitable<void> wait_for_end(asio::signal_set& signals) {
  co_await signals.async_wait(net::kToken);
}

Task<void> begin(Service& service, const Flags& flags) {
  HOWDAH_CO_CHECK(co_await service.start());
  co_return announce_ready(flags, boost::json::serialize(service.ready()));
}

// A signal ends the start too: it may be waiting for a node that never comes.
Task<void> run(Service& service, asio::io_context& io, const Flags& flags) {
  using namespace asio::experimental::awaitable_operators;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  auto outcome = co_await (begin(service, flags) || wait_for_end(signals));
  Result<void> begun;
  if (auto* started = std::get_if<0>(&outcome)) {
    begun = std::move(*started);
    if (begun) co_await wait_for_end(signals);
  }
  log::info("howdahd", "stopping");
  co_await service.stop(kDrain);
  co_return begun;
}

Result<void> start(int argc, const char* const* argv) {
  HOWDAH_CHECK(os::forbid_core_dumps());
  HOWDAH_TRY(const Flags flags, Flags::parse(argc, argv, Config::flag_names()));
  HOWDAH_TRY(Config config, Config::from_flags(flags));
  HOWDAH_CHECK(os::cap_own_memory(kMemoryPart));
  asio::io_context io(1);
  Service service(io, std::move(config));
  return net::run(io, run(service, io, flags));
}

}  // namespace
}  // namespace howdah::control

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const auto result = howdah::control::start(argc, argv);
    if (result) return EXIT_SUCCESS;
    const howdah::Error& error = result.error();
    // On one line: `howdah up` shows the last ERROR line to whoever started it.
    howdah::log::error("howdahd", "{}{}{}", error.to_log(), error.hint.empty() ? "" : "; ",
                       error.hint);
    return howdah::info_of(error.code).exit_code;
  } catch (const std::exception& error) {
    howdah::log::error("howdahd", "cannot start: {}", error.what());
    return EXIT_FAILURE;
  }
}
