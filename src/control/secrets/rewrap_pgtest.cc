// SPDX-License-Identifier: Apache-2.0
// T20 of docs/reliability.md: a rewrap that is killed at any moment loses no value and can be
// finished. A process of its own does it and is killed; another one, from the files alone, opens
// every value. HOWDAH_SCALE=full for 200 kills instead of 25.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "control/secrets/rewrap.h"
#include "control/secrets/sealed_store.h"
#include "control/test_catalog.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

struct Value {
  crypto::SealPlace place;
  std::string plaintext;
};

class RewrapTest : public testing::CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    fill();
  }

  os::Path ring_file() const { return folder.path() / "keyring.json"; }
  Vault vault() const { return std::move(Vault::open(folder.path()).value()); }

  std::string keep(const Vault& with, crypto::SealPlace place) {
    values.push_back({std::move(place), crypto::make_password()});
    return with.seal(values.back().plaintext, values.back().place);
  }

  // 260 values in every place there is.
  void fill() {
    const Vault with = vault();
    std::string text =
        "INSERT INTO howdah.databases (id, slug, friendly_name, owner_email) VALUES "
        "('00000000-0000-4000-8000-0000000000d1', 'abcdefgh', 'db', 'me@example.com'); "
        "INSERT INTO howdah.roles (id, database_id, name) VALUES "
        "('00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-0000000000d1', 'r');";
    for (int i = 1; i <= 220; ++i) {
      const std::string id = crypto::make_uuid();
      text += fmt::format(
          "INSERT INTO howdah.credentials (id, database_id, role_id, generation, verifier, "
          "sealed_password) VALUES ('{}', '00000000-0000-4000-8000-0000000000d1', "
          "'00000000-0000-4000-8000-0000000000e1', {}, 'SCRAM-SHA-256$x', '{}');",
          id, i, keep(with, {"credentials", id, "sealed_password", i}));
    }
    for (int i = 0; i < 10; ++i) {
      const std::string name = fmt::format("setting-{}", i);
      text += fmt::format("INSERT INTO howdah.settings (key, sealed_value) VALUES ('{}', '{}');",
                          name, keep(with, {"settings", name, "sealed_value", 1}));
      const std::string id = crypto::make_uuid();
      text += fmt::format(
          "INSERT INTO howdah.idempotency_keys (id, caller, key, request_hash, status, "
          "sealed_response) VALUES ('{}', 'me', '{}', decode(repeat('00', 32), 'hex'), 201, '{}');",
          id, i, keep(with, {"idempotency_keys", id, "sealed_response", 1}));
      const std::string credential = crypto::make_uuid();
      text += fmt::format(
          "INSERT INTO howdah.jobs (kind, payload, state, finished_at) VALUES ('test', "
          "'{{\"credential\":{{\"id\":\"{}\",\"generation\":{},\"sealed_password\":\"{}\","
          "\"sealed_verifier\":\"{}\"}}}}', 'finished', now());",
          credential, i, keep(with, {"credentials", credential, "sealed_password", i}),
          keep(with, {"credentials", credential, "verifier", i}));
    }
    sql(text);
  }

  // Every blob of the catalog, opened with the ring as it is on disk. Returns how many do not open
  // or are not what they were.
  int undecryptable() {
    const Vault from_disk = vault();
    int bad = 0;
    std::size_t seen = 0;
    for (std::size_t source = 0; source < sealed_store::kSources; ++source) {
      const auto all = run(sealed_store::read_others(catalog.pool(), source, {"none", {}, 10'000}));
      expect(all);
      for (const auto& value : *all) {
        ++seen;
        const auto opened = from_disk.unseal(value.blob, value.place);
        bad += opened && is_known(value.place, *opened) ? 0 : 1;
      }
    }
    EXPECT_EQ(seen, values.size());
    return bad;
  }
  bool is_known(const crypto::SealPlace& place, const std::string& plaintext) const {
    for (const Value& value : values) {
      if (value.place.row == place.row && value.place.column == place.column &&
          value.place.table == place.table && value.place.version == place.version) {
        return value.plaintext == plaintext;
      }
    }
    return false;
  }

  // What the job does, in a process of its own that has only the files and the catalog.
  [[noreturn]] void rotate_and_exit(const std::string& label) {
    asio::io_context own;
    pg::Pool pool(own.get_executor(), server().connect_options(std::string(Catalog::kDatabase)), 2);
    Vault with = vault();
    if (!with.add_key(label, now())) ::_exit(3);
    const auto ran = net::run(own, finish(pool, with));
    ::_exit(ran ? 0 : 4);
  }
  static Task<void> finish(pg::Pool& pool, Vault& with) {
    HOWDAH_CO_TRY(const Rewrapped done, co_await rewrap(pool, with));
    if (done.broken > 0) co_return fail(ErrorCode::seal_broken, describe_broken(done));
    std::vector<std::string> old;
    for (const auto& key : with.keys()) {
      if (!key.current) old.push_back(key.id);
    }
    co_return with.retire_keys(old, now());
  }

  // True: it ended by itself before it was killed.
  bool run_and_kill(const std::string& label, std::chrono::microseconds after) {
    const pid_t pid = ::fork();
    if (pid == 0) rotate_and_exit(label);
    std::this_thread::sleep_for(after);
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    return WIFEXITED(status);
  }
  std::chrono::microseconds whole_run(const std::string& label) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_TRUE(run_and_wait(label));
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 begun);
  }
  bool run_and_wait(const std::string& label) {
    const pid_t pid = ::fork();
    if (pid == 0) rotate_and_exit(label);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  // Values that the ring's current key has not sealed.
  std::int64_t left() {
    const auto counts = run(sealed_store::count_by_key(catalog.pool()));
    expect(counts);
    std::int64_t others = 0;
    for (const auto& [id, count] : *counts) others += id == vault().current_id() ? 0 : count;
    return others;
  }

  std::vector<Value> values;
};

TEST_F(RewrapTest, killed_at_any_moment_loses_nothing_and_can_be_finished) {
  const char* scale = std::getenv("HOWDAH_SCALE");
  const int kills_wanted = scale != nullptr && std::string_view(scale) == "full" ? 200 : 25;
  const std::uint32_t seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto whole = whole_run("first");
  ASSERT_EQ(undecryptable(), 0);
  int kills = 0, in_the_middle = 0, rotation = 0;
  for (int tries = 0; kills < kills_wanted && tries < 20 * kills_wanted; ++tries) {
    std::uniform_int_distribution<std::int64_t> when(0, whole.count());
    const bool ended =
        run_and_kill(fmt::format("r{}", rotation), std::chrono::microseconds(when(random)));
    ASSERT_EQ(undecryptable(), 0) << "seed " << seed << ", kill " << kills;
    if (ended) {
      ASSERT_EQ(left(), 0);
      ++rotation;
      continue;
    }
    ++kills;
    const std::int64_t others = left();
    if (others > 0 && others < static_cast<std::int64_t>(values.size())) ++in_the_middle;
  }
  EXPECT_EQ(kills, kills_wanted);
  EXPECT_GT(in_the_middle, 0) << "no kill hit the rewrap itself";
  ASSERT_TRUE(run_and_wait(fmt::format("r{}", rotation)));
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(undecryptable(), 0);
  EXPECT_EQ(vault().keys().size(), static_cast<std::size_t>(rotation) + 3)
      << "one key for each rotation, however often it was killed";
  fmt::print(
      "T20 rewrap: seed {}, {} values, {} kills ({} amid the values), {} rotations, "
      "0 undecryptable\n",
      seed, values.size(), kills, in_the_middle, rotation + 2);
}

// The control: a ring whose write is not durable before the first value is sealed with its key.
TEST_F(RewrapTest, control_a_ring_that_is_written_too_late_loses_values) {
  const std::string before = os::read_file(ring_file()).value();
  const auto whole = whole_run("first");
  ASSERT_EQ(undecryptable(), 0);
  int lost = 0;
  for (int tries = 0; tries < 40 && lost == 0; ++tries) {
    const std::string old_ring = os::read_file(ring_file()).value();
    (void)run_and_kill(fmt::format("late-{}", tries), whole * 3 / 4);
    ASSERT_TRUE(os::write_file_atomic(ring_file(), old_ring, 0600));
    lost = undecryptable();
  }
  EXPECT_GT(lost, 0);
  fmt::print("T20 control: {} of {} values lost\n", lost, values.size());
}

}  // namespace
}  // namespace howdah::control
