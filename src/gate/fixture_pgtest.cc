// SPDX-License-Identifier: Apache-2.0
#include "gate/fixture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <stdexcept>

#include "crypto/certificate.h"
#include "gate/backend_login.h"
#include "nodeapi/messages.h"
#include "pgwire/scram.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_log());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The newest server installed.
os::Path find_bin_directory() {
  os::Path newest;
  int newest_major = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
    const int major = std::stoi(entry.path().filename().string());
    if (major > newest_major && exists(entry.path() / "bin/postgres")) {
      newest_major = major;
      newest = entry.path() / "bin";
    }
  }
  return newest;
}

// A thread that lives as long as the program: what it starts dies with it, also in a crash.
asio::thread_pool& spawner() {
  static asio::thread_pool pool(1);
  return pool;
}

}  // namespace

// --- TestInstance ------------------------------------------------------------------------------

TestInstance& TestInstance::get() {
  static TestInstance instance;
  return instance;
}

TestInstance::TestInstance() {
  std::signal(SIGPIPE, SIG_IGN);
  spawner();
  std::string pattern = "/tmp/howdah-gate-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  root_ = pattern;
  runtime_dir_ = root_ / "r";
  data_dir_ = root_ / "d";
  pgdata_ = root_ / "pg";
  if (::geteuid() == 0) server_user_ = os::find_user("nobody");
  for (const os::Path& path : {root_, runtime_dir_, runtime_dir_ / "i",
                               os::Path(socket_directory()), data_dir_, pgdata_}) {
    must(os::make_directory(path, 0755));
  }
  if (server_user_) {
    for (const os::Path& path : {os::Path(socket_directory()), pgdata_}) {
      must(os::change_owner(path, server_user_->uid, server_user_->gid));
    }
  }
  make_certificate();
  make_cluster();
}

TestInstance::~TestInstance() {
  if (running()) stop(SIGQUIT);
  static_cast<void>(os::remove_tree(root_));
}

void TestInstance::make_certificate() {
  const auto ca = must(crypto::make_certificate_authority("Gate test CA", now()));
  const auto server =
      must(crypto::issue_server_certificate(ca, {"localhost", "*.localhost", "127.0.0.1"}, now()));
  must(os::make_directory(data_dir_ / "tls", 0755));
  must(os::write_file_atomic(data_dir_ / "tls/ca.crt", ca.certificate_pem, 0644));
  must(os::write_file_atomic(data_dir_ / "tls/server.crt", server.certificate_pem, 0644));
  must(os::write_file_atomic(data_dir_ / "tls/server.key", server.private_key_pem, 0600));
}

os::Output TestInstance::run_as_server(std::vector<std::string> arguments) {
  os::SpawnOptions options;
  options.arguments = std::move(arguments);
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.user = server_user_;
  return must(os::run(std::move(options), 60'000));
}

void TestInstance::make_cluster() {
  const auto made =
      run_as_server({find_bin_directory() / "initdb", "-D", pgdata_, "-U", "howdah_admin", "-A",
                     "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"});
  if (made.exit_code != 0) throw std::runtime_error(made.text);
  const std::string me = os::user_name(::geteuid()).value_or("root");
  must(os::write_file_atomic(pgdata_ / "pg_hba.conf",
                             "local all howdah_admin peer map=platform\n"
                             "local all all peer map=gate\n",
                             0644));
  must(os::write_file_atomic(pgdata_ / "pg_ident.conf",
                             fmt::format("platform {0} howdah_admin\ngate {0} user_aaaaaaaa\n"
                                         "gate {0} app_user\n",
                                         me),
                             0644));
  start();
  sql("CREATE ROLE user_aaaaaaaa LOGIN CREATEDB");
  sql("CREATE ROLE app_user LOGIN");
  sql("CREATE DATABASE tenant_aaaaaaaa OWNER user_aaaaaaaa");
}

void TestInstance::spawn() {
  if (process_) process_->reap();
  const os::UniqueFd log =
      must(os::open_file(root_ / "postgres.log", O_WRONLY | O_CREAT | O_APPEND, 0644));
  os::SpawnOptions options;
  options.arguments = {find_bin_directory() / "postgres",
                       "-D",
                       pgdata_,
                       "-c",
                       "listen_addresses=",
                       "-c",
                       "unix_socket_directories=" + socket_directory(),
                       "-c",
                       "unix_socket_permissions=0777",
                       "-c",
                       "fsync=off",
                       "-c",
                       "shared_buffers=16MB",
                       "-c",
                       "max_connections=120"};
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.user = server_user_;
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  options.dies_with_parent = true;
  std::packaged_task<Result<os::Process>()> task([&] { return os::spawn(options); });
  auto spawned = task.get_future();
  asio::post(spawner(), [&task] { task(); });
  process_ = must(spawned.get());
}

void TestInstance::start() {
  if (running()) return;
  spawn();
  for (int i = 0; i < 2000; ++i) {
    if (sql("SELECT 1") == "1") return;
    std::this_thread::sleep_for(5ms);
  }
  throw std::runtime_error("the test instance does not start");
}

void TestInstance::signal(int number) {
  if (process_) static_cast<void>(process_->signal(number));
}

void TestInstance::stop(int number) {
  if (!process_) return;
  signal(number);
  while (!process_->reap()) std::this_thread::sleep_for(2ms);
  process_.reset();
}

std::string TestInstance::sql(const std::string& statement) {
  os::SpawnOptions options;
  options.arguments = {
      "/usr/bin/psql", "-XAtq", "-h",     socket_directory(), "-U", "howdah_admin", "-d",
      "postgres",      "-c",    statement};
  options.environment = {"PATH=/usr/bin:/bin"};
  auto output = must(os::run(std::move(options), 30'000));
  while (output.text.ends_with('\n')) output.text.pop_back();
  return output.text;
}

// --- FakeNode ----------------------------------------------------------------------------------

FakeNode::FakeNode(asio::any_io_executor executor, const std::string& socket_path)
    : server_(executor, router_) {
  using http::Method;
  router_.add(Method::post, "/v1/instances/{id}/acquire",
              std::bind_front(&FakeNode::acquire, this));
  router_.add(Method::get, "/v1/instances/{id}/roles",
              std::bind_front(&FakeNode::look_at_roles, this));
  router_.add(Method::post, "/v1/holds/renew", std::bind_front(&FakeNode::renew, this));
  router_.add(Method::del, "/v1/instances/{id}/holds/{holder}",
              std::bind_front(&FakeNode::release, this));
  server_.serve(must(net::listen_unix(executor, socket_path, 0660)));
}

Task<http::Response> FakeNode::acquire(http::Request request) {
  ++acquires;
  if (acquire_delay > 0ms) co_await net::sleep_for(acquire_delay);
  if (fails) co_return fail(ErrorCode::instance_failed, "the instance could not be started");
  TestInstance& instance = TestInstance::get();
  const std::string path = instance.socket_directory() + "/.s.PGSQL.5432";
  for (;;) {
    if (!instance.running()) instance.spawn();
    auto outcome = co_await log_in(co_await asio::this_coro::executor,
                                   {path, std::string(kUser), std::string(kDatabase), {}});
    if (outcome && std::holds_alternative<BackendSession>(*outcome)) break;
    co_await net::sleep_for(2ms);
  }
  nodeapi::Instance shown;
  shown.id = InstanceId(request.parameters["id"]);
  shown.state = nodeapi::InstanceState::running;
  shown.socket_directory = instance.socket_directory();
  shown.slug = kSlug;
  shown.size_class = "nano";
  co_return http::json_response(200, nodeapi::to_json(shown));
}

Task<http::Response> FakeNode::renew(http::Request request) {
  ++renewals;
  const auto body = boost::json::parse(request.body).as_object();
  const boost::json::value ids = forgets ? boost::json::array() : body.at("ids");
  co_return http::json_response(200, boost::json::object{{"renewed", ids}});
}

Task<http::Response> FakeNode::look_at_roles(http::Request) {
  ++looks;
  if (stops) co_return fail(ErrorCode::conflict, "stopped meanwhile");
  co_return http::json_response(200, nodeapi::roles_to_json(roles));
}

Task<http::Response> FakeNode::release(http::Request) {
  ++releases;
  co_return http::json_response(200, boost::json::object{});
}

// --- FakeControl -------------------------------------------------------------------------------

FakeControl::FakeControl(asio::any_io_executor executor, const std::string& socket_path)
    : acceptor_(must(net::listen_unix(executor, socket_path, 0660))), writes_(executor) {}

asio::awaitable<void> FakeControl::stop() {
  acceptor_.close();
  co_await writes_.stop();
}

Task<void> FakeControl::run() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(net::kToken);
    if (error) co_return Result<void>{};
    static_cast<void>(co_await converse(std::move(socket)));
    channel_ = nullptr;
  }
}

Task<void> FakeControl::converse(net::Local::socket socket) {
  net::JsonLines channel(std::move(socket));
  HOWDAH_CO_TRY(const auto first, co_await channel.read());
  HOWDAH_CO_TRY(const auto greeting, gate_message_from_json(first));
  hellos.push_back(*greeting.hello);
  for (std::size_t i = 0; i < history_.size(); ++i) {
    if (greeting.hello->version >= history_[i].version) continue;
    HOWDAH_CO_CHECK(co_await channel.write(to_json(history_[i])));
  }
  channel_ = &channel;
  for (;;) {
    HOWDAH_CO_TRY(const auto text, co_await channel.read());
    HOWDAH_CO_TRY(const auto message, gate_message_from_json(text));
    if (message.ack) acked = message.ack->version;
    use.insert(use.end(), message.use.begin(), message.use.end());
    denied.insert(denied.end(), message.denied.begin(), message.denied.end());
    role_changes.insert(role_changes.end(), message.role_changes.begin(),
                        message.role_changes.end());
    logins.insert(logins.end(), message.logins.begin(), message.logins.end());
  }
}

void FakeControl::publish(RouteUpdate update) {
  update.version = ++version;
  history_.push_back(update);
  if (channel_ != nullptr) writes_.spawn("publish", channel_->write(to_json(update)));
}

Route test_route() {
  static const std::string verifier = pgwire::format_verifier(pgwire::make_verifier(kPassword));
  Route route;
  route.branch_id = BranchId("branch-a");
  route.database_id = DatabaseId("database-a");
  route.instance_id = InstanceId(std::string(kInstance));
  route.slug = kSlug;
  route.logical_databases = {std::string(kDatabase)};
  route.roles = {{std::string(kUser), {{verifier, {}}}}, {"app_user", {{verifier, {}}}}};
  return route;
}

// --- Harness -----------------------------------------------------------------------------------

Harness::Harness() : Harness(Options{}) {}

Harness::Harness(Options options) : config_(std::move(options.config)) {
  TestInstance& instance = TestInstance::get();
  config_.data_dir = instance.data_dir();
  config_.runtime_dir = instance.runtime_dir();
  config_.direct_port = config_.pooled_port = 0;
  if (options.fresh_files) must(os::remove_tree(config_.own_directory()));
  const auto executor = context_.get_executor();
  tasks_ = std::make_unique<net::TaskGroup>(executor);
  const std::string node = (config_.runtime_dir / "node.sock").string();
  const std::string control = (config_.runtime_dir / "routes.sock").string();
  ::unlink(node.c_str());
  ::unlink(control.c_str());
  if (options.with_node) node_ = std::make_unique<FakeNode>(executor, node);
  if (options.with_control) {
    control_ = std::make_unique<FakeControl>(executor, control);
    RouteUpdate snapshot;
    snapshot.snapshot = true;
    snapshot.upserted = std::move(options.routes);
    control_->publish(std::move(snapshot));
    tasks_->spawn("control", control_->run());
  }
  gate_ = std::make_unique<Gate>(executor, config_);
  must(gate_->open());
  gate_->start();
  port_ = gate_->direct_port();
  pooled_port_ = gate_->pooled_port().value_or(0);
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
  if (control_ && options.fresh_files && !eventually([this] { return control_->acked > 0; })) {
    ADD_FAILURE() << "the gate has not acknowledged its routes";
  }
}

void Harness::stop_gate(milliseconds drain) {
  if (!gate_) return;
  asio::co_spawn(context_, gate_->stop(drain), asio::use_future).get();
  on_loop([this] { gate_.reset(); });
}

Harness::~Harness() {
  stop_gate(0ms);
  if (control_) asio::co_spawn(context_, control_->stop(), asio::use_future).get();
  if (node_) asio::co_spawn(context_, node_->stop(), asio::use_future).get();
  asio::co_spawn(context_, tasks_->stop(), asio::use_future).get();
  on_loop([this] {
    control_.reset();
    node_.reset();
    tasks_.reset();
  });
  context_.stop();
  thread_.join();
}

bool Harness::eventually(std::function<bool()> condition) {
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < give_up) {
    if (on_loop(condition)) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

void Harness::publish(std::vector<Route> upserted, std::vector<BranchId> removed) {
  const std::uint64_t version = on_loop([&] {
    RouteUpdate update;
    update.upserted = upserted;
    update.removed = removed;
    control_->publish(std::move(update));
    return control_->version;
  });
  EXPECT_TRUE(eventually([this, version] { return control_->acked >= version; }));
}

// --- TestClient --------------------------------------------------------------------------------

TestClient::TestClient(std::uint16_t port, const asio::ip::address& address,
                       std::optional<asio::ip::address> from)
    : socket_(context_) {
  if (from) {
    socket_.open(asio::ip::tcp::v4());
    socket_.bind({*from, 0});
  }
  socket_.connect({address, port});
  socket_.set_option(asio::ip::tcp::no_delay(true));
}

TestClient::~TestClient() = default;

void TestClient::send(std::string_view bytes) {
  error_code ignored;
  if (tls_) {
    asio::write(*tls_, asio::buffer(bytes), ignored);
  } else {
    asio::write(socket_, asio::buffer(bytes), ignored);
  }
}

std::string TestClient::receive(std::size_t size) {
  if (buffer_.empty()) {
    std::array<char, 65'536> chunk;
    std::optional<std::size_t> got;
    const auto handler = [&](const error_code& error, std::size_t bytes) {
      got = error ? 0 : bytes;
    };
    if (tls_) {
      tls_->async_read_some(asio::buffer(chunk), handler);
    } else {
      socket_.async_read_some(asio::buffer(chunk), handler);
    }
    context_.restart();
    context_.run_for(kPatience);
    if (!got) {
      ADD_FAILURE() << "the gate says nothing";
      socket_.close();
      context_.run();
      return {};
    }
    buffer_.assign(chunk.data(), *got);
  }
  std::string taken = buffer_.substr(0, size);
  buffer_.erase(0, taken.size());
  return taken;
}

void TestClient::start_tls(const std::string& server_name) {
  send(pgwire::build_ssl_request());
  ASSERT_EQ(receive(1), "S");
  tls_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, tls_context_);
  ASSERT_EQ(SSL_set_tlsext_host_name(tls_->native_handle(), server_name.c_str()), 1);
  tls_->handshake(asio::ssl::stream_base::client);
}

pgwire::ErrorFields TestClient::Reply::error() const {
  if (type != 'E') return {"", std::string("no error but ") + type, "", "", ""};
  return must(pgwire::parse_error_response(body));
}

TestClient::Reply TestClient::read() {
  std::string bytes;
  const auto fill = [&](std::size_t size) {
    while (bytes.size() < size) {
      const std::string more = receive(size - bytes.size());
      if (more.empty()) return false;
      bytes += more;
    }
    return true;
  };
  if (!fill(pgwire::kHeaderBytes)) return {};
  const auto header = must(pgwire::decode_header(bytes, pgwire::kBodyBytesMax));
  if (!fill(pgwire::kHeaderBytes + header->body_bytes)) return {};
  return {header->type, bytes.substr(pgwire::kHeaderBytes)};
}

void TestClient::send_startup(const std::string& user, const std::string& database,
                              std::vector<pgwire::Parameter> extra) {
  send(pgwire::build_startup(user, database, extra));
}

void TestClient::prove(const pgwire::AuthenticationRequest& request) {
  if (request.kind == pgwire::AuthenticationKind::sasl) {
    const std::string first = scram_->first();
    std::string body(scram_->mechanism());
    body += std::string("\0\0\0\0", 4) + static_cast<char>(first.size());
    send(pgwire::build_message('p', body + first));
  } else if (request.kind == pgwire::AuthenticationKind::sasl_continue) {
    send(pgwire::build_message('p', must(scram_->respond(request.data))));
  } else if (request.kind == pgwire::AuthenticationKind::sasl_final) {
    must(scram_->verify(request.data));
  }
}

void TestClient::answer_challenge(const std::string& password) {
  scram_ = std::make_unique<pgwire::ScramClient>(password);
  for (int messages = 0; messages < 2; ++messages) {
    prove(must(pgwire::parse_authentication(read().body)));
  }
}

TestClient::Reply TestClient::log_in(const std::string& password, std::optional<Reply> first) {
  scram_ = std::make_unique<pgwire::ScramClient>(password);
  for (;;) {
    Reply reply = first ? *std::exchange(first, std::nullopt) : read();
    if (reply.type == 'S') parameters.push_back(must(pgwire::parse_parameter_status(reply.body)));
    if (reply.type == 'K') key = must(pgwire::parse_backend_key_data(reply.body));
    if (reply.type == 'Z' || reply.type == 'E' || reply.type == 0) return reply;
    if (reply.type == 'R') prove(must(pgwire::parse_authentication(reply.body)));
  }
}

TestClient::Reply TestClient::connect(const std::string& user, const std::string& database,
                                      const std::string& password) {
  start_tls();
  send_startup(user, database);
  return log_in(password);
}

std::string query_message(const std::string& sql) {
  return pgwire::build_message('Q', sql + '\0');
}

std::string TestClient::query(const std::string& sql) {
  send(query_message(sql));
  std::string answer;
  for (;;) {
    const Reply reply = read();
    if (reply.type == 0) return "CLOSED";
    if (reply.type == 'E') answer = "ERROR " + reply.error().sqlstate;
    if (reply.type == 'E' && reply.error().severity == "FATAL") return answer;
    if (reply.type == 'Z') return answer;
    constexpr std::size_t kBeforeFirstColumn = 6;  // count of columns, size of the first
    if (reply.type == 'D' && answer.empty() && reply.body.size() > kBeforeFirstColumn) {
      std::size_t size = 0;
      for (int i = 2; i < 6; ++i) {
        size = size << 8 | static_cast<unsigned char>(reply.body[static_cast<std::size_t>(i)]);
      }
      answer = reply.body.substr(kBeforeFirstColumn, size);
    }
  }
}

void TestClient::end_output() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace howdah::gate
