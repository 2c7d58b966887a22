// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/runner.h"

#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/log.h"
#include "control/jobs/backoff.h"
#include "control/jobs/watch_store.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

constexpr std::string_view kLost = "the job is run by another worker now";

std::unexpected<Error> lease_lost() {
  return fail(ErrorCode::cancelled, std::string(kLost));
}

// The third seam where exceptions stop. Cancellation is none: it must reach the task's spawn.
Task<void> guarded(Task<void> task) {
  std::string what;
  try {
    co_return co_await std::move(task);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    what = error.what();
  } catch (const std::exception& error) {
    what = error.what();
  }
  log::error("jobs", "unexpected: {}", what);
  co_return fail(ErrorCode::internal, "an unexpected error", {}, what);
}

asio::awaitable<void> wait_for(asio::steady_timer& timer) {
  co_await timer.async_wait(net::kToken);
}

int random_per_mille() {
  const std::string bytes = crypto::random_bytes(2);
  return (static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1])) % 1'000;
}

int percent_of(std::size_t steps_done, std::size_t steps) {
  return steps == 0 ? 100 : static_cast<int>(100 * steps_done / steps);
}

}  // namespace

asio::awaitable<void> JobRunner::run(JobPtr job, KindPtr kind) {
  // Also when the coroutine is cancelled: whoever waits for the job must not wait for ever.
  struct End {
    RunningJob& job;
    ~End() {
      job.done = true;
      job.ended.cancel();
    }
  } end{*job};
  const Job& facts = job->leased.job;
  auto result = co_await guarded(run_steps(job, kind));
  if (!result && job->lost) {
    log::info("jobs", "{} {}: {}", facts.kind, facts.id.str(), kLost);
  } else if (!result) {
    // Only the catalog can be the reason; the lease ends and the job is taken up again.
    log::info("jobs", "{} {}: left for later: {}", facts.kind, facts.id.str(),
              result.error().to_log());
  }
  signals_.notify(facts.id);
}

Task<void> JobRunner::run_steps(JobPtr job, KindPtr kind) {
  Job& facts = job->leased.job;
  job->run.cancel_requested_ = facts.state == JobState::cancelling;
  if (facts.attempt > kind->attempts_max) {
    Error error{ErrorCode::internal,
                fmt::format("workers ended {} times in this step", kind->attempts_max),
                {},
                {},
                {},
                {}};
    co_return co_await settle_failure(job, kind, std::move(error));
  }
  if (job->announce) HOWDAH_CO_CHECK(co_await watch_store::start_step(pool_, facts.id, facts.step));
  while (!is_final(facts.state)) {
    if (job->run.cancel_requested_) co_return co_await undo(job, kind, JobState::cancelled);
    auto done = co_await run_step(job, kind);
    if (is_final(facts.state)) break;
    if (job->lost) co_return lease_lost();
    if (!done) co_return co_await settle_failure(job, kind, std::move(done).error());
    signals_.notify(facts.id);
  }
  co_return Result<void>{};
}

Task<void> JobRunner::run_step(JobPtr job, KindPtr kind) {
  Job& facts = job->leased.job;
  if (facts.step < kind->steps.size()) {
    HOWDAH_CO_CHECK(co_await work(job, kind->steps[facts.step]));
  }
  HOWDAH_CO_CHECK(co_await write_news(job));
  const Job before = facts;
  auto completed =
      co_await pool_.transaction<void>(std::bind_front(&JobRunner::complete_step, this, job, kind));
  if (!completed) {
    // The transaction did not happen, so neither did the step; memo and result keep what the work
    // put there, for the next attempt in this process.
    facts.step = before.step;
    facts.attempt = before.attempt;
    facts.state = before.state;
  }
  co_return completed;
}

Task<void> JobRunner::work(JobPtr job, const Step& step) {
  using namespace asio::experimental::awaitable_operators;
  if (!step.work) co_return Result<void>{};
  job->interrupt.expires_after(step.timeout);
  auto outcome = co_await (guarded(step.work(job->run)) || wait_for(job->interrupt));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  if (job->lost) co_return lease_lost();
  co_return fail(ErrorCode::timeout, fmt::format("step '{}' took longer than {} s", step.name,
                                                 step.timeout.count() / 1'000));
}

Task<void> JobRunner::check_held(JobPtr job, pg::Connection& in) {
  HOWDAH_CO_TRY(const bool held, co_await job_store::hold(in, job->leased));
  if (held) co_return Result<void>{};
  job->lost = true;
  co_return lease_lost();
}

// May run again when the transaction is retried: everything is worked out from the steps completed
// before it.
Task<void> JobRunner::complete_step(JobPtr job, KindPtr kind, pg::Connection& in) {
  LeasedJob next = job->leased;
  const std::size_t steps = kind->steps.size();
  const std::size_t step = job->leased.job.step;
  next.job.step = std::min(step + 1, steps);
  next.job.error_code.clear();
  next.job.error_hint.clear();
  next.job.error_message = job->run.skipped_.value_or("");
  if (job->run.skipped_) {
    next.job.state = JobState::skipped;
  } else if (next.job.step == steps) {
    next.job.state = JobState::finished;
  }
  HOWDAH_CO_CHECK(co_await check_held(job, in));
  HOWDAH_CO_CHECK(
      co_await watch_store::finish_step(in, next.job.id, step, percent_of(next.job.step, steps)));
  HOWDAH_CO_CHECK(co_await job_store::advance(in, next, limits_.lease));
  if (step < steps && kind->steps[step].commit) {
    HOWDAH_CO_CHECK(co_await guarded(kind->steps[step].commit(job->run, in)));
  }
  job->leased.job.step = next.job.step;
  job->leased.job.state = next.job.state;
  job->leased.job.attempt = 1;
  job->leased.job.error_code.clear();
  job->leased.job.error_hint.clear();
  job->leased.job.error_message = next.job.error_message;
  job->leased.job.failure.reset();
  co_return Result<void>{};
}

Task<void> JobRunner::settle_failure(JobPtr job, KindPtr kind, Error error) {
  Job& facts = job->leased.job;
  facts.error_code = info_of(error.code).name;
  facts.error_message = error.message;
  facts.error_hint = error.hint;
  facts.failure = error;
  const bool again = is_retryable(error.code) && facts.attempt < kind->attempts_max;
  if (job->run.cancel_requested_) co_return co_await undo(job, kind, JobState::cancelled);
  if (again) co_return co_await put_off(job, std::move(error));
  if (error.code == ErrorCode::internal || is_retryable(error.code)) {
    log::warn("jobs", "{} {} failed in step {} after {} attempts: {}", facts.kind, facts.id.str(),
              facts.step + 1, facts.attempt, error.to_log());
  } else {
    log::info("jobs", "{} {} failed: {}", facts.kind, facts.id.str(), error.to_log());
  }
  co_return co_await undo(job, kind, JobState::failed);
}

Task<void> JobRunner::put_off(JobPtr job, Error error) {
  Job& facts = job->leased.job;
  const milliseconds pause =
      backoff(facts.attempt, limits_.backoff_first, limits_.backoff_max, random_per_mille());
  log::info("jobs", "{} {} step {}, attempt {}: {}; again in {} ms", facts.kind, facts.id.str(),
            facts.step + 1, facts.attempt, error.to_log(), pause.count());
  job->run.log(fmt::format("attempt {} failed: {}", facts.attempt, error.message));
  HOWDAH_CO_CHECK(co_await write_news(job));
  HOWDAH_CO_CHECK(
      co_await pool_.transaction<void>(std::bind_front(&JobRunner::retry_in, this, job, pause)));
  facts.state = JobState::scheduling;
  co_return Result<void>{};
}

Task<void> JobRunner::retry_in(JobPtr job, milliseconds pause, pg::Connection& in) {
  HOWDAH_CO_CHECK(co_await check_held(job, in));
  co_return co_await job_store::retry(in, job->leased, pause);
}

// What could not be taken back is left to the reconciler, which finds it by comparing.
Task<void> JobRunner::undo(JobPtr job, KindPtr kind, JobState end) {
  Job& facts = job->leased.job;
  // The step that seems to have failed may be committed, with the answer lost on the way; then this
  // worker has nothing to take back.
  HOWDAH_CO_CHECK(
      co_await pool_.transaction<void>(std::bind_front(&JobRunner::check_held, this, job)));
  auto undone = co_await work(job, kind->undo);
  if (job->lost) co_return lease_lost();
  if (!undone) {
    log::warn("jobs", "{} {}: not all could be taken back: {}", facts.kind, facts.id.str(),
              undone.error().to_log());
  }
  HOWDAH_CO_CHECK(co_await write_news(job));
  const JobState before = facts.state;
  facts.state = end;
  auto ended =
      co_await pool_.transaction<void>(std::bind_front(&JobRunner::end_undone, this, job, kind));
  if (!ended) facts.state = before;
  co_return ended;
}

Task<void> JobRunner::end_undone(JobPtr job, KindPtr kind, pg::Connection& in) {
  HOWDAH_CO_CHECK(co_await check_held(job, in));
  HOWDAH_CO_CHECK(co_await job_store::advance(in, job->leased, limits_.lease));
  if (kind->undo.commit) HOWDAH_CO_CHECK(co_await guarded(kind->undo.commit(job->run, in)));
  co_return Result<void>{};
}

Task<void> JobRunner::write_news(JobPtr job) {
  StepRun& run = job->run;
  if (run.lines_.empty() && !run.progress_) co_return Result<void>{};
  watch_store::News news;
  news.lines = std::exchange(run.lines_, {});
  if (run.progress_) {
    news.percent = run.progress_->percent;
    news.bytes_done = run.progress_->bytes_done;
    news.bytes_total = run.progress_->bytes_total;
    run.progress_.reset();
  }
  HOWDAH_CO_CHECK(co_await watch_store::add_news(pool_, job->leased.job.id, std::move(news)));
  signals_.notify(job->leased.job.id);
  co_return Result<void>{};
}

}  // namespace howdah::control
