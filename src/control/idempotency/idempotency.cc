// SPDX-License-Identifier: Apache-2.0
#include "control/idempotency/idempotency.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "control/envelope.h"
#include "crypto/hash.h"
#include "http/target.h"

namespace howdah::control {
namespace {

using idempotency_store::Attempt;
using idempotency_store::Kept;

constexpr std::string_view kHeader = "Idempotency-Key";
constexpr std::string_view kPrune = "idempotency.prune";

crypto::SealPlace place(const std::string& id) {
  return {"idempotency_keys", id, "sealed_response", 1};
}

Result<Attempt> read_attempt(const Call& call) {
  const http::Request& request = call.request;
  Attempt attempt;
  attempt.key = request.headers.find(kHeader)->second;
  const bool printable =
      std::ranges::all_of(attempt.key, [](char c) { return c >= ' ' && c <= '~'; });
  if (attempt.key.empty() || attempt.key.size() > Idempotency::kKeySizeMax || !printable) {
    return fail(ErrorCode::invalid_request,
                "the header Idempotency-Key must have 1 to 255 printable ASCII characters",
                "a fresh UUID for each new request is a good one");
  }
  attempt.organisation_id = call.caller.organisation_id;
  attempt.caller = call.caller.key_id.empty() ? call.caller.actor : call.caller.key_id;
  attempt.hash = crypto::sha256(std::string(http::to_string(request.method)) + ' ' +
                                http::format_target(canonical_path(request.path), request.query) +
                                '\n' + request.body);
  return attempt;
}

std::unexpected<Error> other_request() {
  return fail(ErrorCode::unprocessable,
              "this Idempotency-Key was sent with another path, query or body",
              "repeat that request unchanged, or take a new key for a new one");
}

// Headers that say something about the answer, as opposed to the request that fetched it.
json::object to_json(const http::Response& response) {
  json::object headers;
  for (const auto& [name, value] : response.headers) headers[name] = value;
  return {{"status", response.status}, {"headers", std::move(headers)}, {"body", response.body}};
}

}  // namespace

void Idempotency::add_jobs(JobEngine& jobs) {
  JobKind kind;
  kind.name = kPrune;
  kind.steps.push_back(
      {.name = "forget old answers", .commit = std::bind_front(&Idempotency::prune, this)});
  jobs.add(std::move(kind));
  jobs.add(Schedule{
      .name = std::string(kPrune), .kind = std::string(kPrune), .every = std::chrono::hours(1)});
}

void Idempotency::add_routes(Routes& routes) {
  routes.around_posts(std::bind_front(&Idempotency::run, this));
}

Task<void> Idempotency::start() {
  HOWDAH_CO_TRY(const pg::Pool::Lease lease, co_await platform_.catalog.pool().acquire());
  HOWDAH_CO_TRY(kept_, co_await idempotency_store::count(*lease));
  co_return Result<void>{};
}

Task<void> Idempotency::prune(StepRun&, pg::Connection& connection) {
  HOWDAH_CO_CHECK(co_await idempotency_store::prune(connection));
  HOWDAH_CO_TRY(kept_, co_await idempotency_store::count(connection));
  co_return Result<void>{};
}

Task<http::Response> Idempotency::run(Call call, CallHandler handler) {
  HOWDAH_CO_TRY(Attempt attempt, read_attempt(call));
  const std::string hash = attempt.hash;
  const auto [entry, mine] = running_.emplace(attempt.caller + '\n' + attempt.key, hash);
  if (!mine) {
    if (entry->second != hash) co_return other_request();
    co_return fail(ErrorCode::conflict, "the request with this Idempotency-Key is still running",
                   "send it again in a moment with the same key: it gets the same answer");
  }
  struct Running {
    std::map<std::string, std::string>& all;
    std::map<std::string, std::string>::iterator entry;
    ~Running() { all.erase(entry); }
  } running{running_, entry};
  if (kept_ >= kKeysMax) {
    co_return fail(ErrorCode::limit_reached,
                   "100,000 requests with an Idempotency-Key were made within a day",
                   "send further ones without the header");
  }
  HOWDAH_CO_TRY(Kept kept,
                co_await idempotency_store::begin(platform_.catalog.pool(), std::move(attempt)));
  if (kept.fresh) {
    ++kept_;
  } else {
    if (kept.hash != hash) co_return other_request();
    if (!kept.sealed_response.empty()) co_return replay(kept);
    if (!kept.job_id && !kept.subject.empty()) {
      co_return fail(
          ErrorCode::conflict, "the request was carried out, but its answer was lost on the way",
          "look at what it made (" + kept.subject + "); take a new key for a new request");
    }
  }
  co_return co_await carry_out(std::move(kept), std::move(call), std::move(handler));
}

Task<http::Response> Idempotency::carry_out(Kept kept, Call call, CallHandler handler) {
  call.caller.request_token = kept.id;
  call.earlier_job = kept.job_id;
  Result<http::Response> result = co_await handler(std::move(call));
  const auto concluded = co_await conclude(kept.id, result);
  // The caller has its answer; a repetition is refused, or goes on with the job.
  if (!concluded) log::warn("idempotency", "keep an answer: {}", concluded.error().to_log());
  co_return result;
}

Task<void> Idempotency::conclude(std::string id, const Result<http::Response>& result) {
  pg::Pool& pool = platform_.catalog.pool();
  // A failure that left nothing behind may be tried again with the same key.
  if (!result) co_return co_await idempotency_store::forget(pool, std::move(id));
  if (result->stream) co_return Result<void>{};
  const std::string sealed = platform_.vault.seal(json::serialize(to_json(*result)), place(id));
  // Accepted work that a job carries on: a repetition waits for the real answer.
  co_return co_await idempotency_store::finish(
      pool, std::move(id),
      {.status = result->status, .sealed_response = sealed, .unless_tied = result->status == 202});
}

Result<http::Response> Idempotency::replay(const Kept& kept) const {
  HOWDAH_TRY(std::string text, platform_.vault.unseal(kept.sealed_response, place(kept.id)));
  const auto parsed = parse_json(text);
  crypto::wipe(text);
  if (!parsed) return std::unexpected(parsed.error());
  const json::object& stored = parsed->as_object();
  http::Response response;
  response.status = static_cast<int>(stored.at("status").as_int64());
  for (const auto& [name, value] : stored.at("headers").as_object()) {
    response.headers[name] = std::string(value.as_string());
  }
  response.headers["Idempotency-Replayed"] = "true";
  response.body = std::string(stored.at("body").as_string());
  return response;
}

}  // namespace howdah::control
