// SPDX-License-Identifier: Apache-2.0
#include "control/audit/audit_log.h"

#include <fmt/format.h>

#include "control/audit/audit_store.h"
#include "control/audit/chain.h"
#include "control/catalog/settings_store.h"
#include "control/idempotency/effect.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

const std::string kKeySetting = "audit_chain_key";
constexpr std::int64_t kPortion = 1'000;

}  // namespace

Task<AuditLog> AuditLog::open(pg::Pool& pool, const Vault& vault) {
  const crypto::SealPlace place = settings_store::seal_place(kKeySetting);
  HOWDAH_CO_TRY(auto sealed, co_await settings_store::read_sealed(pool, kKeySetting));
  if (!sealed) {
    HOWDAH_CO_TRY(sealed,
                  co_await settings_store::write_sealed_once(
                      pool, kKeySetting, vault.seal(crypto::random_bytes(kAuditHashSize), place)));
  }
  auto key = vault.unseal(*sealed, place);
  if (!key) {
    Error error = std::move(key).error().within("open the catalog's secrets");
    error.hint =
        "the key ring does not belong to this catalog: put back DIR/secrets/keyring.json, or "
        "restore it from the recovery key";
    co_return std::unexpected(std::move(error));
  }
  co_return AuditLog(std::move(*key));
}

Task<void> AuditLog::append(pg::Connection& connection, Principal caller, AuditEntry entry) const {
  HOWDAH_CO_CHECK(co_await note_effect(connection, caller, entry.subject));
  HOWDAH_CO_TRY(audit_store::Head head, co_await audit_store::lock_head(connection));
  AuditRow row;
  row.position = head.position + 1;
  row.at = head.at;
  row.organisation_id = caller.organisation_id;
  row.actor = std::move(caller.actor);
  row.action = std::move(entry.action);
  row.subject = std::move(entry.subject);
  if (entry.database_id) row.database_id = entry.database_id->str();
  row.remote_address = std::move(caller.remote_address);
  row.request_id = std::move(entry.request_id);
  row.details = boost::json::serialize(entry.details);
  row.prev_hash = std::move(head.hash);
  row.hash = chain_hash(key_, row);
  co_return co_await audit_store::insert(connection, std::move(row));
}

Task<void> AuditLog::forget(pg::Connection& connection, Timestamp before) const {
  HOWDAH_CO_CHECK(co_await audit_store::lock_head(connection));
  HOWDAH_CO_TRY(auto base, co_await audit_store::find_base(connection, before));
  if (!base) co_return Result<void>{};
  base->mac = base_mac(key_, base->position, base->hash);
  HOWDAH_CO_TRY(const std::int64_t rows, co_await audit_store::forget_through(connection, *base));
  co_return co_await append(connection, system_principal("audit"),
                            {.action = "audit.forget",
                             .subject = "audit",
                             .details = {{"through_id", base->position}, {"rows", rows}}});
}

// In one snapshot, so whatever lies behind the head it names was put there by nobody of ours.
Task<AuditLog::Verdict> AuditLog::verify(pg::Pool& pool) const {
  HOWDAH_CO_TRY(const pg::Pool::Lease lease, co_await pool.acquire());
  HOWDAH_CO_CHECK(co_await audit_store::begin_snapshot(*lease));
  HOWDAH_CO_TRY(const audit_store::Head head, co_await audit_store::read_head(*lease));
  HOWDAH_CO_TRY(const auto base, co_await audit_store::read_base(*lease));
  ChainCheck check(key_);
  if (base) check.begin_behind(base->position, base->hash);
  const bool base_holds =
      !base || crypto::constant_time_equal(base->mac, base_mac(key_, base->position, base->hash));
  for (bool more = true; more;) {
    HOWDAH_CO_TRY(const std::vector<AuditRow> rows,
                  co_await audit_store::read_after(*lease, check.position(), kPortion));
    more = !rows.empty();
    for (const AuditRow& row : rows) more = more && check.feed(row);
  }
  HOWDAH_CO_CHECK(co_await audit_store::end_snapshot(*lease));
  Verdict verdict;
  verdict.rows = check.position() - (base ? base->position : 0);
  verdict.reason = base_holds ? check.reason() : "the beginning of the chain was moved";
  if (verdict.reason.empty() && check.position() < head.position) {
    verdict.reason = fmt::format("row {} is missing", check.position() + 1);
  } else if (verdict.reason.empty() && check.hash() != head.hash) {
    verdict.reason = fmt::format("row {} is not the end that the head names", check.position());
  }
  if (!verdict.reason.empty()) verdict.broken_at = check.position() + 1;
  co_return verdict;
}

}  // namespace howdah::control
