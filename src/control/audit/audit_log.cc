// SPDX-License-Identifier: Apache-2.0
#include "control/audit/audit_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/audit/audit_store.h"
#include "control/audit/chain.h"
#include "control/catalog/settings_store.h"
#include "control/idempotency/effect.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

const std::string kKeySetting = "audit_chain_key";
// Since when the head is bound to the key: a head without a mac is a fault from then on.
const std::string kBoundSetting = "audit_head_bound_at";
constexpr std::int64_t kPortion = 1'000;
// A row that tells of a head that was moved before it was written.
constexpr std::string_view kHeadMoved = "audit.head_moved";

bool holds(std::string_view key, const audit_store::Head& head) {
  return crypto::constant_time_equal(head.mac, head_mac(key, head.position, head.hash));
}

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
  AuditLog log(std::move(*key));
  HOWDAH_CO_TRY(const auto bound, co_await settings_store::read(pool, kBoundSetting));
  if (!bound) {
    HOWDAH_CO_CHECK(co_await pool.transaction<void>(std::bind_front(&AuditLog::bind_head, &log)));
  }
  co_return log;
}

Task<void> AuditLog::bind_head(pg::Connection& connection) const {
  HOWDAH_CO_TRY(const audit_store::Head head, co_await audit_store::lock_head(connection));
  HOWDAH_CO_CHECK(
      co_await audit_store::bind_head(connection, head_mac(key_, head.position, head.hash)));
  co_return co_await settings_store::write_in(connection, kBoundSetting,
                                              boost::json::value(to_rfc3339(now())));
}

Task<void> AuditLog::append(pg::Connection& connection, Principal caller, AuditEntry entry) const {
  HOWDAH_CO_CHECK(co_await note_effect(connection, caller, entry.subject));
  HOWDAH_CO_TRY(audit_store::Head head, co_await audit_store::lock_head(connection));
  // The new head would hold: whoever cut rows off would be hidden by it.
  if (!holds(key_, head)) {
    const Principal self = system_principal("audit");
    HOWDAH_CO_TRY(head,
                  co_await append_row(connection, std::move(head), self,
                                      {.action = std::string(kHeadMoved), .subject = "audit"}));
  }
  HOWDAH_CO_CHECK(
      co_await append_row(connection, std::move(head), std::move(caller), std::move(entry)));
  co_return Result<void>{};
}

Task<audit_store::Head> AuditLog::append_row(pg::Connection& connection, audit_store::Head head,
                                             Principal caller, AuditEntry entry) const {
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
  head.position = row.position;
  head.hash = row.hash;
  head.mac = head_mac(key_, head.position, head.hash);
  HOWDAH_CO_CHECK(co_await audit_store::insert(connection, std::move(row), head.mac));
  co_return head;
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
Task<AuditLog::Verdict> AuditLog::verify(pg::Pool& pool, Check check) const {
  const auto give_up = std::chrono::steady_clock::now() + check.time_max;
  HOWDAH_CO_TRY(const pg::Pool::Lease lease, co_await pool.acquire());
  HOWDAH_CO_CHECK(co_await audit_store::begin_snapshot(*lease));
  Verdict verdict;
  ChainCheck chain(key_);
  HOWDAH_CO_CHECK(co_await begin_chain(*lease, check, chain, verdict));
  while (!verdict.complete) {
    const std::int64_t limit = std::min(kPortion, check.rows_max - verdict.rows);
    if (limit <= 0 || std::chrono::steady_clock::now() > give_up) break;
    HOWDAH_CO_TRY(const std::vector<AuditRow> rows,
                  co_await audit_store::read_after(*lease, chain.position(), limit));
    verdict.complete = static_cast<std::int64_t>(rows.size()) < limit;
    verdict.rows += static_cast<std::int64_t>(rows.size());
    for (const AuditRow& row : rows) {
      note(verdict, chain.feed(row));
      if (row.action != kHeadMoved) continue;
      note(verdict, {{row.position, fmt::format("the end of the chain was moved before row {} was "
                                                "written: rows may have been cut off",
                                                row.position)}});
    }
  }
  verdict.reached = {chain.position(), chain.hash()};
  HOWDAH_CO_CHECK(co_await check_end(*lease, check, verdict));
  HOWDAH_CO_CHECK(co_await audit_store::end_snapshot(*lease));
  co_return verdict;
}

void AuditLog::note(Verdict& verdict, std::vector<AuditFinding> findings) {
  for (AuditFinding& finding : findings) {
    if (verdict.findings.size() >= kFindingsMax) return;
    verdict.findings.push_back(std::move(finding));
  }
}

Task<void> AuditLog::begin_chain(pg::Connection& connection, const Check& check, ChainCheck& chain,
                                 Verdict& verdict) const {
  HOWDAH_CO_TRY(const auto base, co_await audit_store::read_base(connection));
  const std::int64_t first = base ? base->position : 0;
  if (check.after && check.after->position >= first) {
    chain.begin_behind(check.after->position, check.after->hash);
    co_return Result<void>{};
  }
  if (base) chain.begin_behind(base->position, base->hash);
  if (base && !crypto::constant_time_equal(base->mac, base_mac(key_, base->position, base->hash))) {
    note(verdict, {{first + 1, "the beginning of the chain was moved"}});
  }
  HOWDAH_CO_TRY(const std::int64_t before, co_await audit_store::count_through(connection, first));
  if (before > 0) {
    note(verdict, {{first, fmt::format("{} rows lie before the beginning of the chain", before)}});
  }
  co_return Result<void>{};
}

Task<void> AuditLog::check_end(pg::Connection& connection, const Check& check,
                               Verdict& verdict) const {
  HOWDAH_CO_TRY(const audit_store::Head head, co_await audit_store::read_head(connection));
  verdict.head = {head.position, head.hash};
  if (!verdict.complete) co_return Result<void>{};
  const std::int64_t last = verdict.reached.position;
  if (!holds(key_, head)) {
    note(verdict, {{last, head.mac.empty() ? "the end of the chain is not bound to its key"
                                           : "the end of the chain was moved"}});
  }
  if (last < head.position) {
    note(verdict, {{last + 1, fmt::format("rows {} to {} are missing", last + 1, head.position)}});
  } else if (last > head.position) {
    note(verdict, {{head.position + 1, fmt::format("rows {} to {} lie behind the end of the chain",
                                                   head.position + 1, last)}});
  } else if (verdict.reached.hash != head.hash) {
    note(verdict, {{last, fmt::format("row {} is not the end that the head names", last)}});
  }
  if (!check.exported) co_return Result<void>{};
  co_return co_await check_exported(connection, *check.exported, verdict);
}

Task<void> AuditLog::check_exported(pg::Connection& connection, AuditPlace exported,
                                    Verdict& verdict) const {
  HOWDAH_CO_TRY(const auto base, co_await audit_store::read_base(connection));
  if (base && exported.position < base->position) {
    verdict.exported = Exported::forgotten;
    co_return Result<void>{};
  }
  std::string hash;
  if (exported.position == 0) hash = ChainCheck(key_).hash();
  if (base && exported.position == base->position) hash = base->hash;
  HOWDAH_CO_TRY(const auto row, co_await audit_store::read_row(connection, exported.position));
  if (row) hash = row->hash;
  const bool same = crypto::constant_time_equal(hash, exported.hash);
  verdict.exported = same ? Exported::holds : Exported::broken;
  if (same) co_return Result<void>{};
  note(
      verdict,
      {{exported.position,
        hash.empty() ? fmt::format("row {} of the saved head is not there: the chain was "
                                   "cut off behind row {}",
                                   exported.position, verdict.reached.position)
                     : fmt::format("row {} is not the one of the saved head", exported.position)}});
  co_return Result<void>{};
}

Task<AuditLog::Head> AuditLog::head(pg::Pool& pool) const {
  HOWDAH_CO_TRY(const pg::Pool::Lease lease, co_await pool.acquire());
  HOWDAH_CO_CHECK(co_await audit_store::begin_snapshot(*lease));
  HOWDAH_CO_TRY(const audit_store::Head head, co_await audit_store::read_head(*lease));
  HOWDAH_CO_TRY(const auto row, co_await audit_store::read_row(*lease, head.position));
  HOWDAH_CO_CHECK(co_await audit_store::end_snapshot(*lease));
  Head shown{{head.position, head.hash}, {}};
  if (row) shown.at = row->at;
  co_return shown;
}

}  // namespace howdah::control
