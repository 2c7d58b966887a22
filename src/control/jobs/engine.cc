// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/log.h"
#include "control/jobs/engine_impl.h"
#include "control/jobs/schedule_store.h"
#include "control/jobs/watch_store.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

constexpr milliseconds kPollOthers{500};

std::vector<std::string> names_of(const JobKind& kind) {
  std::vector<std::string> names;
  for (const Step& step : kind.steps) names.push_back(step.name);
  return names;
}

}  // namespace

JobEngine::Impl::Impl(asio::any_io_executor executor_, Catalog& catalog_, EngineLimits limits_)
    : executor(std::move(executor_)),
      catalog(catalog_),
      limits(limits_),
      owner(crypto::make_uuid()),
      waker(executor),
      takers(executor),
      runs(executor),
      keepers(executor) {}

JobEngine::JobEngine(asio::any_io_executor executor, Catalog& catalog, EngineLimits limits)
    : impl_(std::make_unique<Impl>(std::move(executor), catalog, limits)) {
  JobKind prune;
  prune.name = kPruneJobs;
  prune.steps.push_back(
      {.name = "delete old jobs", .commit = std::bind_front(&Impl::prune, impl_.get())});
  add(std::move(prune));
  add(Schedule{.name = std::string(kPruneJobs),
               .kind = std::string(kPruneJobs),
               .every = std::chrono::hours(6)});
}

JobEngine::~JobEngine() = default;

void JobEngine::add(JobKind kind) {
  std::string name = kind.name;
  const bool added =
      impl_->kinds.emplace(name, std::make_shared<const JobKind>(std::move(kind))).second;
  if (!added) log::error("jobs", "kind {} is declared twice", name);
  assert(added);
}

void JobEngine::add(Schedule schedule) {
  std::string name = schedule.name;
  const bool added = impl_->schedules.emplace(name, std::move(schedule)).second;
  if (!added) log::error("jobs", "schedule {} is declared twice", name);
  assert(added);
}

Task<void> JobEngine::start() {
  impl_->runner = std::make_unique<JobRunner>(impl_->catalog.pool(), impl_->limits, impl_->signals);
  HOWDAH_CO_CHECK(co_await impl_->catalog.pool().transaction<void>(
      std::bind_front(&Impl::declare_schedules, impl_.get())));
  impl_->keepers.spawn("jobs", impl_->lease_loop());
  impl_->takers.spawn("jobs", impl_->listen_loop());
  impl_->takers.spawn("jobs", impl_->sweep_loop());
  co_return Result<void>{};
}

asio::awaitable<void> JobEngine::stop(milliseconds drain) {
  impl_->stopping = true;
  co_await impl_->takers.stop();
  co_await impl_->runs.stop(drain);
  co_await impl_->keepers.stop();
  if (!impl_->runner) co_return;
  const auto released = co_await job_store::release_all(impl_->catalog.pool(), impl_->owner);
  if (!released)
    log::info("jobs", "leases left to end by themselves: {}", released.error().to_log());
}

Task<JobId> JobEngine::enqueue(pg::Connection& connection, NewJob job, Start start) {
  return impl_->enqueue(connection, std::move(job), start);
}

Task<JobId> JobEngine::Impl::enqueue(pg::Connection& connection, NewJob job, Start start) {
  const auto kind = kinds.find(job.kind);
  assert(kind != kinds.end() && "enqueue a kind that was added");
  std::optional<Lease> lease;
  if (start == Start::here && !stopping) {
    lease = Lease{crypto::make_uuid(), owner, limits.lease};
  }
  HOWDAH_CO_TRY(const auto id, co_await job_store::insert(connection, job, lease));
  if (!id) {
    HOWDAH_CO_CHECK(co_await require_idle(connection, job.exclusive_key));
    co_return fail(ErrorCode::conflict, "other work on this has only just finished", "try again");
  }
  if (job.watch) {
    HOWDAH_CO_CHECK(co_await watch_store::insert(
        connection, {*id, *job.watch, names_of(*kind->second), lease.has_value()}));
  }
  if (lease) {
    LeasedJob leased;
    leased.job.id = *id;
    leased.job.kind = std::move(job.kind);
    leased.job.payload = std::move(job.payload);
    leased.job.state = JobState::running;
    leased.job.attempt = 1;
    leased.token = lease->token;
    prepared.insert_or_assign(id->str(), Prepared{std::move(leased), Clock::now()});
  }
  co_return *id;
}

Task<void> JobEngine::require_idle(pg::Connection& connection, std::string exclusive_key) {
  return impl_->require_idle(connection, std::move(exclusive_key));
}

Task<void> JobEngine::Impl::require_idle(pg::Connection& connection, std::string exclusive_key) {
  HOWDAH_CO_TRY(const auto other,
                co_await job_store::find_exclusive(connection, std::move(exclusive_key)));
  if (!other) co_return Result<void>{};
  const std::string place = "/api/operations/" + other->id.str();
  Error error{ErrorCode::conflict,
              fmt::format("other work on this is not finished yet: {} (operation {})", other->title,
                          other->id.str()),
              "wait for its end, or cancel it: " + place,
              {},
              {{place, "is not finished"}},
              {}};
  co_return std::unexpected(std::move(error));
}

Task<Job> JobEngine::run_now(JobId id, milliseconds wait_limit) {
  const auto found = impl_->prepared.find(id.str());
  if (found == impl_->prepared.end()) co_return co_await wait(id, wait_limit);
  LeasedJob leased = std::move(found->second.leased);
  impl_->prepared.erase(found);
  if (impl_->stopping || impl_->inlined >= impl_->limits.inline_max) {
    HOWDAH_CO_CHECK(co_await job_store::release(impl_->catalog.pool(), leased.token));
    co_return co_await wait(id, wait_limit);
  }
  const auto job = std::make_shared<RunningJob>(impl_->executor, std::move(leased));
  impl_->launch(job, impl_->inlined);
  // The waiter has a timer of its own: the caller may go away, or several may wait.
  const auto give_up = Impl::Clock::now() + wait_limit;
  while (!job->done && Impl::Clock::now() < give_up) {
    const auto left = std::chrono::ceil<milliseconds>(give_up - Impl::Clock::now());
    HOWDAH_CO_CHECK(co_await impl_->signals.wait(id, left));
  }
  co_return job->leased.job;
}

void JobEngine::Impl::launch(std::shared_ptr<RunningJob> job, std::size_t& counter) {
  const KindPtr kind = kinds.at(job->leased.job.kind);
  ++counter;
  running.emplace(job->leased.token, job);
  runs.spawn("jobs", run(std::move(job), kind, counter));
}

asio::awaitable<void> JobEngine::Impl::run(std::shared_ptr<RunningJob> job, KindPtr kind,
                                           std::size_t& counter) {
  struct Entry {
    Impl& impl;
    std::shared_ptr<RunningJob> job;
    std::size_t& counter;
    ~Entry() {
      impl.running.erase(job->leased.token);
      --counter;
      job->done = true;
      impl.signals.notify(job->leased.job.id);
      impl.wake();
    }
  } entry{*this, job, counter};
  co_await runner->run(job, std::move(kind));
}

Task<Job> JobEngine::show(JobId id) {
  return impl_->show(std::move(id));
}

Task<Job> JobEngine::Impl::show(JobId id) {
  HOWDAH_CO_TRY(auto job, co_await job_store::show(catalog.pool(), id));
  if (!job) co_return fail(ErrorCode::not_found, "there is no such operation");
  co_return std::move(*job);
}

Task<Job> JobEngine::wait(JobId id, milliseconds wait_limit) {
  const auto give_up = Impl::Clock::now() + wait_limit;
  for (;;) {
    HOWDAH_CO_TRY(Job job, co_await show(id));
    const auto left = std::chrono::ceil<milliseconds>(give_up - Impl::Clock::now());
    if (is_final(job.state) || left.count() <= 0) co_return job;
    HOWDAH_CO_CHECK(co_await impl_->signals.wait(id, std::min(left, kPollOthers)));
  }
}

Task<void> JobEngine::wait_change(JobId id, milliseconds wait_limit) {
  return impl_->signals.wait(std::move(id), wait_limit);
}

Task<Job> JobEngine::cancel(JobId id) {
  HOWDAH_CO_TRY(const JobState state, co_await impl_->catalog.pool().transaction<JobState>(
                                          std::bind_front(&Impl::cancel_in, impl_.get(), id)));
  if (is_final(state)) {
    co_return fail(ErrorCode::conflict,
                   fmt::format("the operation is over: it is {}", to_string(state)));
  }
  for (const auto& [token, job] : impl_->running) {
    if (job->leased.job.id == id) job->run.cancel_requested_ = true;
  }
  impl_->signals.notify(id);
  impl_->wake();
  co_return co_await show(id);
}

Task<JobState> JobEngine::Impl::cancel_in(JobId id, pg::Connection& in) {
  HOWDAH_CO_TRY(const auto state, co_await job_store::request_cancel(in, id));
  if (!state) co_return fail(ErrorCode::not_found, "there is no such operation");
  co_return *state;
}

std::vector<std::string> JobEngine::step_names(const std::string& kind) const {
  const auto found = impl_->kinds.find(kind);
  return found == impl_->kinds.end() ? std::vector<std::string>{} : names_of(*found->second);
}

}  // namespace howdah::control
