// SPDX-License-Identifier: Apache-2.0
// Changing the master key on a running service, over its end, and with what can go wrong.
#include "control/secrets/key_rotation.h"

#include <set>

#include "control/secrets/sealed_store.h"
#include "control/test_service.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::code_of;

std::string text(const json::value& data, std::string_view name) {
  return std::string(data.at(name).as_string());
}

class KeyRotationTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> rotates();
  asio::awaitable<void> knows_every_column();
  asio::awaitable<void> makes_one_key();
  asio::awaitable<void> names_broken_values();
  asio::awaitable<void> one_at_a_time();
  asio::awaitable<void> sweeps();
  asio::awaitable<void> removes();
  asio::awaitable<void> moved_values_do_not_open();
  asio::awaitable<void> tells_of_the_recovery_key();

  os::Path ring_file() const { return folder.path() / "secrets" / "keyring.json"; }

  Task<json::value> rotate() {
    HOWDAH_CO_TRY(json::value answer,
                  co_await call(Method::post, "/api/secrets/rotate-master-key"));
    const std::string id(answer.at("operations").at(0).at("id").as_string());
    for (int i = 0; i < 200; ++i) {
      HOWDAH_CO_TRY(const json::value operation, co_await get("/api/operations/" + id));
      if (text(operation.at("data"), "state") == "finished") co_return operation.at("data");
      co_await net::sleep_for(50ms);
    }
    co_return fail(ErrorCode::timeout, "the rotation does not end");
  }
  asio::awaitable<json::value> status() {
    const auto answer = co_await get("/api/secrets");
    EXPECT_TRUE(answer) << answer.error().to_log();
    co_return answer ? answer->at("data") : json::value(json::object{});
  }
  // With an Idempotency-Key, so that its answer is kept, sealed.
  asio::awaitable<json::value> make(std::string key) {
    http::Request request{.method = Method::post,
                          .path = "/api/databases",
                          .body = R"({"friendlyName":"db","ownerEmail":"me@example.com"})"};
    request.headers["Idempotency-Key"] = std::move(key);
    const auto answer = co_await client->send(std::move(request), milliseconds{40'000});
    EXPECT_TRUE(answer) << answer.error().to_log();
    co_return parse_json(answer->body)->at("data");
  }
  Task<json::value> reveal(std::string id) {
    HOWDAH_CO_TRY(
        json::value answer,
        co_await call(Method::post, "/api/databases/" + id + "/connection-strings/reveal"));
    co_return answer.at("data");
  }
  // Rows of any table that hold this text.
  asio::awaitable<int> rows_with(std::string needle) {
    const auto tables = co_await sql(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'howdah' AND c.relkind = 'r'");
    int found = 0;
    for (std::size_t row = 0; tables && row < tables->size(); ++row) {
      const std::string count =
          co_await ask("SELECT count(*) FROM howdah." + tables->text(row, "relname") +
                       " t WHERE t::text LIKE '%" + needle + "%'");
      found += std::stoi(count);
    }
    co_return found;
  }
  asio::awaitable<void> run_sweep() {
    EXPECT_TRUE(
        co_await sql("WITH made AS (INSERT INTO howdah.jobs (kind) VALUES ('secrets.sweep') "
                     "RETURNING id) SELECT pg_notify('howdah_jobs', '') FROM made"));
    std::string state;
    for (int i = 0; i < 300 && state != "finished"; ++i) {
      co_await net::sleep_for(50ms);
      state = co_await ask(
          "SELECT state FROM howdah.jobs WHERE kind = 'secrets.sweep' "
          "ORDER BY created_at DESC LIMIT 1");
    }
    EXPECT_EQ(state, "finished");
  }
};

asio::awaitable<void> KeyRotationTest::rotates() {
  co_await join(gate);
  const json::value a = co_await make("k-1");
  const json::value b = co_await make("k-2");
  const json::value before = co_await status();
  EXPECT_EQ(before.at("keys").as_array().size(), 1U);
  const std::string old_id = text(before.at("keys").at(0), "id");
  EXPECT_GE(before.at("values").as_int64(), 9) << "2 credentials, 2 answers, 4 in jobs, 1 setting";
  EXPECT_GT(co_await rows_with("v1:" + old_id), 0);

  const auto done = co_await rotate();
  EXPECT_TRUE(done) << done.error().to_log();
  if (!done) co_return;
  EXPECT_EQ(done->at("result").at("retired_keys").at(0).as_string(), old_id);
  EXPECT_EQ(done->at("steps").as_array().size(), 3U);
  const json::value after = co_await status();
  EXPECT_EQ(after.at("values").as_int64(), before.at("values").as_int64());
  EXPECT_EQ(after.at("values_of_older_keys").as_int64(), 0);
  EXPECT_EQ(text(after.at("keys").at(0), "state"), "retired");
  EXPECT_EQ(text(after.at("keys").at(1), "state"), "current");
  EXPECT_EQ(co_await rows_with("v1:" + old_id), 0) << "in any table, known to sealed_store or not";

  co_await stop_service();
  co_await start_service();
  co_await join(second_gate);
  EXPECT_EQ(text(*co_await reveal(text(a, "id")), "password"), text(a, "password"));
  EXPECT_EQ(text(*co_await reveal(text(b, "id")), "password"), text(b, "password"));
  EXPECT_EQ(text(co_await make("k-1"), "password"), text(a, "password")) << "the kept answer";
  const auto whole = co_await get("/api/audit/verify");
  EXPECT_TRUE(whole->at("data").at("whole").as_bool()) << json::serialize(*whole);
}

TEST_F(KeyRotationTest, seals_everything_anew_and_everything_still_opens) {
  run(rotates());
}

asio::awaitable<void> KeyRotationTest::knows_every_column() {
  std::set<std::string> known;
  for (std::size_t source = 0; source < sealed_store::kSources; ++source) {
    known.insert(sealed_store::source_column(source));
  }
  const auto columns = co_await sql(
      "SELECT table_name || '.' || column_name AS name FROM information_schema.columns c "
      "JOIN information_schema.tables t USING (table_schema, table_name) "
      "WHERE table_schema = 'howdah' AND table_type = 'BASE TABLE' "
      "AND column_name LIKE 'sealed\\_%'");
  // No secret; and one that nothing writes yet: whoever does adds its source.
  const std::set<std::string> others{"branches.sealed_reason", "databases.sealed_source_url"};
  for (std::size_t row = 0; row < columns->size(); ++row) {
    const std::string name = columns->text(row, "name");
    EXPECT_TRUE(known.contains(name) || others.contains(name))
        << name << " would be passed over by a change of the master key";
  }
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.databases "
                         "WHERE sealed_source_url IS NOT NULL"),
            "0");
}

TEST_F(KeyRotationTest, no_sealed_column_is_passed_over) {
  run(knows_every_column());
}

// The ring was written, and howdahd ended before the catalog knew.
asio::awaitable<void> KeyRotationTest::makes_one_key() {
  const auto done = co_await rotate();
  EXPECT_TRUE(done);
  co_await stop_service();
  for (const char* statement :
       {"ALTER TABLE howdah.jobs DISABLE TRIGGER guard",
        "UPDATE howdah.jobs SET state = 'scheduling', step = 0, finished_at = NULL, due_at = now() "
        "WHERE kind = 'secrets.rotate'",
        "ALTER TABLE howdah.jobs ENABLE TRIGGER guard"}) {
    EXPECT_TRUE(co_await sql(statement));
  }
  co_await start_service();
  std::string state;
  for (int i = 0; i < 300 && state != "finished"; ++i) {
    co_await net::sleep_for(50ms);
    state = co_await ask("SELECT state FROM howdah.jobs WHERE kind = 'secrets.rotate'");
  }
  EXPECT_EQ(state, "finished");
  EXPECT_EQ((co_await status()).at("keys").as_array().size(), 2U);
}

TEST_F(KeyRotationTest, a_rotation_that_was_cut_off_makes_no_second_key) {
  run(makes_one_key());
}

asio::awaitable<void> KeyRotationTest::names_broken_values() {
  EXPECT_TRUE(
      co_await sql("INSERT INTO howdah.settings (key, sealed_value) "
                   "VALUES ('torn', 'v1:000000000000:AAAA')"));
  const auto failed = co_await call(Method::post, "/api/secrets/rotate-master-key");
  EXPECT_EQ(code_of(failed), "seal_broken");
  EXPECT_NE(failed.error().message.find("settings.sealed_value of row torn"), std::string::npos)
      << failed.error().message;
  const json::value left = co_await status();
  EXPECT_EQ(text(left.at("keys").at(0), "state"), "replaced") << "it is not retired";
  EXPECT_EQ(left.at("values_of_unknown_keys").as_int64(), 1);
  // What could be sealed is.
  EXPECT_EQ(left.at("values_of_older_keys").as_int64(), 1);
  EXPECT_TRUE(co_await sql("DELETE FROM howdah.settings WHERE key = 'torn'"));
  co_await run_sweep();
  EXPECT_EQ(text((co_await status()).at("keys").at(0), "state"), "retired");
}

TEST_F(KeyRotationTest, a_value_that_no_key_opens_is_named_and_its_key_stays) {
  run(names_broken_values());
}

asio::awaitable<void> KeyRotationTest::one_at_a_time() {
  EXPECT_TRUE(
      co_await sql("INSERT INTO howdah.jobs (kind, exclusive_key, due_at) "
                   "VALUES ('secrets.rotate', 'secrets.rotate', now() + '1 hour')"));
  EXPECT_EQ(code_of(co_await call(Method::post, "/api/secrets/rotate-master-key")), "conflict");
  EXPECT_EQ((co_await status()).at("keys").as_array().size(), 1U);
}

TEST_F(KeyRotationTest, runs_once_at_a_time) {
  run(one_at_a_time());
}

// A request had its value sealed just before the key was changed, and stores it afterwards.
asio::awaitable<void> KeyRotationTest::sweeps() {
  co_await join(gate);
  const json::value made = co_await make("k-1");
  const std::string late = co_await ask("SELECT sealed_password FROM howdah.credentials LIMIT 1");
  EXPECT_TRUE(co_await rotate());
  EXPECT_TRUE(co_await sql("UPDATE howdah.credentials SET sealed_password = '" + late + "'"));
  EXPECT_EQ((co_await status()).at("values_of_older_keys").as_int64(), 1);
  EXPECT_EQ(text(*co_await reveal(text(made, "id")), "password"), text(made, "password"));
  co_await run_sweep();
  EXPECT_EQ((co_await status()).at("values_of_older_keys").as_int64(), 0);
  EXPECT_EQ(text(*co_await reveal(text(made, "id")), "password"), text(made, "password"));
}

TEST_F(KeyRotationTest, what_was_missed_is_sealed_by_the_sweep) {
  run(sweeps());
}

asio::awaitable<void> KeyRotationTest::removes() {
  const auto dump = co_await call(Method::post, "/api/catalog/dumps");
  EXPECT_TRUE(dump) << dump.error().to_log();
  EXPECT_TRUE(co_await rotate());
  const auto age_ring = [this](Timestamp at) {
    std::string ring = os::read_file(ring_file()).value();
    const std::size_t place = ring.find("\"retired_at\":\"") + 14;
    ring.replace(place, 24, to_rfc3339(at));
    EXPECT_TRUE(os::write_file_atomic(ring_file(), ring, 0600));
  };
  co_await stop_service();
  age_ring(now() - std::chrono::days(9));
  co_await start_service();
  // A dump from before it was retired needs it.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "backups/catalog")) {
    std::filesystem::rename(entry.path(),
                            entry.path().parent_path() / "catalog-20260101T000000Z.dump");
  }
  co_await run_sweep();
  EXPECT_EQ((co_await status()).at("keys").as_array().size(), 2U);
  std::filesystem::remove(folder.path() / "backups/catalog/catalog-20260101T000000Z.dump");
  co_await run_sweep();
  EXPECT_EQ((co_await status()).at("keys").as_array().size(), 1U);
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.audit_logs "
                         "WHERE action = 'master_key.remove'"),
            "1");
  // One that was retired lately stays, dumps or none.
  EXPECT_TRUE(co_await rotate());
  co_await run_sweep();
  EXPECT_EQ((co_await status()).at("keys").as_array().size(), 2U);
}

TEST_F(KeyRotationTest, a_retired_key_goes_when_no_dump_needs_it) {
  run(removes());
}

// T20 of docs/reliability.md: whoever can write the catalog cannot have one value shown as another.
asio::awaitable<void> KeyRotationTest::moved_values_do_not_open() {
  co_await join(gate);
  const json::value a = co_await make("k-1");
  const json::value b = co_await make("k-2");
  const std::string id_a = text(a, "id"), id_b = text(b, "id");
  const std::string save =
      "CREATE TABLE public.saved AS SELECT id, generation, sealed_password "
      "FROM howdah.credentials";
  EXPECT_TRUE(co_await sql(save));
  const auto of = [](const std::string& database) {
    return "(SELECT sealed_password FROM howdah.credentials WHERE database_id = '" + database +
           "')";
  };
  const std::string set_a = " WHERE database_id = '" + id_a + "'";
  const std::vector<std::string> moves{
      // another row
      "UPDATE howdah.credentials SET sealed_password = " + of(id_b) + set_a,
      // another version
      "UPDATE howdah.credentials SET generation = generation + 1" + set_a,
      // another row's id, as if this were that row
      "UPDATE howdah.credentials SET id = gen_random_uuid()" + set_a,
      // another column: a verifier, sealed for the job that made the database
      "UPDATE howdah.credentials c SET sealed_password = (SELECT "
      "payload->'credential'->>'sealed_verifier' FROM howdah.jobs "
      "WHERE payload ? 'credential' AND payload->>'database_id' = '" +
          id_a + "')" + set_a,
      // another table
      "UPDATE howdah.credentials SET sealed_password = (SELECT sealed_value FROM howdah.settings "
      "WHERE sealed_value IS NOT NULL LIMIT 1)" +
          set_a,
      "UPDATE howdah.credentials SET sealed_password = (SELECT sealed_response "
      "FROM howdah.idempotency_keys LIMIT 1)" +
          set_a,
      // changed in one place
      "UPDATE howdah.credentials SET sealed_password = overlay(sealed_password PLACING "
      "CASE substr(sealed_password, 20, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 20 FOR 1)" +
          set_a,
      "UPDATE howdah.credentials SET sealed_password = left(sealed_password, -4)" + set_a,
  };
  for (const std::string& move : moves) {
    EXPECT_EQ(text(*co_await reveal(id_a), "password"), text(a, "password")) << "control";
    const auto moved = co_await sql(move);
    EXPECT_TRUE(moved && moved->affected() == 1) << move;
    EXPECT_EQ(code_of(co_await reveal(id_a)), "seal_broken") << move;
    EXPECT_EQ(text(*co_await reveal(id_b), "password"), text(b, "password"));
    EXPECT_TRUE(
        co_await sql("UPDATE howdah.credentials c SET id = s.id, generation = "
                     "s.generation, sealed_password = s.sealed_password FROM public.saved s, "
                     "howdah.credentials o WHERE c.id = o.id AND c.database_id = '" +
                     id_a +
                     "' AND s.id NOT IN (SELECT id FROM howdah.credentials "
                     "WHERE database_id = '" +
                     id_b + "')"));
  }
}

TEST_F(KeyRotationTest, a_value_that_was_moved_does_not_open) {
  run(moved_values_do_not_open());
}

asio::awaitable<void> KeyRotationTest::tells_of_the_recovery_key() {
  EXPECT_TRUE((co_await status()).at("recovery_key_shown").as_bool()) << "at the first start";
  const auto first = co_await call(Method::post, "/internal/recovery-key");
  EXPECT_TRUE(co_await rotate());
  EXPECT_FALSE((co_await status()).at("recovery_key_shown").as_bool());
  const auto second = co_await call(Method::post, "/internal/recovery-key");
  EXPECT_TRUE(first && second);
  EXPECT_NE(text(first->at("data"), "recovery_key"), text(second->at("data"), "recovery_key"));
  EXPECT_TRUE((co_await status()).at("recovery_key_shown").as_bool());
}

TEST_F(KeyRotationTest, says_that_the_recovery_key_has_changed) {
  run(tells_of_the_recovery_key());
}

}  // namespace
}  // namespace howdah::control
