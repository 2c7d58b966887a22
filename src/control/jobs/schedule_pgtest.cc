// SPDX-License-Identifier: Apache-2.0
// Schedules, and what a jumping clock does to them and to jobs. The catalog's clock is the one that
// counts; a jump of it is the same as rows whose times lie far away.
#include "control/jobs/engine.h"
#include "control/test_catalog.h"

namespace howdah::control {
namespace {

class Schedules : public testing::CatalogTest {
 protected:
  std::unique_ptr<JobEngine> make_engine() {
    auto made = std::make_unique<JobEngine>(
        io.get_executor(), catalog,
        EngineLimits{.lease = milliseconds{600}, .sweep_max = milliseconds{100}});
    JobKind kind;
    kind.name = "tick";
    kind.steps.push_back({.name = "tick", .work = std::bind_front(&Schedules::tick, this)});
    made->add(std::move(kind));
    made->add(Schedule{.name = "ticks", .kind = "tick", .every = every});
    return made;
  }
  Task<void> tick(StepRun&) {
    ++ticks;
    co_await net::sleep_for(busy);
    co_return Result<void>{};
  }

  // Runs a new engine, as after a restart, for a while.
  void let_run(milliseconds time) {
    engine = make_engine();
    expect(run(let_run_for(time)));
  }
  Task<void> let_run_for(milliseconds time) {
    HOWDAH_CO_CHECK(co_await engine->start());
    co_await net::sleep_for(time);
    co_await engine->stop(milliseconds{0});
    co_return Result<void>{};
  }
  std::string due_in_minutes() {
    return ask(
        "SELECT round(extract(epoch FROM next_due - now()) / 60)::integer "
        "FROM howdah.schedules WHERE name = 'ticks'");
  }
  void set_due(const std::string& interval) {
    sql("UPDATE howdah.schedules SET next_due = now() + interval '" + interval +
        "' WHERE name = 'ticks'");
  }

  std::unique_ptr<JobEngine> engine;
  std::chrono::seconds every = std::chrono::hours(1);
  int ticks = 0;
  milliseconds busy{0};
};

TEST_F(Schedules, a_new_one_runs_after_its_first_period) {
  let_run(milliseconds{200});
  EXPECT_EQ(ticks, 0);
  EXPECT_EQ(due_in_minutes(), "60");
}

TEST_F(Schedules, a_due_one_runs_once_and_is_due_again_later) {
  let_run(milliseconds{50});
  set_due("-1 s");
  let_run(milliseconds{400});
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(due_in_minutes(), "60");
}

TEST_F(Schedules, missed_runs_are_one_run) {
  let_run(milliseconds{50});
  set_due("-400 days");  // howdahd was off, or the clock jumped ahead
  let_run(milliseconds{400});
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(due_in_minutes(), "60");
}

TEST_F(Schedules, a_clock_that_was_set_back_does_not_stop_it) {
  let_run(milliseconds{50});
  set_due("400 days");
  let_run(milliseconds{300});
  EXPECT_EQ(ticks, 0);  // nothing was late
  EXPECT_EQ(due_in_minutes(), "60");
}

TEST_F(Schedules, it_keeps_its_time_over_a_restart_and_takes_a_new_cadence) {
  let_run(milliseconds{50});
  set_due("5 min");
  let_run(milliseconds{50});
  EXPECT_EQ(due_in_minutes(), "5");
  every = std::chrono::minutes(30);
  let_run(milliseconds{50});
  EXPECT_EQ(due_in_minutes(), "30");
}

TEST_F(Schedules, a_run_is_left_out_while_the_last_one_goes_on_and_the_next_comes) {
  every = std::chrono::seconds(1);
  busy = milliseconds{1'500};
  let_run(milliseconds{4'500});
  EXPECT_GE(ticks, 2);
  EXPECT_LE(ticks, 3);
}

TEST_F(Schedules, a_lost_job_never_stops_the_next_one) {
  let_run(milliseconds{50});
  set_due("-1 s");
  let_run(milliseconds{300});
  sql("DELETE FROM howdah.jobs");
  set_due("-1 s");
  let_run(milliseconds{300});
  EXPECT_EQ(ticks, 2);
}

// Clock set back: the lease of a dead worker and the pause before a retry would last 400 days.
TEST_F(Schedules, leases_and_pauses_do_not_outlast_a_clock_that_was_set_back) {
  sql("INSERT INTO howdah.jobs (kind, state, attempt, due_at, started_at, lease_token, "
      "lease_owner) VALUES ('tick', 'running', 1, now() + interval '400 days', now(), "
      "gen_random_uuid(), gen_random_uuid()); "
      "INSERT INTO howdah.jobs (kind, attempt, due_at) "
      "VALUES ('tick', 2, now() + interval '400 days')");
  let_run(milliseconds{400});
  EXPECT_EQ(ticks, 2);
}

TEST_F(Schedules, a_job_for_a_later_day_is_left_alone) {
  sql("INSERT INTO howdah.jobs (kind, due_at) VALUES ('tick', now() + interval '400 days')");
  let_run(milliseconds{400});
  EXPECT_EQ(ticks, 0);
}

TEST_F(Schedules, old_jobs_are_thrown_away_and_operations_kept_longer) {
  sql("INSERT INTO howdah.jobs (kind, state, finished_at) VALUES "
      "('tick', 'finished', now() - interval '1 day'), "
      "('tick', 'finished', now() - interval '3 days'), "
      "('watched', 'finished', now() - interval '3 days'), "
      "('watched', 'finished', now() - interval '31 days'); "
      "INSERT INTO howdah.operations (id, title) "
      "SELECT id, 'x' FROM howdah.jobs WHERE kind = 'watched'");
  let_run(milliseconds{50});
  sql("UPDATE howdah.schedules SET next_due = now() WHERE name = 'jobs.prune'");
  let_run(milliseconds{400});
  EXPECT_EQ(ask("SELECT string_agg(kind, ' ' ORDER BY kind) FROM howdah.jobs "
                "WHERE kind <> 'jobs.prune'"),
            "tick watched");
}

}  // namespace
}  // namespace howdah::control
