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
  // All that is wrong, as one text; empty: the chain is whole.
  std::string problems(AuditLog::Check check = {}) {
    const auto verified = run(audit->verify(catalog.pool(), std::move(check)));
    expect(verified);
    std::string text;
    if (verified) {
      for (const AuditFinding& finding : verified->findings) text += finding.problem + "; ";
    }
    return text;
  }
  AuditPlace saved_head() {
    const auto head = run(audit->head(catalog.pool()));
    expect(head);
    return head ? head->place : AuditPlace{};
  }
  // As somebody with the catalog's superuser would do it.
  void tamper(const std::string& statement) {
    sql("ALTER TABLE howdah.audit_logs DISABLE TRIGGER ALL; " + statement +
        "; ALTER TABLE howdah.audit_logs ENABLE TRIGGER ALL");
  }

  void start_anew() {
    sql("ALTER TABLE howdah.audit_logs DISABLE TRIGGER ALL; DELETE FROM howdah.audit_logs; "
        "ALTER TABLE howdah.audit_logs ENABLE TRIGGER ALL; "
        "UPDATE howdah.audit_head SET position = 0, hash = decode(repeat('00', 32), 'hex'), "
        "mac = NULL; DELETE FROM howdah.settings WHERE key = 'audit_head_bound_at'");
    open();
  }

  Result<Vault> vault = Vault::open(folder.path());
  std::unique_ptr<AuditLog> audit;
};

TEST_F(AuditLogTest, an_empty_and_a_grown_chain_are_whole) {
  EXPECT_TRUE(problems().empty());
  append_rows(5);
  EXPECT_EQ(verdict().rows, 5);
  EXPECT_EQ(problems(), "");
}

TEST_F(AuditLogTest, the_chain_goes_on_after_a_restart) {
  append_rows(2);
  open();
  append_rows(2);
  EXPECT_EQ(problems(), "");
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
  EXPECT_EQ(problems(), "");
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
    ASSERT_EQ(problems(), "");
    tamper(statement);
    EXPECT_NE(problems(), "") << statement;
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
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(verdict().rows, 3);
  append_rows(1);
  EXPECT_EQ(problems(), "");
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
  EXPECT_EQ(problems(), "the beginning of the chain was moved; ");
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
  EXPECT_EQ(problems(), "");
}

TEST_F(AuditLogTest, a_long_chain_is_read_in_parts_that_go_on_where_the_last_one_ended) {
  append_rows(7);
  tamper("UPDATE howdah.audit_logs SET actor = 'nobody' WHERE position = 5");
  AuditLog::Check check{.rows_max = 3};
  std::vector<std::string> parts;
  for (int i = 0; i < 4; ++i) {
    const auto part = run(audit->verify(catalog.pool(), check));
    ASSERT_TRUE(part);
    parts.push_back(fmt::format("{} to {}, {}{}", part->rows, part->reached.position,
                                part->findings.size(), part->complete ? ", complete" : ""));
    if (part->complete) break;
    check.after = part->reached;
  }
  EXPECT_EQ(parts, (std::vector<std::string>{"3 to 3, 0", "3 to 6, 1", "1 to 7, 0, complete"}));
}

TEST_F(AuditLogTest, a_saved_head_shows_that_an_earlier_state_was_put_back) {
  append_rows(3);
  sql("CREATE TABLE howdah.earlier AS TABLE howdah.audit_head");
  append_rows(2);
  const AuditPlace head = saved_head();
  EXPECT_EQ(head.position, 5);
  EXPECT_EQ(problems({.exported = head}), "");
  tamper(
      "DELETE FROM howdah.audit_logs WHERE position > 3; UPDATE howdah.audit_head h SET "
      "(position, hash, mac) = (SELECT position, hash, mac FROM howdah.earlier)");
  EXPECT_EQ(problems(), "") << "the control: nothing in the catalog tells";
  EXPECT_EQ(problems({.exported = head}),
            "row 5 of the saved head is not there: the chain was cut off behind row 3; ");
  append_rows(2);
  EXPECT_EQ(problems({.exported = head}), "row 5 is not the one of the saved head; ");
}

TEST_F(AuditLogTest, a_saved_head_that_retention_has_passed_is_no_fault) {
  append_rows(5);
  const AuditPlace head{2, ask("SELECT encode(hash, 'hex') FROM howdah.audit_logs "
                               "WHERE position = 2")};
  const AuditPlace base{4, ask("SELECT encode(hash, 'hex') FROM howdah.audit_logs "
                               "WHERE position = 4")};
  expect(run(catalog.pool().transaction<void>(
      std::bind(&AuditLog::forget, &*audit, std::placeholders::_1, now() + std::chrono::days(1)))));
  const auto verdict = run(audit->verify(catalog.pool(), {.exported = head}));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->exported, AuditLog::Exported::forgotten);
  EXPECT_TRUE(verdict->findings.empty());
  EXPECT_EQ(run(audit->verify(catalog.pool(), {.exported = base}))->exported,
            AuditLog::Exported::holds);
}

// Else the next row would make a head that holds, and nobody would ever know.
TEST_F(AuditLogTest, a_moved_end_is_told_by_the_next_row) {
  append_rows(5);
  tamper(
      "DELETE FROM howdah.audit_logs WHERE position > 3; UPDATE howdah.audit_head h SET "
      "position = l.position, hash = l.hash FROM howdah.audit_logs l WHERE l.position = 3");
  EXPECT_EQ(problems(), "the end of the chain was moved; ");
  append_rows(1);
  EXPECT_EQ(
      problems(),
      "the end of the chain was moved before row 4 was written: rows may have been cut off; ");
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.audit_logs"), "5");
}

TEST_F(AuditLogTest, a_chain_from_before_its_end_was_bound_is_bound_at_the_start_once) {
  append_rows(2);
  tamper(
      "UPDATE howdah.audit_head SET mac = NULL; "
      "DELETE FROM howdah.settings WHERE key = 'audit_head_bound_at'");
  open();
  EXPECT_EQ(problems(), "");
  tamper("UPDATE howdah.audit_head SET mac = NULL");
  open();
  EXPECT_EQ(problems(), "the end of the chain is not bound to its key; ");
}

TEST_F(AuditLogTest, rows_before_the_beginning_are_found) {
  append_rows(5);
  expect(run(catalog.pool().transaction<void>(
      std::bind(&AuditLog::forget, &*audit, std::placeholders::_1, now() + std::chrono::days(1)))));
  ASSERT_EQ(problems(), "");
  tamper(
      "INSERT INTO howdah.audit_logs SELECT 2, at, organisation_id, actor, action, subject, "
      "database_id, remote_address, request_id, details, prev_hash, hash "
      "FROM howdah.audit_logs WHERE position = 5");
  EXPECT_EQ(problems(), "1 rows lie before the beginning of the chain; ");
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
  EXPECT_EQ(problems(), "");
}

}  // namespace
}  // namespace howdah::control
