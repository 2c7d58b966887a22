// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/api_keys.h"

#include <algorithm>

#include "base/log.h"
#include "control/api_keys/api_key_store.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "os/process.h"

namespace howdah::control {
namespace {

constexpr std::size_t kKeySizeMax = 512;
constexpr std::size_t kPresetSizeMin = 16;

std::optional<std::string_view> key_of(const http::Request& request) {
  if (const auto header = request.headers.find("X-API-Key"); header != request.headers.end()) {
    return header->second;
  }
  const auto header = request.headers.find("Authorization");
  if (header == request.headers.end()) return std::nullopt;
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = header->second;
  const auto same = [](char a, char b) {
    return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
  };
  if (value.size() < kScheme.size() ||
      !std::ranges::equal(kScheme, value.substr(0, kScheme.size()), same)) {
    // Another scheme is an attempt to authenticate too, and not one that we know.
    return std::string_view();
  }
  value.remove_prefix(kScheme.size());
  return value;
}

std::unexpected<Error> unauthorized() {
  return fail(ErrorCode::unauthorized, "a valid API key is needed",
              "send it as X-API-Key or as Authorization: Bearer; a lost one is replaced with "
              "'howdah key create' on the machine itself");
}

}  // namespace

ApiKeys::ApiKeys(pg::Pool& pool, const AuditLog& audit, std::set<uid_t> trusted_uids,
                 os::Path sessions_file)
    : pool_(pool),
      audit_(audit),
      trusted_uids_(std::move(trusted_uids)),
      sessions_(std::move(sessions_file)) {
  sessions_.load();
}

Task<void> ApiKeys::load() {
  // A key that is made or revoked while the rows are read must not be lost or come back.
  for (;;) {
    const std::uint64_t before = changes_;
    HOWDAH_CO_TRY(std::vector<ApiKey> keys,
                  co_await api_key_store::read_live(pool_, static_cast<std::int64_t>(kKeysMax)));
    if (changes_ != before) continue;
    live_.clear();
    for (ApiKey& key : keys) {
      const std::string prefix = key.prefix;
      live_.emplace(prefix, std::move(key));
    }
    co_return Result<void>{};
  }
}

Task<void> ApiKeys::refresh() {
  if (!used_.empty()) {
    auto written = co_await api_key_store::write_last_used(pool_, std::exchange(used_, {}));
    if (!written) co_return written;
  }
  co_return co_await load();
}

Task<void> ApiKeys::preset(std::string key) {
  if (key.size() < kPresetSizeMin || key.size() > kKeySizeMax) {
    co_return fail(ErrorCode::config_invalid,
                   "HOWDAH_API_KEY or API_KEY must have 16 to 512 characters");
  }
  ApiKey wanted;
  wanted.id = crypto::make_uuid();
  wanted.prefix = prefix_of_key(key);
  wanted.name = "preset";
  wanted.kind = "preset";
  wanted.scope = Scope::admin;
  wanted.created_by = system_principal("preset").actor;
  wanted.hash = crypto::sha256(key);
  crypto::wipe(key);
  HOWDAH_CO_TRY(const bool usable, co_await pool_.transaction<bool>(
                                       std::bind_front(&ApiKeys::replace_preset, this, wanted)));
  if (!usable) log::warn("api keys", "the preset API key was revoked and stays so");
  co_return co_await load();
}

Task<bool> ApiKeys::replace_preset(ApiKey key, pg::Connection& in) {
  HOWDAH_CO_TRY(const auto known, co_await api_key_store::find_preset(in, key.hash));
  if (known) co_return !*known;
  HOWDAH_CO_CHECK(co_await api_key_store::revoke_presets(in));
  HOWDAH_CO_TRY(const ApiKey made, co_await api_key_store::insert(in, key));
  HOWDAH_CO_CHECK(co_await audit_.append(in, system_principal("preset"),
                                         {.action = "api_key.preset",
                                          .subject = "api_key:" + made.id,
                                          .details = {{"prefix", made.prefix}}}));
  co_return true;
}

const ApiKey* ApiKeys::find(std::string_view key) {
  if (key.empty() || key.size() > kKeySizeMax) return nullptr;
  const std::string hash = crypto::sha256(key);
  const std::string prefix = prefix_of_key(key);
  const auto found = live_.find(prefix);
  const ApiKey* candidate = found != live_.end() ? &found->second : sessions_.find(prefix);
  if (candidate == nullptr || !crypto::constant_time_equal(candidate->hash, hash)) return nullptr;
  if (candidate->expires_at && *candidate->expires_at <= now()) return nullptr;
  return candidate;
}

Result<Principal> ApiKeys::authenticate(const http::Request& request) {
  const auto text = key_of(request);
  if (!text) return trusted_peer(request);
  const ApiKey* key = find(*text);
  if (key == nullptr) return unauthorized();
  if (key->kind != "session") used_[key->id] = now();
  return principal_of(*key, request);
}

Principal ApiKeys::principal_of(const ApiKey& key, const http::Request& request) {
  Principal principal;
  principal.actor = "key:" + key.prefix;
  principal.scope = key.scope;
  principal.organisation_id = key.organisation_id;
  principal.database_id = key.database_id;
  principal.key_id = key.id;
  principal.remote_address = request.remote_address;
  return principal;
}

Result<Principal> ApiKeys::trusted_peer(const http::Request& request) {
  if (!request.local_peer || !trusted_uids_.contains(request.local_peer->uid)) {
    return unauthorized();
  }
  const uid_t uid = request.local_peer->uid;
  auto name = user_names_.find(uid);
  if (name == user_names_.end()) {
    name = user_names_.emplace(uid, os::user_name(uid).value_or(std::to_string(uid))).first;
  }
  Principal principal;
  principal.actor = "local:" + name->second;
  principal.scope = Scope::admin;
  principal.local = true;
  return principal;
}

bool ApiKeys::still_valid(const Principal& caller) const {
  if (streams_end_) return false;
  if (caller.key_id.empty() || sessions_.has(caller.key_id)) return true;
  return std::ranges::any_of(live_, [&caller](const auto& entry) {
    const ApiKey& key = entry.second;
    return key.id == caller.key_id && (!key.expires_at || *key.expires_at > now());
  });
}

Task<ApiKeys::Made> ApiKeys::create(NewApiKey wanted, Principal caller, std::string request_id) {
  if (live_.size() >= kKeysMax) {
    co_return fail(ErrorCode::conflict, "there are 10,000 live API keys; revoke some first");
  }
  Made made;
  ApiKey key;
  key.id = crypto::make_uuid();
  key.prefix = make_key_prefix();
  key.name = std::move(wanted.name);
  key.scope = wanted.scope;
  key.organisation_id = caller.organisation_id;
  key.database_id = wanted.database_id;
  key.created_by = caller.actor;
  key.expires_at = wanted.expires_at;
  made.key = make_api_key(key.prefix);
  key.hash = crypto::sha256(made.key);
  HOWDAH_CO_TRY(made.facts, co_await pool_.transaction<ApiKey>(
                                std::bind_front(&ApiKeys::insert, this, key, caller, request_id)));
  ++changes_;
  live_.insert_or_assign(made.facts.prefix, made.facts);
  co_return made;
}

Task<ApiKey> ApiKeys::insert(ApiKey key, Principal caller, std::string request_id,
                             pg::Connection& into) {
  HOWDAH_CO_TRY(ApiKey made, co_await api_key_store::insert(into, key));
  AuditEntry entry{
      .action = "api_key.create",
      .subject = "api_key:" + made.id,
      .database_id = made.database_id,
      .details = {{"name", made.name}, {"prefix", made.prefix}, {"scope", to_string(made.scope)}},
      .request_id = request_id};
  HOWDAH_CO_CHECK(co_await audit_.append(into, caller, std::move(entry)));
  co_return made;
}

Result<ApiKeys::Made> ApiKeys::create_session(std::string name, const Principal& caller,
                                              pid_t pid) {
  Made made;
  made.facts.id = crypto::make_uuid();
  made.facts.prefix = make_key_prefix();
  made.facts.name = std::move(name);
  made.facts.kind = "session";
  made.facts.scope = Scope::admin;
  made.facts.created_by = caller.actor;
  made.facts.created_at = now();
  made.key = make_api_key(made.facts.prefix);
  made.facts.hash = crypto::sha256(made.key);
  HOWDAH_CHECK(sessions_.add(made.facts, pid));
  return made;
}

Task<ApiKey> ApiKeys::revoke(Revocation wanted) {
  HOWDAH_CO_TRY(ApiKey revoked, co_await pool_.transaction<ApiKey>(std::bind_front(
                                    &ApiKeys::mark_revoked, this, std::move(wanted))));
  ++changes_;
  live_.erase(revoked.prefix);
  used_.erase(revoked.id);
  co_return revoked;
}

Task<ApiKey> ApiKeys::mark_revoked(Revocation wanted, pg::Connection& in) {
  HOWDAH_CO_TRY(ApiKey revoked, co_await api_key_store::revoke(in, wanted.id));
  HOWDAH_CO_CHECK(wanted.preconditions.check(revision_of(revoked)));
  AuditEntry entry{.action = "api_key.revoke",
                   .subject = "api_key:" + revoked.id,
                   .database_id = revoked.database_id,
                   .details = {{"name", revoked.name}, {"prefix", revoked.prefix}},
                   .request_id = wanted.request_id};
  HOWDAH_CO_CHECK(co_await audit_.append(in, wanted.caller, std::move(entry)));
  co_return revoked;
}

}  // namespace howdah::control
