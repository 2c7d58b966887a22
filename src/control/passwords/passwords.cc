// SPDX-License-Identifier: Apache-2.0
#include "control/passwords/passwords.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/connection_strings/connection_strings.h"
#include "control/databases/admission.h"
#include "control/databases/database_store.h"
#include "control/operations/operations.h"
#include "control/plan.h"
#include "control/rehearsal.h"
#include "model/names.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRevokeOld = "password.revoke_old";
constexpr milliseconds kWait = 30s;
constexpr milliseconds kSaveLogins = 1s;
constexpr milliseconds kRetry = 1s;
constexpr std::size_t kBatchMax = 1'000;

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::value to_json(const password_store::Row& row) {
  return {{"id", row.id},
          {"role", row.role},
          {"branch", row.branch ? json::value(*row.branch) : json::value(nullptr)},
          {"generation", row.generation},
          {"set_by", row.by_sql ? "sql" : "platform"},
          {"valid", row.valid},
          {"valid_from", to_rfc3339(row.valid_from)},
          {"valid_until", time_or_null(row.valid_until)},
          {"last_seen", time_or_null(row.last_seen)},
          {"role_can_login", row.can_login},
          {"role_valid_until", time_or_null(row.role_valid_until)},
          {"role_problem", row.problem.empty() ? json::value(nullptr) : json::value(row.problem)}};
}

// What a call would leave.
struct PlannedPasswords {
  std::int64_t generation = 0;
  std::int64_t valid_count = 0;
  bool cut_sessions = false;
  std::vector<std::string> steps = {};
};

// Beside which the new password must be usable: none when they end at once.
std::optional<pgwire::ScramVerifier> companion(const password_store::RolePasswords& present,
                                               const RotationWish& wish) {
  if (present.verifier.empty() || wish.grace == 0s) return std::nullopt;
  const auto verifier = pgwire::parse_verifier(present.verifier);
  return verifier ? std::optional(*verifier) : std::nullopt;
}

Result<void> check_room(const password_store::RolePasswords& present, const RotationWish& wish) {
  if (wish.grace == 0s || present.valid_count < kValidMax) return {};
  return fail(
      ErrorCode::limit_reached,
      fmt::format("{} passwords of {} are valid already", present.valid_count, present.role),
      "end the older ones first: revokeOld, or graceSeconds 0");
}

http::Response answer_planned(std::string action, const DatabaseId& id,
                              const password_store::RolePasswords& before,
                              PlannedPasswords planned) {
  Plan plan{.action = std::move(action),
            .database_id = id,
            .friendly_name = before.friendly_name,
            .steps = std::move(planned.steps)};
  const auto add = [&plan](const char* name, std::int64_t from, std::int64_t to) {
    if (from != to) plan.changes[name] = {{"from", from}, {"to", to}};
  };
  add("generation", before.generation, planned.generation);
  add("valid_passwords", before.valid_count, planned.valid_count);
  // Which of the open sessions are of this role, only the gates know.
  if (planned.cut_sessions) plan.sessions_cut = std::nullopt;
  return plan_response(plan);
}

}  // namespace

Passwords::Passwords(Platform& platform, RoutePublisher& routes)
    : platform_(platform), routes_(routes), rotating_(platform, routes), tasks_(platform.executor) {
  routes.on_roles(std::bind_front(&Passwords::collect_changes, this),
                  std::bind_front(&Passwords::collect_logins, this));
}

void Passwords::add_jobs(JobEngine& jobs) {
  rotating_.add_to(jobs);
}

void Passwords::add_routes(Routes& routes) {
  routes.add(http::Method::post, "/api/databases/{id}/rotate-password", Access::write,
             std::bind_front(&Passwords::rotate, this));
  routes.add(http::Method::get, "/api/databases/{id}/credentials", Access::read,
             std::bind_front(&Passwords::list, this));
}

Task<void> Passwords::start() {
  tasks_.spawn("passwords", change_loop());
  tasks_.spawn("passwords", login_loop());
  co_return Result<void>{};
}

asio::awaitable<void> Passwords::stop() {
  co_await tasks_.stop();
  const auto saved = co_await save_logins();
  if (!saved) log::info("passwords", "logins not kept: {}", saved.error().to_log());
}

Task<http::Response> Passwords::rotate(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(RotationWish wish, read_rotation(body));
  if (dry_run) co_return co_await plan(std::move(call), std::move(wish));
  if (wish.revoke_old) co_return co_await revoke_old(std::move(call), std::move(wish));
  const DatabaseId id(call.request.parameters.at("id"));
  HOWDAH_CO_TRY(const auto present,
                co_await password_store::find(platform_.catalog.pool(), id, wish.role));
  if (call.earlier_job) {
    co_return co_await resume_rotation(std::move(*call.earlier_job), present.slug);
  }
  HOWDAH_CO_CHECK(check_room(present, wish));
  // How long it takes is up to whoever has set the present password.
  NewCredential made = co_await net::offload(
      platform_.blocking, std::bind_front(&make_credential, std::cref(platform_.vault),
                                          present.generation + 1, companion(present, wish)));
  HOWDAH_CO_TRY(const JobId job_id,
                co_await rotating_.start(
                    {id, present, wish, made.kept, call.caller, call.request.request_id}));
  HOWDAH_CO_TRY(const Job job, co_await platform_.jobs.run_now(job_id, kWait));
  co_return co_await answer_rotation(job, present.slug);
}

Task<http::Response> Passwords::plan(Call call, RotationWish wish) {
  const DatabaseId id(call.request.parameters.at("id"));
  if (!wish.revoke_old) co_return co_await plan_rotation(id, std::move(wish));
  HOWDAH_CO_TRY(const Revoked revoked,
                co_await rehearse<Revoked>(
                    platform_.catalog.pool(),
                    std::bind_front(&Passwords::store_revoked, this, std::move(call), wish)));
  const auto& before = revoked.before;
  co_return answer_planned(std::string(kRevokeOld), id, before,
                           {.generation = before.generation,
                            .valid_count = before.valid_count - revoked.ended,
                            .cut_sessions = wish.cut_sessions});
}

Task<http::Response> Passwords::plan_rotation(DatabaseId id, RotationWish wish) {
  HOWDAH_CO_TRY(const auto before,
                co_await rehearse<password_store::RolePasswords>(
                    platform_.catalog.pool(), std::bind_front(&Passwords::check, this, id, wish)));
  co_return answer_planned(std::string(RotateJob::kKind), id, before,
                           {.generation = before.generation + 1,
                            .valid_count = wish.grace > 0s ? before.valid_count + 1 : 1,
                            .cut_sessions = wish.cut_sessions,
                            .steps = platform_.jobs.step_names(std::string(RotateJob::kKind))});
}

Task<password_store::RolePasswords> Passwords::check(DatabaseId id, RotationWish wish,
                                                     pg::Connection& connection) {
  HOWDAH_CO_TRY(auto present, co_await password_store::lock(connection, id, wish.role));
  HOWDAH_CO_CHECK(check_room(present, wish));
  HOWDAH_CO_CHECK(co_await platform_.jobs.require_idle(connection, exclusive_key(id)));
  co_return present;
}

// The same request came before, and howdahd ended before it answered: the job went on.
Task<http::Response> Passwords::resume_rotation(JobId id, std::string slug) {
  HOWDAH_CO_TRY(const Job job, co_await platform_.jobs.wait(id, kWait));
  co_return co_await answer_rotation(job, std::move(slug));
}

Task<http::Response> Passwords::answer_rotation(Job job, std::string slug) {
  if (job.state == JobState::failed || job.state == JobState::cancelled) {
    co_return std::unexpected(error_of(job));
  }
  HOWDAH_CO_TRY(RotateJob::Outcome made, rotating_.outcome_of(job));
  json::object data{{"id", made.database_id.str()},        {"username", made.role},
                    {"generation", made.generation},       {"password", made.password},
                    {"grace_seconds", made.grace.count()}, {"sessions_cut", made.cut_sessions}};
  add_urls(data, make_login(platform_.config, slug, made.role, made.password), platform_.config);
  HOWDAH_CO_TRY(json::array operations,
                co_await operation_summary(platform_.catalog.pool(), job.id));
  Envelope envelope{.data = std::move(data), .operations = std::move(operations)};
  if (made.missing && made.missing->empty()) {
    envelope.message = made.grace > 0s
                           ? "The password is changed; the old one is valid until its grace ends"
                           : "The password is changed; the old one is not valid any more";
    co_return success(200, std::move(envelope));
  }
  envelope.message = "The new password is saved, but not yet in force on every gate";
  if (made.missing) envelope.message += "; " + *made.missing;
  co_return success(202, std::move(envelope));
}

Task<Published> Passwords::publish_all_of(DatabaseId id) {
  HOWDAH_CO_TRY(auto ids, co_await database_store::branch_ids(platform_.catalog.pool(), id));
  co_return co_await routes_.publish(std::move(ids));
}

Task<http::Response> Passwords::revoke_old(Call call, RotationWish wish) {
  const DatabaseId id(call.request.parameters.at("id"));
  if (!is_uuid(id.str())) co_return fail(ErrorCode::not_found, "no database has this id");
  HOWDAH_CO_TRY(const Revoked revoked,
                co_await platform_.catalog.pool().transaction<Revoked>(
                    std::bind_front(&Passwords::store_revoked, this, call, wish)));
  const std::string missing = missing_gates(co_await publish_all_of(id));
  std::string message =
      fmt::format("{} older passwords of {} ended", revoked.ended, revoked.before.role);
  if (!missing.empty()) message += "; " + missing;
  json::object data{{"id", id.str()},
                    {"username", revoked.before.role},
                    {"passwords_ended", revoked.ended},
                    {"sessions_cut", wish.cut_sessions}};
  co_return success(missing.empty() ? 200 : 202,
                    {.data = std::move(data), .message = std::move(message)});
}

Task<Passwords::Revoked> Passwords::store_revoked(Call call, RotationWish wish,
                                                  pg::Connection& connection) {
  const DatabaseId id(call.request.parameters.at("id"));
  HOWDAH_CO_TRY(const auto present, co_await password_store::lock(connection, id, wish.role));
  HOWDAH_CO_TRY(const std::int64_t ended,
                co_await password_store::end_older(connection, present.role_id, wish.cut_sessions));
  AuditEntry entry{
      .action = std::string(kRevokeOld),
      .subject = "database:" + id.str(),
      .database_id = id,
      .details = {{"role", present.role}, {"ended", ended}, {"cut_sessions", wish.cut_sessions}},
      .request_id = call.request.request_id};
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, call.caller, std::move(entry)));
  co_return Revoked{ended, present};
}

Task<http::Response> Passwords::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  if (page.after && !is_uuid(page.after->id)) {
    query.reject("cursor", "is not a cursor that this list gave");
  }
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database,
                co_await database_store::find(pool, DatabaseId(call.request.parameters.at("id"))));
  if (database.status == "deleted") {
    co_return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  HOWDAH_CO_CHECK(co_await save_logins());
  HOWDAH_CO_TRY(const auto credentials, co_await password_store::list(pool, database.id, page));
  std::vector<ListRow> rows;
  rows.reserve(credentials.size());
  for (const auto& row : credentials) rows.push_back({to_json(row), {row.created_at, row.id}});
  co_return list_response(call.request, page, std::move(rows));
}

void Passwords::collect_changes(std::vector<RoleChange> changes) {
  for (RoleChange& change : changes) {
    // The gate has judged it already; a verifier that does not parse must not reach the catalog.
    if (!change.verifier.empty() && !pgwire::parse_verifier(change.verifier)) continue;
    const auto key = std::pair(change.branch_id, change.role);
    if (changes_.size() >= kChangesMax && !changes_.contains(key)) continue;
    const auto known = changes_.find(key);
    if (known != changes_.end() && known->second.changed_at >= change.changed_at) continue;
    changes_.insert_or_assign(key, std::move(change));
  }
  changed_.notify();
}

void Passwords::collect_logins(std::vector<LoginSeen> logins) {
  for (LoginSeen& seen : logins) {
    // One value that the catalog cannot take would hold up all others.
    if (!is_uuid(seen.branch_id.str()) || logins_.size() >= kLoginsMax) continue;
    LoginSeen& last = logins_[{seen.branch_id, seen.role, seen.generation}];
    if (last.last_seen < seen.last_seen) last = std::move(seen);
  }
}

Task<Passwords::Stored> Passwords::store_change(RoleChange change, pg::Connection& connection) {
  HOWDAH_CO_TRY(auto changed, co_await password_store::take_change(connection, change));
  if (!changed) co_return changed;
  AuditEntry entry{.action = "password.change",
                   .subject = "database:" + changed->database_id.str(),
                   .database_id = changed->database_id,
                   .details = {{"role", change.role}, {"branch", changed->branch}}};
  if (changed->generation > 0) entry.details["generation"] = changed->generation;
  if (!change.problem.empty()) entry.details["problem"] = change.problem;
  HOWDAH_CO_CHECK(
      co_await platform_.audit.append(connection, system_principal("sql"), std::move(entry)));
  co_return changed;
}

Task<void> Passwords::save_changes() {
  while (!changes_.empty()) {
    const auto key = changes_.begin()->first;
    const RoleChange change = changes_.begin()->second;
    HOWDAH_CO_TRY(const auto changed, co_await platform_.catalog.pool().transaction<Stored>(
                                          std::bind_front(&Passwords::store_change, this, change)));
    const auto now_there = changes_.find(key);
    if (now_there != changes_.end() && now_there->second.changed_at == change.changed_at) {
      changes_.erase(now_there);
    }
    if (!changed) continue;
    log::info("passwords", "role {} has set its password by SQL", change.role);
    (void)co_await routes_.publish(changed->branches);
  }
  co_return Result<void>{};
}

asio::awaitable<void> Passwords::change_loop() {
  for (;;) {
    if (changes_.empty()) co_await changed_.wait_until(Signal::Time::max());
    const auto saved = co_await save_changes();
    if (saved) continue;
    // The catalog may be restarting; the gates have it in force already.
    log::debug("passwords", "keep a changed password: {}", saved.error().to_log());
    co_await net::sleep_for(kRetry);
  }
}

Task<void> Passwords::save_logins() {
  while (!logins_.empty()) {
    std::vector<LoginSeen> batch;
    for (const auto& [key, seen] : logins_) {
      batch.push_back(seen);
      if (batch.size() == kBatchMax) break;
    }
    HOWDAH_CO_CHECK(co_await password_store::save_logins(platform_.catalog.pool(), batch));
    for (const LoginSeen& seen : batch) {
      const auto kept = logins_.find({seen.branch_id, seen.role, seen.generation});
      if (kept != logins_.end() && kept->second.last_seen == seen.last_seen) logins_.erase(kept);
    }
  }
  co_return Result<void>{};
}

asio::awaitable<void> Passwords::login_loop() {
  for (;;) {
    co_await net::sleep_for(kSaveLogins);
    const auto saved = co_await save_logins();
    if (!saved) log::debug("passwords", "keep logins: {}", saved.error().to_log());
  }
}

}  // namespace howdah::control
