// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <thread>

#include "control/audit/audit_log.h"
#include "control/test_catalog.h"
#include "net/task_group.h"

namespace howdah::control {
namespace {

class AuditLogTest : public testing::CatalogTest {
 public:
  void SetUp() override {
    CatalogTest::SetUp();
    open();
  }
  void open() {
    auto opened = run(AuditLog::open(catalog.pool(), *vault));
    expect(opened);
    audit = std::make_unique<AuditLog>(std::move(*opened));
  }
  static Task<void> append_in(const AuditLog& log, std::string action, pg::Connection& in) {
    co_return co_await log.append(in, system_principal("test"),
                                  {.action = action, .details = {{"a", 1}}});
  }
  Task<void> append(std::string action) {
    co_return co_await catalog.pool().transaction<void>(
        std::bind_front(&AuditLogTest::append_in, std::cref(*audit), action));
  }
  void append_rows(int count) {
    for (int i = 0; i < count; ++i) expect(run(append(fmt::format("test.{}", i))));
  }
  AuditLog::Verdict verdict() {
    const auto verified = run(audit->verify(catalog.pool()));
    expect(verified);
    return verified.value_or(AuditLog::Verdict{});
  }
  // As somebody with the catalog's superuser would do it.
  void tamper(const std::string& statement) {
    sql("ALTER TABLE howdah.audit_logs DISABLE TRIGGER ALL; " + statement +
        "; ALTER TABLE howdah.audit_logs ENABLE TRIGGER ALL");
  }

  void start_anew() {
    sql("ALTER TABLE howdah.audit_logs DISABLE TRIGGER ALL; DELETE FROM howdah.audit_logs; "
        "ALTER TABLE howdah.audit_logs ENABLE TRIGGER ALL; "
        "UPDATE howdah.audit_head SET position = 0, hash = decode(repeat('00', 32), 'hex')");
  }

  Result<Vault> vault = Vault::open(folder.path());
  std::unique_ptr<AuditLog> audit;
};

TEST_F(AuditLogTest, an_empty_and_a_grown_chain_are_whole) {
  EXPECT_TRUE(verdict().reason.empty());
  append_rows(5);
  EXPECT_EQ(verdict().rows, 5);
  EXPECT_EQ(verdict().reason, "");
}

TEST_F(AuditLogTest, the_chain_goes_on_after_a_restart) {
  append_rows(2);
  open();
  append_rows(2);
  EXPECT_EQ(verdict().reason, "");
  EXPECT_EQ(verdict().rows, 4);
}

TEST_F(AuditLogTest, a_row_lives_and_dies_with_its_transaction) {
  struct Body {
    static Task<void> go(const AuditLog& log, pg::Connection& in) {
      HOWDAH_CO_CHECK(co_await log.append(in, system_principal("test"), {.action = "test.lost"}));
      co_return fail(ErrorCode::conflict, "no");
    }
  };
  EXPECT_FALSE(
      run(catalog.pool().transaction<void>(std::bind_front(&Body::go, std::cref(*audit)))));
  append_rows(1);
  EXPECT_EQ(verdict().rows, 1);
  EXPECT_EQ(verdict().reason, "");
}

TEST_F(AuditLogTest, tampering_is_found) {
  for (const char* statement :
       {"UPDATE howdah.audit_logs SET actor = 'nobody' WHERE position = 3",
        "UPDATE howdah.audit_logs SET details = '{\"a\": 1}' WHERE position = 3",
        "UPDATE howdah.audit_logs SET at = at + interval '1 ms' WHERE position = 3",
        "DELETE FROM howdah.audit_logs WHERE position = 3",
        "DELETE FROM howdah.audit_logs WHERE position >= 3",
        "DELETE FROM howdah.audit_logs WHERE position > 3; "
        "UPDATE howdah.audit_head SET position = 3",
        "WITH a AS (DELETE FROM howdah.audit_logs WHERE position = 3 RETURNING *) "
        "INSERT INTO howdah.audit_logs SELECT 6, at, organisation_id, actor, action, subject, "
        "database_id, remote_address, request_id, details, prev_hash, hash FROM a",
        "INSERT INTO howdah.audit_logs SELECT 6, at, organisation_id, actor, action, subject, "
        "database_id, remote_address, request_id, details, prev_hash, hash "
        "FROM howdah.audit_logs WHERE position = 5"}) {
    start_anew();
    append_rows(5);
    ASSERT_EQ(verdict().reason, "");
    tamper(statement);
    EXPECT_NE(verdict().reason, "") << statement;
    EXPECT_TRUE(verdict().broken_at) << statement;
  }
}

TEST_F(AuditLogTest, old_rows_are_forgotten_and_the_rest_is_still_whole) {
  append_rows(5);
  const Timestamp between = now() + milliseconds{20};
  std::this_thread::sleep_for(milliseconds{40});
  append_rows(2);
  expect(run(catalog.pool().transaction<void>(
      std::bind(&AuditLog::forget, &*audit, std::placeholders::_1, between))));
  EXPECT_EQ(ask("SELECT string_agg(position::text, ',' ORDER BY position) "
                "FROM howdah.audit_logs"),
            "6,7,8");
  EXPECT_EQ(ask("SELECT action || details::text FROM howdah.audit_logs WHERE position = 8"),
            "audit.forget{\"through_id\":5,\"rows\":5}");
  EXPECT_EQ(verdict().reason, "");
  EXPECT_EQ(verdict().rows, 3);
  append_rows(1);
  EXPECT_EQ(verdict().reason, "");
}

TEST_F(AuditLogTest, nobody_else_moves_the_beginning_of_the_chain) {
  append_rows(6);
  EXPECT_FALSE(run(catalog.pool().query("DELETE FROM howdah.audit_logs WHERE position = 1")));
  EXPECT_FALSE(run(catalog.pool().query("UPDATE howdah.audit_logs SET actor = ''")));
  // With the superuser's means, but without the key.
  tamper(
      "INSERT INTO howdah.audit_base (position, hash, mac) SELECT 2, hash, "
      "decode(repeat('ab', 32), 'hex') FROM howdah.audit_logs WHERE position = 2; "
      "DELETE FROM howdah.audit_logs WHERE position <= 2");
  EXPECT_EQ(verdict().reason, "the beginning of the chain was moved");
}

TEST_F(AuditLogTest, the_newest_row_and_what_is_not_old_stay) {
  append_rows(3);
  const auto forget = [this](Timestamp before) {
    expect(run(catalog.pool().transaction<void>(
        std::bind(&AuditLog::forget, &*audit, std::placeholders::_1, before))));
  };
  forget(now() - AuditLog::kKeep);
  EXPECT_EQ(verdict().rows, 3);
  forget(now() + std::chrono::days(1));
  EXPECT_EQ(verdict().rows, 2) << "the newest row and the one that tells of it";
  EXPECT_EQ(verdict().reason, "");
}

TEST_F(AuditLogTest, a_key_ring_of_another_folder_is_refused) {
  testing::TempFolder other;
  const auto foreign = Vault::open(other.path());
  const auto opened = run(AuditLog::open(catalog.pool(), *foreign));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::seal_broken);
}

TEST_F(AuditLogTest, many_at_once_make_one_chain) {
  struct Body {
    static asio::awaitable<void> many(AuditLogTest& test, int count) {
      for (int i = 0; i < count; ++i) expect(co_await test.append("test.many"));
    }
    static Task<void> go(AuditLogTest& test) {
      net::TaskGroup group(co_await asio::this_coro::executor);
      for (int i = 0; i < 10; ++i) group.spawn("append", many(test, 20));
      co_await group.stop(milliseconds{60'000});
      co_return Result<void>{};
    }
  };
  const auto started = std::chrono::steady_clock::now();
  expect(run(Body::go(*this)));
  const auto took =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - started);
  RecordProperty("ms_for_200", static_cast<int>(took.count()));
  fmt::print("200 appends of 10 at once: {} ms\n", took.count());
  EXPECT_EQ(verdict().rows, 200);
  EXPECT_EQ(verdict().reason, "");
}

}  // namespace
}  // namespace howdah::control
