// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/sealed_store.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

namespace howdah::control::sealed_store {
namespace {

// What a value is bound to (table, row, column, version) and where it stands.
struct Source {
  std::string_view bound_table, bound_column;
  std::string_view table;  // howdah.<table>
  std::string_view key;    // its column, of type key_type
  std::string_view key_type;
  std::string_view row, version;  // SQL
  std::string_view column;        // that holds it
  std::string_view blob;          // SQL
  std::string_view assigned;      // SQL: the new value of the column; new.blob is the new blob
};

// A job's credential is bound as the row that it will become (databases/credential.cc).
constexpr std::string_view kJobRow = "payload->'credential'->>'id'";
constexpr std::string_view kJobVersion = "(payload->'credential'->>'generation')::bigint";

constexpr std::array<Source, kSources> kAll{{
    {"settings", "sealed_value", "settings", "key", "text", "key", "1", "sealed_value",
     "sealed_value", "new.blob"},
    {"credentials", "sealed_password", "credentials", "id", "uuid", "id", "generation",
     "sealed_password", "sealed_password", "new.blob"},
    {"idempotency_keys", "sealed_response", "idempotency_keys", "id", "uuid", "id", "1",
     "sealed_response", "sealed_response", "new.blob"},
    {"credentials", "sealed_password", "jobs", "id", "uuid", kJobRow, kJobVersion, "payload",
     "payload->'credential'->>'sealed_password'",
     "jsonb_set(payload, '{credential,sealed_password}', to_jsonb(new.blob))"},
    {"credentials", "verifier", "jobs", "id", "uuid", kJobRow, kJobVersion, "payload",
     "payload->'credential'->>'sealed_verifier'",
     "jsonb_set(payload, '{credential,sealed_verifier}', to_jsonb(new.blob))"},
}};

}  // namespace

std::string name_of(const SealedValue& value) {
  return fmt::format("{}.{} of row {}", value.place.table, value.place.column, value.key);
}

std::string source_column(std::size_t source) {
  return fmt::format("{}.{}", kAll.at(source).table, kAll.at(source).column);
}

Task<std::vector<SealedValue>> read_others(pg::Pool& pool, std::size_t source, Range range) {
  const Source& from = kAll.at(source);
  const bool first = range.after.empty();
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          fmt::format("SELECT {0}::text AS key, ({1})::text AS row, ({2})::bigint AS version, "
                      "{3} AS blob FROM howdah.{4} WHERE ($1::text IS NULL OR {0} > $1::text::{5}) "
                      "AND {3} NOT LIKE $2 ORDER BY {0} LIMIT $3",
                      from.key, from.row, from.version, from.blob, from.table, from.key_type),
          {first ? pg::Value() : pg::Value(range.after), "v1:" + range.current_id + ":%",
           pg::param(range.limit)}));
  std::vector<SealedValue> values;
  values.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    values.push_back({rows.text(row, "key"),
                      {std::string(from.bound_table), rows.text(row, "row"),
                       std::string(from.bound_column), rows.integer(row, "version")},
                      rows.text(row, "blob")});
  }
  co_return values;
}

Task<std::int64_t> replace(pg::Pool& pool, std::size_t source, std::vector<Replacement> values) {
  if (values.empty()) co_return 0;
  const Source& in = kAll.at(source);
  boost::json::array list;
  for (const Replacement& value : values) {
    list.push_back(
        boost::json::object{{"key", value.key}, {"old", value.old_blob}, {"blob", value.new_blob}});
  }
  HOWDAH_CO_TRY(
      const pg::Rows changed,
      co_await pool.query(
          fmt::format("UPDATE howdah.{0} SET {1} = {2} "
                      "FROM jsonb_to_recordset($1::jsonb) AS new (key text, old text, blob text) "
                      "WHERE howdah.{0}.{3} = new.key::{4} AND {5} = new.old",
                      in.table, in.column, in.assigned, in.key, in.key_type, in.blob),
          {boost::json::serialize(list)}));
  co_return changed.affected();
}

Task<std::map<std::string, std::int64_t>> count_by_key(pg::Pool& pool) {
  std::string all;
  for (const Source& source : kAll) {
    all += fmt::format("{}SELECT split_part({}, ':', 2) AS id FROM howdah.{} WHERE {} IS NOT NULL",
                       all.empty() ? "" : " UNION ALL ", source.blob, source.table, source.blob);
  }
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(
                    fmt::format("SELECT id, count(*) AS n FROM ({}) AS sealed GROUP BY id", all)));
  std::map<std::string, std::int64_t> counts;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    counts[rows.text(row, "id")] = rows.integer(row, "n");
  }
  co_return counts;
}

}  // namespace howdah::control::sealed_store
