// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/key_rotation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "control/databases/database_job.h"
#include "control/envelope.h"
#include "control/idempotency/effect.h"
#include "control/operations/operations.h"
#include "control/secrets/sealed_store.h"
#include "control/secrets/secrets_routes.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRotate = "secrets.rotate";
constexpr std::string_view kSweep = "secrets.sweep";
constexpr milliseconds kWait{2'000};
constexpr int kPassesMax = 10;
// Each end of howdahd in the middle counts as one; the work never gets worse by another.
constexpr int kAttemptsMax = 1'000;

std::string_view state_of(const crypto::KeyFacts& key) {
  if (key.current) return "current";
  return key.retired_at ? "retired" : "replaced";
}

json::value or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::array to_json(const std::vector<std::string>& ids) {
  json::array list;
  for (const std::string& id : ids) list.push_back(json::value(id));
  return list;
}

std::int64_t count_others(const std::map<std::string, std::int64_t>& counts,
                          const std::string& current) {
  std::int64_t others = 0;
  for (const auto& [id, count] : counts) others += id == current ? 0 : count;
  return others;
}

// The oldest dump of all places; empty: there is none.
Result<std::optional<Timestamp>> oldest_dump(const DumpFolders& folders) {
  std::optional<Timestamp> oldest;
  for (const os::Path& folder : {folders.folder, folders.copy_folder}) {
    if (folder.empty()) continue;
    HOWDAH_TRY(const std::vector<DumpFacts> dumps, list_dumps(folder));
    if (dumps.empty()) continue;
    oldest = oldest ? std::min(*oldest, dumps.back().at) : dumps.back().at;
  }
  return oldest;
}

Principal asker(const StepRun& run) {
  Principal caller;
  caller.actor = text_of(run.payload(), "actor");
  caller.remote_address = text_of(run.payload(), "remote_address");
  return caller;
}

}  // namespace

void KeyRotation::add_jobs(JobEngine& jobs) {
  const Step make{.name = "make a new key",
                  .work = std::bind_front(&KeyRotation::make_key, this),
                  .commit = std::bind_front(&KeyRotation::record_key, this)};
  const Step seal{.name = "seal every value with it",
                  .work = std::bind_front(&KeyRotation::seal_values, this),
                  .timeout = 30min};
  const Step retire{.name = "retire the older keys",
                    .work = std::bind_front(&KeyRotation::retire, this),
                    .commit = std::bind_front(&KeyRotation::record_retired, this),
                    .timeout = 30min};
  jobs.add(JobKind{std::string(kRotate), {make, seal, retire}, kAttemptsMax, {}});
  JobKind sweeping;
  sweeping.name = kSweep;
  sweeping.steps.push_back({.name = "seal what was missed, remove keys that nothing needs",
                            .work = std::bind_front(&KeyRotation::sweep, this),
                            .timeout = 30min});
  jobs.add(std::move(sweeping));
  jobs.add(Schedule{.name = std::string(kSweep),
                    .kind = std::string(kSweep),
                    .daily_at = Schedule::TimeOfDay{3, 45}});
}

void KeyRotation::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/secrets", Access::admin,
             std::bind_front(&KeyRotation::show, this));
  routes.add(http::Method::post, "/api/secrets/rotate-master-key", Access::admin,
             std::bind_front(&KeyRotation::rotate, this));
}

// The label makes it one key, however often this runs: the file may be written already when howdahd
// ends before the step is recorded.
Task<void> KeyRotation::make_key(StepRun& run) {
  Vault& vault = platform_.vault;
  const std::string label = run.id().str();
  HOWDAH_CO_TRY(const std::string id, co_await net::offload(platform_.blocking, [&vault, label] {
                  return vault.add_key(label, now());
                }));
  run.memo()["key_id"] = id;
  run.result()["key_id"] = id;
  co_return Result<void>{};
}

Task<void> KeyRotation::record_key(StepRun& run, pg::Connection& in) {
  co_return co_await platform_.audit.append(
      in, asker(run),
      {.action = "master_key.rotate",
       .subject = "key_ring",
       .details = {{"key_id", text_of(run.memo(), "key_id")}, {"operation_id", run.id().str()}},
       .request_id = text_of(run.payload(), "request_id")});
}

Task<void> KeyRotation::seal_values(StepRun& run) {
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Counts counts, co_await sealed_store::count_by_key(pool));
  const std::int64_t total = count_others(counts, platform_.vault.current_id());
  const auto go_on = [&run, total](std::int64_t done) {
    const std::int64_t part = total == 0 ? 33 : std::min<std::int64_t>(33, 33 * done / total);
    run.progress(33 + static_cast<int>(part));
    return !run.cancel_requested();
  };
  HOWDAH_CO_TRY(const Rewrapped done, co_await rewrap(pool, platform_.vault, go_on));
  run.log(fmt::format("{} values sealed with the new key", done.sealed));
  if (done.broken > 0) run.log(describe_broken(done));
  run.result()["values_sealed"] = done.sealed;
  co_return Result<void>{};
}

Task<std::vector<std::string>> KeyRotation::retire_older() {
  pg::Pool& pool = platform_.catalog.pool();
  Vault& vault = platform_.vault;
  std::int64_t others = 1;
  for (int pass = 0; pass < kPassesMax && others > 0; ++pass) {
    HOWDAH_CO_TRY(const Rewrapped done, co_await rewrap(pool, vault));
    if (done.broken > 0) {
      co_return fail(ErrorCode::seal_broken, describe_broken(done),
                     "if an older key is missing, add it: howdah secrets restore; a password "
                     "that is lost is set anew: howdah db rotate");
    }
    HOWDAH_CO_TRY(const Counts counts, co_await sealed_store::count_by_key(pool));
    others = count_others(counts, vault.current_id());
  }
  if (others > 0) {
    co_return fail(ErrorCode::unavailable, "values are still being sealed with an older key");
  }
  std::vector<std::string> ids;
  for (const crypto::KeyFacts& key : vault.keys()) {
    if (!key.current && !key.retired_at) ids.push_back(key.id);
  }
  HOWDAH_CO_CHECK(co_await net::offload(platform_.blocking,
                                        [&vault, ids] { return vault.retire_keys(ids, now()); }));
  co_return ids;
}

Task<void> KeyRotation::retire(StepRun& run) {
  HOWDAH_CO_TRY(const std::vector<std::string> ids, co_await retire_older());
  run.result()["retired_keys"] = to_json(ids);
  co_return Result<void>{};
}

Task<void> KeyRotation::record_retired(StepRun& run, pg::Connection& in) {
  co_return co_await platform_.audit.append(in, asker(run),
                                            {.action = "master_key.retire",
                                             .subject = "key_ring",
                                             .details = run.result(),
                                             .request_id = text_of(run.payload(), "request_id")});
}

// What a request was about to write while the key was changed, and what came back with an older
// dump of the catalog.
Task<void> KeyRotation::sweep(StepRun& run) {
  const auto retired = co_await retire_older();
  if (!retired) {
    if (retired.error().code != ErrorCode::seal_broken) {
      co_return std::unexpected(Error(retired.error()));
    }
    log::warn("secrets", "{}; {}", retired.error().message, retired.error().hint);
    co_return Result<void>{};
  }
  co_return co_await remove_unneeded(run);
}

Task<void> KeyRotation::remove_unneeded(StepRun& run) {
  HOWDAH_CO_TRY(const auto oldest, oldest_dump(platform_.catalog.dump_folders()));
  const Timestamp at = now();
  std::vector<std::string> ids;
  for (const crypto::KeyFacts& key : platform_.vault.keys()) {
    if (key.current || !key.retired_at || at - *key.retired_at < kKeepRetired) continue;
    if (!oldest || *oldest > *key.retired_at) ids.push_back(key.id);
  }
  if (ids.empty()) co_return Result<void>{};
  Vault& vault = platform_.vault;
  HOWDAH_CO_CHECK(
      co_await net::offload(platform_.blocking, [&vault, ids] { return vault.remove_keys(ids); }));
  AuditEntry entry{.action = "master_key.remove",
                   .subject = "key_ring",
                   .details = {{"removed_keys", to_json(ids)}}};
  run.log(fmt::format("{} retired keys removed", ids.size()));
  co_return co_await platform_.catalog.pool().transaction<void>(
      std::bind_front(&KeyRotation::record, this, std::move(entry)));
}

Task<void> KeyRotation::record(AuditEntry entry, pg::Connection& in) {
  co_return co_await platform_.audit.append(in, system_principal("secrets"), std::move(entry));
}

Task<JobId> KeyRotation::enqueue(Principal caller, std::string request_id, pg::Connection& in) {
  NewJob job;
  job.kind = kRotate;
  job.exclusive_key = kRotate;
  job.payload = {{"actor", caller.actor},
                 {"remote_address", caller.remote_address},
                 {"request_id", request_id}};
  job.watch = Watch{.title = "Change the master key", .created_by = caller.actor};
  HOWDAH_CO_TRY(const JobId id,
                co_await platform_.jobs.enqueue(in, std::move(job), JobEngine::Start::here));
  HOWDAH_CO_CHECK(co_await tie_to_request(in, caller, id));
  co_return id;
}

Task<http::Response> KeyRotation::rotate(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  const auto wait = preferred_wait(call.request);
  const milliseconds wait_max = wait ? *wait : kWait;
  pg::Pool& pool = platform_.catalog.pool();
  if (call.earlier_job) {
    HOWDAH_CO_TRY(Job job, co_await platform_.jobs.wait(*call.earlier_job, wait_max));
    co_return co_await answer(std::move(job));
  }
  HOWDAH_CO_TRY(const JobId id,
                co_await pool.transaction<JobId>(std::bind_front(
                    &KeyRotation::enqueue, this, call.caller, call.request.request_id)));
  HOWDAH_CO_TRY(Job job, co_await platform_.jobs.run_now(id, wait_max));
  co_return co_await answer(std::move(job));
}

Task<http::Response> KeyRotation::answer(Job job) {
  HOWDAH_CO_TRY(json::array operations,
                co_await operation_summary(platform_.catalog.pool(), job.id));
  if (job.state == JobState::failed || job.state == JobState::cancelled) {
    co_return std::unexpected(error_of(job));
  }
  Envelope envelope{.data = job.result, .operations = std::move(operations)};
  if (job.state != JobState::finished) co_return accepted(job.id.str(), std::move(envelope));
  envelope.message = "The master key is changed; the recovery key has changed with it";
  co_return success(200, std::move(envelope));
}

Task<http::Response> KeyRotation::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(Counts counts, co_await sealed_store::count_by_key(pool));
  HOWDAH_CO_TRY(const bool shown, co_await recovery_key_is_known(pool, platform_.vault));
  json::array keys;
  std::int64_t total = 0;
  for (const auto& [id, count] : counts) total += count;
  std::int64_t unknown = total;
  for (const crypto::KeyFacts& key : platform_.vault.keys()) {
    const std::int64_t values = counts[key.id];
    unknown -= values;
    keys.push_back(json::object{{"id", key.id},
                                {"state", state_of(key)},
                                {"created_at", or_null(key.made_at)},
                                {"retired_at", or_null(key.retired_at)},
                                {"values", values}});
  }
  co_return success(200, {.data = json::object{{"keys", std::move(keys)},
                                               {"values", total},
                                               {"values_of_older_keys",
                                                count_others(counts, platform_.vault.current_id())},
                                               {"values_of_unknown_keys", unknown},
                                               {"recovery_key_shown", shown}}});
}

}  // namespace howdah::control
