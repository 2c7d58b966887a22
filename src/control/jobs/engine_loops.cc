// SPDX-License-Identifier: Apache-2.0
// The loops of the job engine: taking due work, listening for news, keeping leases.
#include <algorithm>

#include "base/log.h"
#include "control/jobs/engine_impl.h"
#include "control/jobs/schedule_store.h"

namespace howdah::control {
namespace {

constexpr milliseconds kAfterError{500};
constexpr milliseconds kSweepMin{20};
constexpr milliseconds kListenFor{60'000};
constexpr auto kClockCheckEvery = std::chrono::seconds(60);

}  // namespace

void JobEngine::Impl::wake() {
  woken = true;
  waker.cancel();
}

job_store::Taking JobEngine::Impl::taking(std::size_t limit) const {
  job_store::Taking wanted{owner, limits.lease, limit, {}, {}};
  for (const auto& [name, kind] : kinds) wanted.kinds.push_back(name);
  for (const auto& [token, job] : running) wanted.held.push_back(token);
  for (const auto& [id, one] : prepared) wanted.held.push_back(one.leased.token);
  return wanted;
}

asio::awaitable<void> JobEngine::Impl::sweep_loop() {
  while (!stopping) {
    woken = false;
    const auto pause = co_await sweep();
    // The catalog may be restarting; said once, not at every attempt.
    if (!pause && !sweep_failing && !stopping) {
      log::info("jobs", "cannot look for due jobs: {}", pause.error().to_log());
    }
    sweep_failing = !pause;
    if (woken) continue;
    waker.expires_after(pause ? *pause : kAfterError);
    co_await waker.async_wait(net::kToken);
  }
}

// Returns: how long nothing will be due.
Task<milliseconds> JobEngine::Impl::sweep() {
  pg::Pool& pool = catalog.pool();
  HOWDAH_CO_TRY(const auto schedule, co_await schedule_store::until_next_due(pool));
  const bool check_clock = Clock::now() - clock_checked > kClockCheckEvery;
  if (check_clock) {
    HOWDAH_CO_CHECK(
        co_await job_store::repair_after_clock_jump(pool, limits.lease, limits.backoff_max));
  }
  if (check_clock || (schedule && schedule->count() == 0)) {
    HOWDAH_CO_CHECK(co_await pool.transaction<void>(std::bind_front(&Impl::sweep_schedules, this)));
  }
  if (check_clock) clock_checked = Clock::now();
  if (swept < limits.parallel_max) HOWDAH_CO_CHECK(co_await take_jobs());
  milliseconds pause = limits.sweep_max;
  if (schedule) pause = std::min(pause, *schedule);
  // With all hands full, the end of a job wakes the loop.
  if (swept < limits.parallel_max) {
    HOWDAH_CO_TRY(const auto job, co_await job_store::until_next_due(pool, taking(1)));
    if (job) pause = std::min(pause, *job);
  }
  co_return std::max(pause, kSweepMin);
}

Task<void> JobEngine::Impl::take_jobs() {
  HOWDAH_CO_TRY(std::vector<LeasedJob> taken,
                co_await job_store::take(catalog.pool(), taking(limits.parallel_max - swept)));
  for (LeasedJob& leased : taken) {
    const auto job = std::make_shared<RunningJob>(executor, std::move(leased));
    job->announce = true;
    launch(job, swept);
  }
  co_return Result<void>{};
}

Task<void> JobEngine::Impl::sweep_schedules(pg::Connection& in) {
  std::vector<std::string> names;
  for (const auto& [name, schedule] : schedules) names.push_back(name);
  HOWDAH_CO_TRY(const auto due, co_await schedule_store::take(in, names));
  for (const schedule_store::Due& item : due) {
    const Schedule& schedule = schedules.at(item.name);
    std::optional<JobId> id;
    if (item.late) {
      auto enqueued = co_await enqueue(in,
                                       {.kind = schedule.kind,
                                        .payload = schedule.payload,
                                        .exclusive_key = "schedule:" + schedule.name},
                                       Start::by_worker);
      // The last run is not finished: this one is left out, the next one comes all the same.
      if (!enqueued && enqueued.error().code != ErrorCode::conflict) {
        co_return std::unexpected(std::move(enqueued).error());
      }
      if (enqueued) id = *enqueued;
    }
    HOWDAH_CO_CHECK(
        co_await schedule_store::set_next(in, item.name, next_due(schedule, item.now), id));
  }
  co_return Result<void>{};
}

Task<void> JobEngine::Impl::declare_schedules(pg::Connection& in) {
  for (const auto& [name, schedule] : schedules) {
    HOWDAH_CO_CHECK(co_await schedule_store::declare(in, schedule));
  }
  co_return Result<void>{};
}

asio::awaitable<void> JobEngine::Impl::listen_loop() {
  while (!stopping) {
    // Without it work is only found later, by the sweep; so an error is no event.
    const auto ended = co_await listen();
    if (!ended) log::debug("jobs", "stopped listening: {}", ended.error().to_log());
    co_await net::sleep_for(kAfterError);
  }
}

Task<void> JobEngine::Impl::listen() {
  HOWDAH_CO_TRY(pg::Connection connection, co_await catalog.connect("howdahd jobs"));
  HOWDAH_CO_CHECK(co_await job_store::listen(connection));
  wake();
  while (!stopping) {
    HOWDAH_CO_TRY(const auto news, co_await connection.wait_notification(kListenFor));
    if (news) wake();
  }
  co_return Result<void>{};
}

asio::awaitable<void> JobEngine::Impl::lease_loop() {
  const milliseconds third = limits.lease / 3;
  for (;;) {
    co_await net::sleep_for(std::min(third, milliseconds{1'000}));
    const auto written = co_await write_news();
    if (!written) log::debug("jobs", "no news written: {}", written.error().to_log());
    if (Clock::now() - renewed < third) continue;
    renewed = Clock::now();
    const auto kept = co_await renew();
    if (!kept) log::info("jobs", "leases not renewed: {}", kept.error().to_log());
    const auto released = co_await release_forgotten();
    if (!released) log::debug("jobs", "not released: {}", released.error().to_log());
  }
}

Task<void> JobEngine::Impl::renew() {
  std::vector<std::string> tokens;
  for (const auto& [token, job] : running) tokens.push_back(token);
  if (tokens.empty()) co_return Result<void>{};
  HOWDAH_CO_TRY(const auto held, co_await job_store::renew(catalog.pool(), tokens, limits.lease));
  for (const std::string& token : tokens) {
    const auto found = running.find(token);
    if (found == running.end()) continue;  // it ended meanwhile
    const auto kept = std::ranges::find(held, token, &job_store::Renewed::token);
    if (kept == held.end()) {
      found->second->lose();
    } else if (kept->state == JobState::cancelling) {
      found->second->run.cancel_requested_ = true;
    }
  }
  co_return Result<void>{};
}

// Their transaction was rolled back, or their caller ended before run_now().
Task<void> JobEngine::Impl::release_forgotten() {
  std::vector<std::string> tokens;
  std::erase_if(prepared, [this, &tokens](const auto& entry) {
    if (Clock::now() - entry.second.since < limits.lease) return false;
    tokens.push_back(entry.second.leased.token);
    return true;
  });
  for (const std::string& token : tokens) {
    HOWDAH_CO_CHECK(co_await job_store::release(catalog.pool(), token));
  }
  co_return Result<void>{};
}

Task<void> JobEngine::Impl::write_news() {
  const auto jobs = running;  // a copy: jobs end while their news are written
  for (const auto& [token, job] : jobs) {
    HOWDAH_CO_CHECK(co_await runner->write_news(job));
  }
  co_return Result<void>{};
}

Task<void> JobEngine::Impl::prune(StepRun&, pg::Connection& in) {
  HOWDAH_CO_TRY(const std::int64_t count, co_await job_store::prune(in));
  if (count > 0) log::info("jobs", "deleted {} old jobs", count);
  co_return Result<void>{};
}

}  // namespace howdah::control
