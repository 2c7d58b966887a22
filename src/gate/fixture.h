// SPDX-License-Identifier: Apache-2.0
// What the tests with a real instance stand on: a PostgreSQL of their own, a gate on a thread of
// its own, and fakes of howdahd and the node agent behind the same unix sockets as the real ones.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gate/gate.h"
#include "http/server.h"
#include "net/json_lines.h"
#include "os/process.h"
#include "pgwire/message.h"
#include "pgwire/scram_client.h"
#include "pgwire/startup.h"

namespace howdah::gate {

inline constexpr std::string_view kSlug = "aaaaaaaa";
inline constexpr std::string_view kInstance = "i-aaaaaaaa";
inline constexpr std::string_view kUser = "user_aaaaaaaa";
inline constexpr std::string_view kDatabase = "tenant_aaaaaaaa";
inline constexpr std::string_view kPassword = "correct horse";

// One PostgreSQL for all tests of the program, with roles user_aaaaaaaa and app_user, made at its
// first use and removed at the end. Its socket is where a gate with runtime_dir() looks for it.
class TestInstance {
 public:
  static TestInstance& get();
  ~TestInstance();

  const os::Path& runtime_dir() const { return runtime_dir_; }
  const os::Path& data_dir() const { return data_dir_; }  // with tls/
  std::string socket_directory() const { return (runtime_dir_ / "i" / kInstance).string(); }

  bool running() const { return process_ && process_->running(); }
  void spawn();  // returns at once
  void start();  // returns when it accepts connections
  void signal(int number);
  void stop(int number);  // SIGINT: fast shutdown
  // As the platform's superuser, not through a gate. Returns the output.
  std::string sql(const std::string& statement);
  void make_certificate();  // of a new CA

 private:
  TestInstance();
  void make_cluster();
  os::Output run_as_server(std::vector<std::string> arguments);

  os::Path root_, runtime_dir_, data_dir_, pgdata_;
  std::optional<os::UserIds> server_user_;
  std::optional<os::Process> process_;
};

// The node agent as the gate sees it.
class FakeNode {
 public:
  FakeNode(asio::any_io_executor executor, const std::string& socket_path);
  asio::awaitable<void> stop() { return server_.stop(milliseconds{0}); }

  int acquires = 0;
  int releases = 0;
  int renewals = 0;
  bool forgets = false;  // renew answers that nothing is held
  bool fails = false;    // acquire answers instance_failed
  milliseconds acquire_delay{0};
  // As the node says that the instance's roles are.
  std::vector<nodeapi::RoleState> roles;
  int looks = 0;
  bool stops = false;  // a look answers that the instance was stopped meanwhile

 private:
  Task<http::Response> look_at_roles(http::Request request);
  Task<http::Response> acquire(http::Request request);
  Task<http::Response> renew(http::Request request);
  Task<http::Response> release(http::Request request);

  http::Router router_;
  http::Server server_;
};

// howdahd's end of the route stream, for one gate at a time.
class FakeControl {
 public:
  FakeControl(asio::any_io_executor executor, const std::string& socket_path);

  asio::awaitable<void> stop();
  Task<void> run();
  // The next version; sent now if a gate is connected.
  void publish(RouteUpdate update);

  std::vector<GateHello> hellos;
  std::uint64_t acked = 0;
  std::vector<BranchUse> use;
  std::vector<DeniedAttempt> denied;
  std::vector<RoleChange> role_changes;
  std::vector<LoginSeen> logins;
  std::uint64_t version = 0;

 private:
  Task<void> converse(net::Local::socket socket);

  net::Local::acceptor acceptor_;
  std::vector<RouteUpdate> history_;
  net::JsonLines* channel_ = nullptr;
  net::TaskGroup writes_;
};

Route test_route();  // of the instance, open, with kPassword for kUser and app_user

// A gate that serves. Use its members from other threads through on_loop() only.
class Harness {
 public:
  struct Options {
    GateConfig config = {};
    bool with_node = true;
    bool with_control = true;
    bool fresh_files = true;  // false: with the route file that an earlier gate left
    std::vector<Route> routes = {test_route()};
  };
  Harness();
  explicit Harness(Options options);
  ~Harness();

  std::uint16_t port() const { return port_; }
  std::uint16_t pooled_port() const { return pooled_port_; }
  const GateConfig& config() const { return config_; }

  // Runs function on the gate's thread and waits for its result.
  template <typename Function>
  auto on_loop(Function function) {
    using Value = std::invoke_result_t<Function>;
    std::packaged_task<Value()> task(std::move(function));
    auto result = task.get_future();
    asio::post(context_, [&task] { task(); });
    return result.get();
  }
  // Publishes one change and waits until the gate has acknowledged it.
  void publish(std::vector<Route> upserted, std::vector<BranchId> removed = {});
  bool eventually(std::function<bool()> condition);  // asked on the gate's thread, for 5 s

  Gate& gate() { return *gate_; }
  FakeNode& node() { return *node_; }
  FakeControl& control() { return *control_; }
  void stop_gate(milliseconds drain);

 private:
  asio::io_context context_{1};
  GateConfig config_;
  std::unique_ptr<FakeNode> node_;
  std::unique_ptr<FakeControl> control_;
  std::unique_ptr<net::TaskGroup> tasks_;
  std::unique_ptr<Gate> gate_;
  std::uint16_t port_ = 0, pooled_port_ = 0;
  std::thread thread_;
};

// A client that does what it is told, right or wrong. Blocks, at most some seconds.
class TestClient {
 public:
  // from: the address of this machine that it comes from; empty: any.
  explicit TestClient(std::uint16_t port,
                      const asio::ip::address& address = asio::ip::address_v4::loopback(),
                      std::optional<asio::ip::address> from = {});
  ~TestClient();

  void send(std::string_view bytes);
  // Whatever comes next, up to size bytes; empty: the gate closed.
  std::string receive(std::size_t size);
  // SSLRequest, 'S', handshake. server_name: SNI.
  void start_tls(const std::string& server_name = "localhost");
  // Type and body; type 0: the gate closed.
  struct Reply {
    char type = 0;
    std::string body;
    pgwire::ErrorFields error() const;  // of type 'E'
  };
  Reply read();

  void send_startup(const std::string& user, const std::string& database,
                    std::vector<pgwire::Parameter> parameters = {});
  // From the answer to a startup to ReadyForQuery, or the first ErrorResponse.
  Reply log_in(const std::string& password, std::optional<Reply> first = {});
  // The first part of log_in(): up to the proof, whose answer is left unread.
  void answer_challenge(const std::string& password);
  // TLS, startup, login.
  Reply connect(const std::string& user = std::string(kUser),
                const std::string& database = std::string(kDatabase),
                const std::string& password = std::string(kPassword));
  // First column of the first row of a simple query, or "ERROR <sqlstate>"; "CLOSED".
  std::string query(const std::string& sql);

  std::optional<pgwire::BackendKey> key;
  std::vector<pgwire::Parameter> parameters;  // ParameterStatus received
  asio::ip::tcp::socket& socket() { return socket_; }
  void end_output();

 private:
  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  asio::ssl::context tls_context_{asio::ssl::context::tls_client};
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
  void prove(const pgwire::AuthenticationRequest& request);

  std::string buffer_;
  std::unique_ptr<pgwire::ScramClient> scram_;
};

std::string query_message(const std::string& sql);

}  // namespace howdah::gate
