// SPDX-License-Identifier: Apache-2.0
// Every place of the catalog where sealed values are: reading and replacing them, whatever they
// mean. A table that gets a sealed column gets a line here (sealed_store.cc), or a change of the
// master key would pass it over; a test compares (key_rotation_pgtest.cc).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "crypto/keyring.h"
#include "pg/pool.h"

namespace howdah::control::sealed_store {

struct SealedValue {
  std::string key;  // of the row that holds it
  crypto::SealPlace place;
  std::string blob;
};
// "credentials.sealed_password": for people.
std::string name_of(const SealedValue& value);

inline constexpr std::size_t kSources = 5;
// "table.column" of a source; the column of a job's payload is "payload".
std::string source_column(std::size_t source);

// Values of one source that another key than this one sealed, in the order of their rows, behind
// the row `after` (empty: from the first). At most `limit`.
struct Range {
  std::string current_id;
  std::string after;
  std::int64_t limit = 0;
};
Task<std::vector<SealedValue>> read_others(pg::Pool& pool, std::size_t source, Range range);

// Puts new blobs in the place of old ones; a value that was changed meanwhile stays as it is. All
// or none. Returns how many.
struct Replacement {
  std::string key, old_blob, new_blob;
};
Task<std::int64_t> replace(pg::Pool& pool, std::size_t source, std::vector<Replacement> values);

// How many values each key has sealed, by its id. What is no sealed value counts under its own text
// or none.
Task<std::map<std::string, std::int64_t>> count_by_key(pg::Pool& pool);

}  // namespace howdah::control::sealed_store
