// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/listener.h"
#include "net/task_group.h"
#include "pg/pool.h"
#include "pg/test_server.h"

namespace howdah::pg {
namespace {

using testing::TestServer;

class PgTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<TestServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void run(asio::awaitable<void> body) {
    asio::co_spawn(io_, std::move(body), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    io_.run();
  }
  static ConnectOptions options() { return server_->connect_options(); }

  asio::io_context io_{1};
  static std::unique_ptr<TestServer> server_;

  // The bodies of the tests.
  asio::awaitable<void> types();
  asio::awaitable<void> errors();
  asio::awaitable<void> large();
  asio::awaitable<void> scripts();
  asio::awaitable<void> deadline();
  asio::awaitable<void> notifications();
  asio::awaitable<void> isolated();
  asio::awaitable<void> refused();
  asio::awaitable<void> fairness();
  asio::awaitable<void> take_turn(Pool& pool, int number, std::vector<int>& order);
  asio::awaitable<void> unclean();
  asio::awaitable<void> restart();
  asio::awaitable<void> transactions();
  asio::awaitable<void> closing();
  asio::awaitable<void> counts_writes();
  asio::awaitable<void> expect_unavailable(Pool& pool);
};
std::unique_ptr<TestServer> PgTest::server_;

asio::awaitable<void> PgTest::types() {
  auto connection = (co_await Connection::open(options())).value();
  EXPECT_GE(connection.server_version(), 150000);
  const auto rows = (co_await connection.query(
                         "SELECT $1::int8 AS n, $2::bool AS b, $3::text AS t, $4::bytea AS y, "
                         "$5::timestamptz AS at, NULL AS none",
                         {param(std::int64_t{1} << 60), param(true), param("it's \"ü\""),
                          bytes_param(std::string_view("\0\1", 2)),
                          param(Timestamp{milliseconds{1767323045678}})}))
                        .value();
  EXPECT_EQ(rows.integer(0, "n"), std::int64_t{1} << 60);
  EXPECT_TRUE(rows.boolean(0, "b"));
  EXPECT_EQ(rows.text(0, "t"), "it's \"ü\"");
  EXPECT_EQ(rows.bytes(0, "y"), std::string_view("\0\1", 2));
  EXPECT_EQ(to_rfc3339(*rows.time(0, "at")), "2026-01-02T03:04:05.678Z");
  EXPECT_FALSE(rows.value(0, "none"));
  EXPECT_TRUE(co_await connection.query("CREATE TEMP TABLE t (a int)"));
  const auto inserted = co_await connection.query("INSERT INTO t SELECT generate_series(1, 7)");
  EXPECT_EQ(inserted->affected(), 7);
  const auto path = co_await connection.query("SHOW search_path");
  EXPECT_EQ(path->text(0, "search_path"), "pg_catalog");
}
TEST_F(PgTest, values_of_every_type_make_the_round_trip) {
  run(types());
}

asio::awaitable<void> PgTest::errors() {
  auto connection = (co_await Connection::open(options())).value();
  const auto failed = co_await connection.query("SELECT 1/0");
  EXPECT_EQ(failed.error().code, ErrorCode::sql_error);
  EXPECT_EQ(sqlstate(failed.error()), "22012");
  EXPECT_EQ(failed.error().message.find("zero"), std::string::npos) << "not for clients";
  EXPECT_FALSE(connection.broken());
  EXPECT_EQ(
      (co_await connection.query("SELECT $1::text", {Value(std::string("a\0b", 3))})).error().code,
      ErrorCode::invalid_request);
  EXPECT_TRUE(co_await connection.query("SELECT 1"));
  EXPECT_EQ((co_await connection.query("COPY pg_class TO STDOUT")).error().code,
            ErrorCode::internal);
  EXPECT_TRUE(connection.broken());
  EXPECT_EQ((co_await connection.query("SELECT 1")).error().code, ErrorCode::unavailable);
}
TEST_F(PgTest, an_error_has_its_sqlstate_and_leaves_the_connection_usable) {
  run(errors());
}

asio::awaitable<void> PgTest::large() {
  auto connection = (co_await Connection::open(options())).value();
  const std::string text(8'000'000, 'x');
  const auto rows = co_await connection.query(
      "SELECT $1::text || 'y' AS back, generate_series(1, 2) AS n", {param(text)});
  EXPECT_EQ(rows->size(), 2U);
  EXPECT_EQ(rows->text(1, "back").size(), text.size() + 1);
}
TEST_F(PgTest, parameters_and_results_may_be_larger_than_any_buffer) {
  run(large());
}

asio::awaitable<void> PgTest::scripts() {
  auto connection = (co_await Connection::open(options())).value();
  const auto failed = co_await connection.script(
      "CREATE TABLE public.script_test (a int); INSERT INTO public.script_test VALUES (1); SELECT "
      "1/0");
  EXPECT_EQ(sqlstate(failed.error()), "22012");
  const auto gone = co_await connection.query("SELECT to_regclass('public.script_test') AS t");
  EXPECT_FALSE(gone->value(0, "t")) << "one implicit transaction";
  EXPECT_TRUE(co_await connection.script("BEGIN; SELECT 1; SELECT 2"));
  EXPECT_TRUE(connection.in_transaction());
}
TEST_F(PgTest, a_script_is_one_transaction_and_reports_its_first_error) {
  run(scripts());
}

asio::awaitable<void> PgTest::deadline() {
  auto connection = (co_await Connection::open(options())).value();
  const auto slow = co_await connection.query("SELECT pg_sleep(5)", {}, milliseconds{50});
  EXPECT_EQ(slow.error().code, ErrorCode::timeout);
  EXPECT_TRUE(connection.broken());
}
TEST_F(PgTest, a_statement_over_its_deadline_breaks_the_connection) {
  run(deadline());
}

asio::awaitable<void> PgTest::notifications() {
  auto listener = (co_await Connection::open(options())).value();
  auto sender = (co_await Connection::open(options())).value();
  EXPECT_TRUE(co_await listener.query("LISTEN jobs"));
  const auto none = co_await listener.wait_notification(milliseconds{20});
  EXPECT_TRUE(none && !*none);
  EXPECT_TRUE(co_await sender.script("NOTIFY jobs, 'one'; NOTIFY jobs, 'two'"));
  for (const char* payload : {"one", "two"}) {
    const auto got = co_await listener.wait_notification(milliseconds{2'000});
    EXPECT_TRUE(got && *got && (*got)->channel == "jobs" && (*got)->payload == payload);
  }
  EXPECT_FALSE(listener.broken());
  EXPECT_TRUE(co_await listener.query("SELECT 1")) << "waiting in vain does no harm";
  (void)co_await sender.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT 1%'");
  const auto lost = co_await listener.wait_notification(milliseconds{2'000});
  EXPECT_EQ(lost.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(listener.broken());
}
TEST_F(PgTest, notifications_arrive_in_order_and_a_lost_server_is_noticed) {
  run(notifications());
}

asio::awaitable<void> PgTest::isolated() {
  EXPECT_EQ(::getenv("PGDATESTYLE"), nullptr) << "set by CTest, removed before main";
  auto connection = (co_await Connection::open(options())).value();
  const auto rows = co_await connection.query(
      "SELECT current_setting('DateStyle') AS d, current_setting('TimeZone') AS z, "
      "current_setting('application_name') AS a");
  EXPECT_EQ(rows->text(0, "d"), "ISO, MDY");
  EXPECT_EQ(rows->text(0, "z"), "UTC");
  EXPECT_EQ(rows->text(0, "a"), "howdah");
}
TEST_F(PgTest, the_environment_has_no_effect) {
  run(isolated());
}

asio::awaitable<void> PgTest::refused() {
  ConnectOptions nowhere = options();
  nowhere.socket_directory = "/tmp/howdah-no-such-folder";
  EXPECT_EQ((co_await Connection::open(nowhere)).error().code, ErrorCode::unavailable);
  ConnectOptions unknown = options();
  unknown.database = "nope";
  const auto failed = co_await Connection::open(unknown);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_NE(failed.error().detail.find("nope"), std::string::npos);
  // Somebody listens there and never answers.
  const std::string folder = server_->socket_directory() + "/silent";
  std::filesystem::create_directory(folder);
  auto silent = net::listen_unix(io_.get_executor(), folder + "/.s.PGSQL.5432", 0600).value();
  ConnectOptions waiting = options();
  waiting.socket_directory = folder;
  waiting.timeout = milliseconds{60};
  EXPECT_EQ((co_await Connection::open(waiting)).error().code, ErrorCode::timeout);
}
TEST_F(PgTest, a_server_that_is_absent_refuses_or_is_silent_gives_a_clear_error) {
  run(refused());
}

asio::awaitable<void> PgTest::take_turn(Pool& pool, int number, std::vector<int>& order) {
  auto lease = co_await pool.acquire(milliseconds{number == 3 ? 5 : 5'000});
  if (lease) {
    (void)co_await (*lease)->query("SELECT pg_sleep(0.02)");
    order.push_back(number);
  } else {
    EXPECT_EQ(lease.error().code, ErrorCode::timeout);
    order.push_back(-number);
  }
}
asio::awaitable<void> PgTest::fairness() {
  Pool pool(io_.get_executor(), options(), 1);
  EXPECT_TRUE(co_await pool.query("SELECT 1"));
  std::vector<int> order;
  net::TaskGroup tasks(io_.get_executor());
  for (int i = 1; i <= 5; ++i) tasks.spawn("test", take_turn(pool, i, order));
  co_await tasks.stop(milliseconds{5'000});
  EXPECT_EQ(order, (std::vector<int>{-3, 1, 2, 4, 5}));
}
TEST_F(PgTest, waiters_are_served_in_order_and_time_out_when_all_are_busy) {
  run(fairness());
}

asio::awaitable<void> PgTest::unclean() {
  Pool pool(io_.get_executor(), options(), 1);
  std::int64_t first = 0;
  {
    auto lease = (co_await pool.acquire()).value();
    first = (co_await lease->query("SELECT pg_backend_pid() AS p"))->integer(0, "p");
    EXPECT_TRUE(co_await lease->script("BEGIN"));
  }
  const auto second = (co_await pool.query("SELECT pg_backend_pid() AS p"))->integer(0, "p");
  EXPECT_NE(first, second) << "inside a transaction";
  EXPECT_EQ((co_await pool.query("SELECT pg_backend_pid() AS p"))->integer(0, "p"), second);
  {
    auto lease = (co_await pool.acquire()).value();
    (void)co_await lease->query("SELECT pg_sleep(5)", {}, milliseconds{20});
  }
  EXPECT_TRUE(co_await pool.query("SELECT 1")) << "a broken one was replaced";
}
TEST_F(PgTest, connections_that_are_not_clean_are_not_lent_again) {
  run(unclean());
}

asio::awaitable<void> PgTest::restart() {
  Pool pool(io_.get_executor(), options(), 2);
  EXPECT_TRUE(co_await pool.query("SELECT 1"));
  server_->stop(SIGQUIT);
  EXPECT_EQ((co_await pool.query("SELECT 1")).error().code, ErrorCode::unavailable);
  server_->start();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await pool.query("SELECT 1"));
}
TEST_F(PgTest, a_pool_recovers_when_the_server_comes_back) {
  run(restart());
}

Task<std::int64_t> count_and_fail(int& runs, std::string state, Connection& connection) {
  ++runs;
  HOWDAH_CO_CHECK(co_await connection.query("INSERT INTO tx_test VALUES (1)"));
  if (!state.empty()) {
    HOWDAH_CO_CHECK(co_await connection.script(
        "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = " + quote_literal(state) + "; END$$"));
  }
  HOWDAH_CO_TRY(const Rows rows, co_await connection.query("SELECT count(*) AS n FROM tx_test"));
  co_return rows.integer(0, "n");
}
asio::awaitable<void> PgTest::transactions() {
  ConnectOptions in_public = options();
  in_public.options = "-c search_path=public";
  Pool pool(io_.get_executor(), in_public, 2);
  EXPECT_TRUE(co_await pool.query("CREATE TABLE tx_test (a int)"));
  int runs = 0;
  using Body = std::function<Task<std::int64_t>(Connection&)>;
  const auto failed = co_await pool.transaction<std::int64_t>(
      Body(std::bind_front(count_and_fail, std::ref(runs), "22012")));
  EXPECT_EQ(sqlstate(failed.error()), "22012");
  EXPECT_EQ(runs, 1);
  const auto serialization = co_await pool.transaction<std::int64_t>(
      Body(std::bind_front(count_and_fail, std::ref(runs), "40001")));
  EXPECT_EQ(sqlstate(serialization.error()), "40001");
  EXPECT_EQ(runs, 4) << "three times";
  const auto good = co_await pool.transaction<std::int64_t>(
      Body(std::bind_front(count_and_fail, std::ref(runs), "")));
  EXPECT_EQ(good.value(), 1) << "the failed ones left nothing";
}
TEST_F(PgTest, a_transaction_rolls_back_and_repeats_serialization_failures) {
  run(transactions());
}

asio::awaitable<void> PgTest::expect_unavailable(Pool& pool) {
  EXPECT_EQ((co_await pool.acquire()).error().code, ErrorCode::unavailable);
}
asio::awaitable<void> PgTest::closing() {
  auto pool = std::make_unique<Pool>(io_.get_executor(), options(), 1);
  auto lease = (co_await pool->acquire()).value();
  net::TaskGroup tasks(io_.get_executor());
  tasks.spawn("test", expect_unavailable(*pool));
  co_await net::sleep_for(milliseconds{10});
  pool->close();
  co_await tasks.stop(milliseconds{1'000});
  pool.reset();
  EXPECT_TRUE(co_await lease->query("SELECT 1")) << "a lease outlives its pool";
}
TEST_F(PgTest, closing_turns_waiters_away_and_leaves_leases_alone) {
  run(closing());
}

// Caches of what was read rest on this count: it may be too high, never too low.
asio::awaitable<void> PgTest::counts_writes() {
  Pool pool(io_.get_executor(), options(), 2);
  std::uint64_t seen = pool.writes();
  const auto grown = [&] { return std::exchange(seen, pool.writes()) != pool.writes(); };
  EXPECT_TRUE(co_await pool.query("SELECT 1"));
  EXPECT_TRUE(co_await pool.query("\n SELECT count(*) FROM pg_class"));
  EXPECT_FALSE(grown());
  EXPECT_TRUE(co_await pool.query("CREATE TABLE public.counted (n int)"));
  EXPECT_TRUE(grown());
  EXPECT_TRUE(
      co_await pool.query("WITH made AS (INSERT INTO public.counted VALUES (1) RETURNING n) "
                          "SELECT n FROM made"));
  EXPECT_TRUE(grown());
  EXPECT_FALSE(co_await pool.query("SELECT howdah.change_something(1)"));
  EXPECT_TRUE(grown());
  EXPECT_FALSE(co_await pool.query("SELECT n FROM howdah.counted WHERE (n = 1)"));
  EXPECT_FALSE(grown()) << "a table of that schema is no function";
  {
    const auto lease = (co_await pool.acquire()).value();
    EXPECT_TRUE(grown()) << "from its beginning";
    EXPECT_TRUE(co_await lease->query("INSERT INTO public.counted VALUES (2)"));
  }
  EXPECT_TRUE(grown()) << "to its end";
}
TEST_F(PgTest, a_pool_counts_whatever_may_have_written) {
  run(counts_writes());
}

}  // namespace
}  // namespace howdah::pg
