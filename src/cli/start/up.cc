// SPDX-License-Identifier: Apache-2.0
#include "cli/start/up.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/json.h"
#include "cli/commands/service.h"
#include "cli/start/host_firewall.h"
#include "cli/start/layout.h"
#include "cli/start/listening.h"
#include "cli/start/machine_check.h"
#include "cli/start/progress.h"
#include "cli/start/summary.h"
#include "cli/start/supervisor.h"
#include "http/client.h"
#include "net/listener.h"
#include "net/run.h"
#include "nodeapi/client.h"

namespace howdah::cli {
namespace {

constexpr milliseconds kDaemonStopLimit{15'000};
// The node makes volume and templates at the first start, on a slow disk.
constexpr milliseconds kNodeReadyLimit{300'000};

struct Ports {
  std::uint16_t http, direct, pooled;
};

// As the daemons take them: absolute, since they work elsewhere, and with ':' between.
std::string join_paths(const std::vector<std::string>& paths) {
  std::string joined;
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    if (!joined.empty()) joined += ':';
    joined += std::filesystem::absolute(path).lexically_normal().string();
  }
  return joined;
}

// Finds out before anything starts whether the ports are free, and turns 0 into a free one.
Result<std::uint16_t> settle_port(asio::any_io_executor executor, const std::string& address,
                                  std::uint16_t port, std::string_view option) {
  HOWDAH_TRY(auto acceptor, net::listen_tcp(executor, address, port, option));
  error_code error;
  const auto endpoint = acceptor.local_endpoint(error);
  if (error) return net::fail_net("ask for the chosen port", error);
  return endpoint.port();
}

Result<Ports> settle_ports(asio::any_io_executor executor, const UpOptions& options,
                           const Listening& listening) {
  Ports ports{options.http_port, options.direct_port, options.pooled_port};
  for (const std::string& address : listening.addresses) {
    HOWDAH_TRY(ports.http, settle_port(executor, address, ports.http, "--http-port"));
    HOWDAH_TRY(ports.direct, settle_port(executor, address, ports.direct, "--direct-port"));
    if (!options.pooled) continue;
    HOWDAH_TRY(ports.pooled, settle_port(executor, address, ports.pooled, "--pooled-port"));
  }
  // Pooled URLs go on working where the pooler is off: they lead to the direct port.
  if (!options.pooled) ports.pooled = ports.direct;
  return ports;
}

// Adds a flag only where the user gave a value, so that the daemons keep their own defaults.
void add_flag(std::vector<std::string>& arguments, std::string_view name, std::string value) {
  if (value.empty()) return;
  arguments.push_back(fmt::format("--{}", name));
  arguments.push_back(std::move(value));
}

class Up {
 public:
  Up(asio::io_context& io, UpOptions options)
      : io_(io),
        options_(std::move(options)),
        layout_(layout_of(options_.data_directory)),
        progress_(!options_.quiet),
        supervisor_(io.get_executor(), layout_),
        signals_(io, SIGINT, SIGTERM),
        interruption_(io, asio::steady_timer::time_point::max()) {}

  Task<int> run();

 private:
  Task<void> start();
  Task<void> start_node();
  Task<void> start_control();
  Task<void> start_gate();
  Task<void> write_connection_file();
  Task<void> make_sample();
  Task<json::value> call(http::Method method, std::string path, json::value body);
  Result<std::string> place_preset_key();
  Task<void> shut_down_node();
  asio::awaitable<void> stop();
  void interrupt(const error_code& error, int signal);
  Result<void> next_step(std::string what);

  asio::io_context& io_;
  UpOptions options_;
  Layout layout_;
  Progress progress_;
  Supervisor supervisor_;
  DaemonUsers users_;
  PreparedFolder folder_;
  Listening listening_;
  Ports ports_{};
  Summary summary_;
  asio::signal_set signals_;
  asio::steady_timer interruption_;  // waits for ever; cancelled by the first signal
  bool interrupted_ = false;
};

Task<int> Up::run() {
  ::signal(SIGPIPE, SIG_IGN);
  signals_.async_wait(std::bind_front(&Up::interrupt, this));
  Result<int> result = 0;
  const auto started = co_await start();
  if (interrupted_) {
    result = 130;
  } else if (!started) {
    result = std::unexpected(started.error());
  } else {
    progress_.done();
    notify_service_manager("READY=1\nSTATUS=serving " + summary_.api_url);
    if (!options_.quiet) summary_.print();
    co_await interruption_.async_wait(net::kToken);
  }
  signals_.cancel();
  progress_.done();
  co_await stop();
  co_return result;
}

void Up::interrupt(const error_code& error, int /*signal*/) {
  if (error) return;
  interrupted_ = true;
  interruption_.cancel();
}

// A daemon in the middle of its start is let finish it, so that it can be stopped cleanly: a mount
// or an instance would stay behind otherwise.
Result<void> Up::next_step(std::string what) {
  if (interrupted_) return fail(ErrorCode::cancelled, "interrupted while starting");
  progress_.step(std::move(what));
  return {};
}

Task<void> Up::start() {
  HOWDAH_CO_TRY(listening_, plan_listening(options_.listen, options_.domain, options_.email));
  HOWDAH_CO_CHECK(check_machine(layout_));
  HOWDAH_CO_TRY(users_, ensure_daemon_users());
  HOWDAH_CO_TRY(folder_, prepare_folder(layout_, users_));
  HOWDAH_CO_TRY(ports_, settle_ports(io_.get_executor(), options_, listening_));
  HOWDAH_CO_CHECK(next_step(folder_.first_start
                                ? "making the volume and the first databases (first start)"
                                : "starting the node agent and the catalog"));
  HOWDAH_CO_CHECK(co_await start_node());
  HOWDAH_CO_CHECK(next_step("starting the control plane"));
  HOWDAH_CO_CHECK(co_await start_control());
  HOWDAH_CO_CHECK(next_step("starting the gate"));
  HOWDAH_CO_CHECK(co_await start_gate());
  summary_.layout = layout_;
  summary_.first_start = folder_.first_start;
  summary_.host = !options_.public_host.empty() ? options_.public_host
                  : !options_.domain.empty()    ? options_.domain
                                                : "localhost";
  summary_.api_url = listening_.api_url(summary_.host, ports_.http);
  summary_.direct_port = ports_.direct;
  summary_.pooled_port = ports_.pooled;
  if (listening_.open) {
    summary_.open_addresses = listening_.addresses;
    std::vector<std::uint16_t> ports{ports_.http, ports_.direct};
    if (options_.pooled) ports.push_back(ports_.pooled);
    summary_.firewall = find_host_firewall(ports);
  }
  if (folder_.first_start && options_.sample) {
    HOWDAH_CO_CHECK(next_step("making the sample database"));
    HOWDAH_CO_CHECK(co_await make_sample());
  }
  co_return co_await write_connection_file();
}

Task<void> Up::start_node() {
  DaemonPlan plan{"howdah-node", {}, std::nullopt, kNodeReadyLimit};
  add_flag(plan.arguments, "data-dir", layout_.data.string());
  add_flag(plan.arguments, "runtime-dir", layout_.runtime.string());
  add_flag(plan.arguments, "control-user", users_.control_name);
  add_flag(plan.arguments, "gate-user", users_.gate_name);
  add_flag(plan.arguments, "postgres-dir", join_paths(options_.postgres_directories));
  add_flag(plan.arguments, "volume-driver", options_.volume_driver);
  add_flag(plan.arguments, "volume-size", options_.volume_size);
  add_flag(plan.arguments, "size-class", options_.size_class);
  add_flag(plan.arguments, "sandbox", options_.sandbox);
  if (std::getenv("HOWDAH_WITHOUT_DISK_GUARD") != nullptr) {
    add_flag(plan.arguments, "disk-guard", "off");
  }
  if (options_.spares >= 0) add_flag(plan.arguments, "spares", std::to_string(options_.spares));
  HOWDAH_CO_CHECK(co_await supervisor_.start(std::move(plan)));
  nodeapi::Client node(io_.get_executor(), layout_.node_socket());
  HOWDAH_CO_TRY(summary_.node, co_await node.status());
  co_return Result<void>{};
}

Task<void> Up::start_control() {
  DaemonPlan plan{"howdahd", {}, users_.control, milliseconds{60'000}};
  add_flag(plan.arguments, "data-dir", layout_.data.string());
  add_flag(plan.arguments, "runtime-dir", layout_.runtime.string());
  add_flag(plan.arguments, "listen", listening_.text());
  add_flag(plan.arguments, "http-port", std::to_string(ports_.http));
  add_flag(plan.arguments, "direct-port", std::to_string(ports_.direct));
  add_flag(plan.arguments, "pooled-port", std::to_string(ports_.pooled));
  add_flag(plan.arguments, "public-host", options_.public_host);
  add_flag(plan.arguments, "domain", options_.domain);
  add_flag(plan.arguments, "rate-limit", options_.rate_limit);
  add_flag(plan.arguments, "owner-uid", std::to_string(commanding_user().uid));
  HOWDAH_CO_TRY(const std::string preset, place_preset_key());
  add_flag(plan.arguments, "preset-key-file", preset);
  auto ready = co_await supervisor_.start(std::move(plan));
  if (!preset.empty()) ::unlink(preset.c_str());
  if (!ready) co_return std::unexpected(std::move(ready).error());
  const json::value* recovery = ready->as_object().if_contains("recovery_key");
  if (recovery != nullptr && recovery->is_string()) {
    summary_.recovery_key = std::string(recovery->get_string());
  }
  co_return Result<void>{};
}

Task<void> Up::start_gate() {
  DaemonPlan plan{"howdah-gate", {}, users_.gate};
  add_flag(plan.arguments, "data-dir", layout_.data.string());
  add_flag(plan.arguments, "runtime-dir", layout_.runtime.string());
  add_flag(plan.arguments, "listen", listening_.text());
  add_flag(plan.arguments, "direct-port", std::to_string(ports_.direct));
  add_flag(plan.arguments, "pooled-port", std::to_string(ports_.pooled));
  if (!options_.pooled) add_flag(plan.arguments, "no-pooled", "yes");
  if (std::getenv("HOWDAH_GATE_PLAINTEXT") != nullptr) {
    add_flag(plan.arguments, "plaintext-for-measurement", "yes");
  }
  HOWDAH_CO_CHECK(co_await supervisor_.start(std::move(plan)));
  co_return Result<void>{};
}

// A first key chosen by the user for automation goes to howdahd through a file that only it can
// read: environments and arguments of a process can be read by others.
Result<std::string> Up::place_preset_key() {
  if (options_.preset_key.empty()) return std::string();
  const os::Path path = layout_.data / "secrets" / "preset-key";
  HOWDAH_CHECK(os::write_file_atomic(path, options_.preset_key, 0600));
  if (users_.control) {
    HOWDAH_CHECK(os::change_owner(path, users_.control->uid, users_.control->gid));
  }
  return path.string();
}

Task<json::value> Up::call(http::Method method, std::string path, json::value body) {
  http::Client client(io_.get_executor(), layout_.control_socket());
  co_return co_await client.call(method, std::move(path), {}, std::move(body),
                                 milliseconds{60'000});
}

Task<void> Up::make_sample() {
  const json::value body = {
      {"friendlyName", "shop"}, {"ownerEmail", "you@example.org"}, {"sampleData", true}};
  HOWDAH_CO_TRY(const json::value created,
                co_await call(http::Method::post, "/api/databases", body));
  summary_.sample = created.at("data");
  co_return Result<void>{};
}

Task<void> Up::write_connection_file() {
  const json::value body = {{"name", "connection.json"}, {"session", true}};
  HOWDAH_CO_TRY(const json::value key, co_await call(http::Method::post, "/api/keys", body));
  const json::value content = {{"api_url", summary_.api_url},
                               {"api_key", key.at("data").at("key")},
                               {"direct_port", ports_.direct},
                               {"pooled_port", ports_.pooled},
                               {"host", summary_.host},
                               {"ca_certificate", layout_.ca_certificate().string()},
                               {"pid", ::getpid()}};
  const os::Path file = layout_.connection_file();
  HOWDAH_CO_CHECK(os::write_file_atomic(file, json::serialize(content) + "\n", 0600));
  const os::UserIds user = commanding_user();
  if (user.uid == ::geteuid()) co_return Result<void>{};
  co_return os::change_owner(file, user.uid, user.gid);
}

Task<void> Up::shut_down_node() {
  nodeapi::Client node(io_.get_executor(), layout_.node_socket());
  co_return co_await node.shutdown();
}

asio::awaitable<void> Up::stop() {
  notify_service_manager("STOPPING=1");
  ::unlink(layout_.connection_file().c_str());
  if (folder_.lock) {
    if (!options_.quiet) progress_.step("stopping: gate, control plane, instances");
    co_await supervisor_.stop(kDaemonStopLimit, std::bind_front(&Up::shut_down_node, this));
    (void)os::remove_tree(layout_.runtime);
  }
  progress_.done();
}

}  // namespace

Result<int> run_up(UpOptions options) {
  asio::io_context io(1);
  Up up(io, std::move(options));
  return net::run(io, up.run());
}

}  // namespace howdah::cli
