// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/engine.h"
#include "control/jobs/job_store.h"
#include "control/jobs/schedule_store.h"
#include "control/operations/operations.h"
#include "control/test_catalog.h"

namespace howdah::control {
namespace {

constexpr milliseconds kLong{10'000};
using namespace asio::experimental::awaitable_operators;

// A worker with one kind, "work", of two steps that count; the second fails as often as it is told
// to. It stands for one process.
struct Worker {
  Worker(asio::any_io_executor executor, Catalog& catalog_, EngineLimits limits = quick())
      : catalog(catalog_), engine(executor, catalog, limits) {
    JobKind kind;
    kind.name = "work";
    kind.attempts_max = 3;
    kind.steps = {{.name = "first",
                   .work = std::bind_front(&Worker::first, this),
                   .commit = std::bind_front(&Worker::count, this, "first")},
                  {.name = "second",
                   .work = std::bind_front(&Worker::second, this),
                   .commit = std::bind_front(&Worker::count, this, "second")}};
    kind.undo = {.name = "undo",
                 .work = std::bind_front(&Worker::undo, this),
                 .commit = std::bind_front(&Worker::count, this, "undo")};
    engine.add(std::move(kind));
  }

  static EngineLimits quick() {
    return {.lease = milliseconds{600},
            .sweep_max = milliseconds{200},
            .backoff_first = milliseconds{50},
            .backoff_max = milliseconds{200}};
  }

  Task<void> first(StepRun& run) {
    ++first_runs;
    run.memo()["told"] = "by the first step";
    run.log("in the first step");
    co_return Result<void>{};
  }
  Task<void> second(StepRun& run) {
    ++second_runs;
    told = std::string(run.memo().at("told").as_string());
    run.progress(75, 30, 40);
    while (hang && !run.cancel_requested()) co_await net::sleep_for(milliseconds{10});
    if (run.cancel_requested()) co_return fail(ErrorCode::cancelled, "stopped");
    if (throws) throw std::runtime_error("a bug");
    if (failures > 0) {
      --failures;
      co_return fail(failure, "the second step failed", "mend it");
    }
    run.result()["answer"] = 42;
    co_return Result<void>{};
  }
  Task<void> undo(StepRun&) {
    ++undone;
    co_return Result<void>{};
  }
  // Effects in the catalog, which must happen exactly once.
  Task<void> count(const char* what, StepRun&, pg::Connection& in) {
    HOWDAH_CO_CHECK(
        co_await in.query("INSERT INTO public.effects VALUES ($1)", {std::string(what)}));
    co_return Result<void>{};
  }

  Task<JobId> enqueue(NewJob job = {.kind = "work"},
                      JobEngine::Start start = JobEngine::Start::by_worker) {
    co_return co_await catalog.pool().transaction<JobId>(
        std::bind_front(&Worker::enqueue_in, this, std::move(job), start));
  }
  Task<JobId> enqueue_in(NewJob job, JobEngine::Start start, pg::Connection& in) {
    co_return co_await engine.enqueue(in, std::move(job), start);
  }

  Catalog& catalog;
  JobEngine engine;
  int first_runs = 0, second_runs = 0, undone = 0, failures = 0;
  bool hang = false, throws = false;
  ErrorCode failure = ErrorCode::unavailable;
  std::string told;
};

class Jobs : public testing::CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    sql("CREATE TABLE public.effects (what text)");
  }
  NewJob watched(std::string key = {}) const {
    return {.kind = "work",
            .exclusive_key = std::move(key),
            .watch = Watch{.title = "Work", .created_by = "test"}};
  }
  std::string effects() {
    return ask("SELECT string_agg(what, ' ' ORDER BY what) FROM public.effects");
  }
  Worker worker{io.get_executor(), catalog};
  Worker other{io.get_executor(), catalog};
};

// Runs body between start and stop of the worker, as one task.
Task<Job> with(Worker& worker, Task<Job> body) {
  HOWDAH_CO_CHECK(co_await worker.engine.start());
  auto result = co_await std::move(body);
  co_await worker.engine.stop(milliseconds{0});
  co_return result;
}

Task<Job> enqueue_and_wait(Worker& worker, NewJob job) {
  HOWDAH_CO_TRY(const JobId id, co_await worker.enqueue(std::move(job)));
  co_return co_await worker.engine.wait(id, kLong);
}

TEST_F(Jobs, a_worker_takes_a_job_and_carries_it_through_its_steps) {
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(worker.told, "by the first step");
  EXPECT_EQ(job->result.at("answer"), 42);
  EXPECT_EQ(effects(), "first second");
}

// Else an engine without work would ask the catalog as often as it may, for ever.
TEST_F(Jobs, without_work_nothing_is_due_and_with_work_it_is) {
  const job_store::Taking taking{
      .owner = "00000000-0000-0000-0000-000000000001", .limit = 1, .kinds = {"work"}};
  const auto idle = run(job_store::until_next_due(catalog.pool(), taking));
  expect(idle);
  EXPECT_EQ(*idle, std::nullopt);
  expect(run(worker.enqueue()));
  const auto busy = run(job_store::until_next_due(catalog.pool(), taking));
  expect(busy);
  EXPECT_EQ(*busy, milliseconds{0});
  sql("DELETE FROM howdah.schedules");
  const auto unscheduled = run(schedule_store::until_next_due(catalog.pool()));
  expect(unscheduled);
  EXPECT_EQ(*unscheduled, std::nullopt);
}

TEST_F(Jobs, enqueueing_is_undone_with_its_transaction) {
  struct Body {
    static Task<JobId> enqueue_and_fail(Worker& worker, pg::Connection& in) {
      HOWDAH_CO_CHECK(co_await worker.engine.enqueue(in, {.kind = "work"}));
      co_return fail(ErrorCode::conflict, "no");
    }
  };
  EXPECT_FALSE(run(catalog.pool().transaction<JobId>(
      std::bind_front(&Body::enqueue_and_fail, std::ref(worker)))));
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.jobs"), "0");
}

TEST_F(Jobs, a_step_that_fails_is_tried_again_with_pauses_and_the_steps_before_are_not) {
  worker.failures = 2;
  const auto started = std::chrono::steady_clock::now();
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(worker.first_runs, 1);
  EXPECT_EQ(worker.second_runs, 3);
  EXPECT_GE(std::chrono::steady_clock::now() - started, milliseconds{120});
  EXPECT_EQ(effects(), "first second");
}

TEST_F(Jobs, a_job_fails_after_its_last_attempt_and_is_undone) {
  worker.failures = 100;
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::failed);
  EXPECT_EQ(job->error_code, "unavailable");
  EXPECT_EQ(worker.second_runs, 3);
  EXPECT_EQ(worker.undone, 1);
  EXPECT_EQ(effects(), "first undo");
}

TEST_F(Jobs, a_failure_is_told_with_its_hint_by_who_has_not_seen_it) {
  worker.failures = 100;
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  const auto read = run(other.engine.show(job->id));
  expect(read);
  EXPECT_FALSE(read->failure);
  EXPECT_EQ(error_of(*read).code, ErrorCode::unavailable);
  EXPECT_EQ(error_of(*read).message, "the second step failed");
  EXPECT_EQ(error_of(*read).hint, "mend it");
}

TEST_F(Jobs, an_attempt_that_failed_leaves_its_hint_until_the_next_succeeds) {
  worker.failures = 1;
  worker.failure = ErrorCode::volume_full;
  sql("CREATE TABLE public.hints (hint text); "
      "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.error_hint <> '' THEN INSERT INTO public.hints VALUES (NEW.error_hint); END IF; "
      "RETURN NULL; END $$; "
      "CREATE TRIGGER keep AFTER UPDATE ON howdah.jobs FOR EACH ROW EXECUTE FUNCTION "
      "public.keep()");
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(ask("SELECT DISTINCT hint FROM public.hints"), "mend it");
  EXPECT_EQ(ask("SELECT error_hint FROM howdah.jobs"), "");
}

TEST_F(Jobs, an_error_that_time_does_not_heal_ends_the_job_at_once) {
  worker.failures = 1;
  worker.failure = ErrorCode::conflict;
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::failed);
  EXPECT_EQ(worker.second_runs, 1);
}

TEST_F(Jobs, an_exception_in_a_step_is_an_internal_error) {
  worker.throws = true;
  const auto job = run(with(worker, enqueue_and_wait(worker, {.kind = "work"})));
  expect(job);
  EXPECT_EQ(job->state, JobState::failed);
  EXPECT_EQ(job->error_code, "internal");
  EXPECT_EQ(job->error_message, "an unexpected error");
}

TEST_F(Jobs, run_now_needs_no_worker_loop) {
  struct Body {
    static Task<Job> go(Worker& worker, NewJob job) {
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue(std::move(job), JobEngine::Start::here));
      co_return co_await worker.engine.run_now(id, kLong);
    }
  };
  const auto job = run(with(worker, Body::go(worker, watched())));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(effects(), "first second");
}

TEST_F(Jobs, run_now_returns_when_the_callers_patience_ends_and_the_job_goes_on) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue({.kind = "work"}, JobEngine::Start::here));
      HOWDAH_CO_TRY(const Job early, co_await worker.engine.run_now(id, milliseconds{100}));
      EXPECT_EQ(early.state, JobState::running);
      worker.hang = false;
      co_return co_await worker.engine.wait(id, kLong);
    }
  };
  worker.hang = true;
  const auto job = run(with(worker, Body::go(worker)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
}

TEST_F(Jobs, a_job_enqueued_for_here_that_nobody_runs_is_taken_when_its_lease_ends) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue({.kind = "work"}, JobEngine::Start::here));
      // run_now() is never called: the handler ended.
      for (int i = 0; i < 100; ++i) {
        HOWDAH_CO_TRY(const Job job, co_await worker.engine.show(id));
        if (is_final(job.state)) co_return job;
        co_await net::sleep_for(milliseconds{50});
      }
      co_return fail(ErrorCode::timeout, "never taken");
    }
  };
  const auto job = run(with(worker, Body::go(worker)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
}

// A worker that dies: its lease is in the table, and nobody renews it.
TEST_F(Jobs, a_dead_workers_job_goes_on_behind_the_last_completed_step) {
  sql("INSERT INTO howdah.jobs (kind, state, step, attempt, memo, due_at, started_at, "
      "lease_token, lease_owner) VALUES ('work', 'running', 1, 1, "
      "'{\"told\": \"before death\"}', now() + interval '300 ms', now(), gen_random_uuid(), "
      "gen_random_uuid())");
  struct Body {
    static Task<Job> go(Worker& worker, JobId id) {
      co_return co_await worker.engine.wait(id, kLong);
    }
  };
  const JobId id(ask("SELECT id FROM howdah.jobs WHERE kind = 'work'"));
  const auto job = run(with(worker, Body::go(worker, id)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(worker.first_runs, 0);
  EXPECT_EQ(worker.told, "before death");
  EXPECT_EQ(effects(), "second");
}

TEST_F(Jobs, a_job_that_kills_its_workers_is_given_up) {
  sql("INSERT INTO howdah.jobs (kind, state, attempt, due_at, started_at, lease_token, "
      "lease_owner) VALUES ('work', 'running', 3, now(), now(), gen_random_uuid(), "
      "gen_random_uuid())");
  const JobId id(ask("SELECT id FROM howdah.jobs WHERE kind = 'work'"));
  struct Body {
    static Task<Job> go(Worker& worker, JobId which) {
      co_return co_await worker.engine.wait(which, kLong);
    }
  };
  const auto job = run(with(worker, Body::go(worker, id)));
  expect(job);
  EXPECT_EQ(job->state, JobState::failed);
  EXPECT_EQ(worker.first_runs, 0);
}

// The first worker hangs in its step and loses the lease (stolen, as after a long stall); what it
// does afterwards must not count.
TEST_F(Jobs, a_worker_that_lost_its_lease_changes_nothing) {
  struct Body {
    static Task<Job> go(Worker& slow, Worker& quick) {
      HOWDAH_CO_TRY(const JobId id,
                    co_await slow.enqueue({.kind = "work"}, JobEngine::Start::here));
      slow.hang = true;
      HOWDAH_CO_CHECK(co_await slow.engine.run_now(id, milliseconds{100}));
      HOWDAH_CO_CHECK(co_await slow.catalog.pool().query(
          "UPDATE howdah.jobs SET due_at = now() - interval '1 s', "
          "lease_token = gen_random_uuid(), lease_owner = gen_random_uuid() WHERE id = $1",
          {id.str()}));
      slow.hang = false;
      HOWDAH_CO_CHECK(co_await quick.engine.start());
      auto job = co_await quick.engine.wait(id, kLong);
      co_await quick.engine.stop(milliseconds{0});
      co_return job;
    }
  };
  const auto job = run(with(worker, Body::go(worker, other)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(effects(), "first second");
}

TEST_F(Jobs, a_lease_is_renewed_as_long_as_the_worker_lives) {
  struct Body {
    static Task<Job> go(Worker& holder, Worker& thief) {
      HOWDAH_CO_CHECK(co_await thief.engine.start());
      holder.hang = true;
      HOWDAH_CO_TRY(const JobId id,
                    co_await holder.enqueue({.kind = "work"}, JobEngine::Start::here));
      HOWDAH_CO_CHECK(co_await holder.engine.run_now(id, milliseconds{1'500}));
      holder.hang = false;
      auto job = co_await holder.engine.wait(id, kLong);
      co_await thief.engine.stop(milliseconds{0});
      co_return job;
    }
  };
  const auto job = run(with(worker, Body::go(worker, other)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(other.first_runs + other.second_runs, 0);
}

TEST_F(Jobs, two_workers_share_many_jobs_and_do_each_once) {
  struct Body {
    static Task<Job> go(Worker& one, Worker& two) {
      HOWDAH_CO_CHECK(co_await two.engine.start());
      JobId last;
      for (int i = 0; i < 60; ++i) {
        HOWDAH_CO_TRY(last, co_await one.enqueue());
      }
      for (int i = 0; i < 200; ++i) {
        HOWDAH_CO_TRY(const pg::Rows left,
                      co_await one.catalog.pool().query("SELECT count(*) AS n FROM howdah.jobs "
                                                        "WHERE finished_at IS NULL"));
        if (left.integer(0, "n") == 0) break;
        co_await net::sleep_for(milliseconds{50});
      }
      co_await two.engine.stop(milliseconds{0});
      co_return co_await one.engine.show(last);
    }
  };
  expect(run(with(worker, Body::go(worker, other))));
  EXPECT_EQ(ask("SELECT count(*) FROM public.effects"), "120");
  EXPECT_EQ(worker.first_runs + other.first_runs, 60);
  EXPECT_GT(worker.first_runs, 0);
  EXPECT_GT(other.first_runs, 0);
}

TEST_F(Jobs, stopping_gives_jobs_back_at_once) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      worker.hang = true;
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue({.kind = "work"}, JobEngine::Start::here));
      co_return co_await worker.engine.run_now(id, milliseconds{100});
    }
  };
  expect(run(with(worker, Body::go(worker))));
  EXPECT_EQ(ask("SELECT state || ' ' || step || ' ' || (due_at <= now()) FROM howdah.jobs "
                "WHERE kind = 'work'"),
            "scheduling 1 true");
}

TEST_F(Jobs, unfinished_work_on_the_same_thing_is_a_conflict_that_names_it) {
  const auto first = run(worker.enqueue(watched("database:1")));
  expect(first);
  const auto second = run(worker.enqueue(watched("database:1")));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().hint.find(first->str()), std::string::npos);
  expect(run(worker.enqueue(watched("database:2"))));
}

TEST_F(Jobs, a_running_job_is_cancelled_and_undone) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      worker.hang = true;
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue({.kind = "work"}, JobEngine::Start::here));
      HOWDAH_CO_CHECK(co_await worker.engine.run_now(id, milliseconds{100}));
      HOWDAH_CO_TRY(const Job asked, co_await worker.engine.cancel(id));
      EXPECT_EQ(asked.state, JobState::cancelling);
      HOWDAH_CO_CHECK(co_await worker.engine.wait(id, kLong));
      const auto late = co_await worker.engine.cancel(id);
      EXPECT_TRUE(!late && late.error().code == ErrorCode::conflict);
      co_return co_await worker.engine.show(id);
    }
  };
  const auto job = run(with(worker, Body::go(worker)));
  expect(job);
  EXPECT_EQ(job->state, JobState::cancelled);
  EXPECT_EQ(effects(), "first undo");
}

TEST_F(Jobs, a_waiting_job_is_cancelled_and_undone_without_running) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      HOWDAH_CO_TRY(const JobId id, co_await worker.enqueue(
                                        {.kind = "work", .due_at = now() + std::chrono::hours(1)}));
      HOWDAH_CO_CHECK(co_await worker.engine.cancel(id));
      co_return co_await worker.engine.wait(id, kLong);
    }
  };
  const auto job = run(with(worker, Body::go(worker)));
  expect(job);
  EXPECT_EQ(job->state, JobState::cancelled);
  EXPECT_EQ(effects(), "undo");
}

TEST_F(Jobs, a_job_waits_for_its_time) {
  struct Body {
    static Task<Job> go(Worker& worker) {
      HOWDAH_CO_TRY(const JobId id,
                    co_await worker.enqueue({.kind = "work", .due_at = now() + milliseconds{400}}));
      co_await net::sleep_for(milliseconds{200});
      HOWDAH_CO_TRY(const Job early, co_await worker.engine.show(id));
      EXPECT_EQ(early.state, JobState::scheduling);
      co_return co_await worker.engine.wait(id, kLong);
    }
  };
  const auto job = run(with(worker, Body::go(worker)));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
}

TEST_F(Jobs, an_operation_tells_its_steps_log_and_events) {
  const auto job = run(with(worker, enqueue_and_wait(worker, watched())));
  expect(job);
  const auto operation = run(read_operation(catalog.pool(), job->id));
  expect(operation);
  EXPECT_EQ(operation->percent, 100);
  EXPECT_EQ(operation->steps.size(), 2u);
  EXPECT_EQ(operation->steps[1].state, "finished");
  EXPECT_TRUE(operation->steps[0].started_at);
  EXPECT_EQ(operation->log, std::vector<std::string>{"in the first step"});
  EXPECT_EQ(operation->bytes_total, 40);
  EXPECT_EQ(ask("SELECT string_agg(kind || coalesce(':' || (data ->> 'state'), ''), ' ' "
                "ORDER BY sequence) FROM howdah.operation_events"),
            "state:scheduling state:running log step:finished progress step:finished "
            "state:finished");
  EXPECT_EQ(ask("SELECT max(sequence) = count(*) FROM howdah.operation_events"), "t");
}

// The one process there is must not wait for another to take up what it had to leave.
TEST_F(Jobs, a_job_left_because_the_catalog_was_away_is_taken_up_by_the_same_worker) {
  struct Body {
    static Task<Job> go(Worker& worker, pg::testing::TestServer& server) {
      worker.hang = true;
      HOWDAH_CO_TRY(const JobId id, co_await worker.enqueue());
      while (worker.second_runs == 0) co_await net::sleep_for(milliseconds{10});
      server.stop(SIGINT);
      worker.hang = false;
      co_await net::sleep_for(milliseconds{300});
      server.start();
      for (int i = 0; i < 200; ++i) {
        const auto job = co_await worker.engine.show(id);
        if (job && is_final(job->state)) co_return *job;
        co_await net::sleep_for(milliseconds{50});
      }
      co_return fail(ErrorCode::timeout, "never taken up again");
    }
  };
  const auto job = run(with(worker, Body::go(worker, server())));
  expect(job);
  if (job) EXPECT_EQ(job->state, JobState::finished);
  EXPECT_EQ(effects(), "first second");
}

TEST_F(Jobs, the_catalog_may_restart_while_a_worker_runs) {
  struct Body {
    static Task<Job> go(Worker& worker, pg::testing::TestServer& server) {
      co_await net::sleep_for(milliseconds{100});
      server.stop(SIGINT);
      co_await net::sleep_for(milliseconds{300});
      server.start();
      for (;;) {
        const auto id = co_await worker.enqueue();
        if (id) co_return co_await worker.engine.wait(*id, kLong);
        co_await net::sleep_for(milliseconds{50});
      }
    }
  };
  const auto job = run(with(worker, Body::go(worker, server())));
  expect(job);
  EXPECT_EQ(job->state, JobState::finished);
}

}  // namespace
}  // namespace howdah::control
