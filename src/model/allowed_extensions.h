// SPDX-License-Identifier: Apache-2.0
// Which extensions the platform installs for its users, and why some are not among them. Data only.
//
// An extension is allowed when it neither reads files, nor runs programs, nor opens connections,
// nor shows what belongs to others, and when its functions may be called by anybody. "Trusted" is
// PostgreSQL's own word, known to each server: what is trusted there *and* on this list, the owner
// of a logical database may install with plain SQL too; what is trusted and not on it is refused
// by a guard in every logical database (instance/hardening_store.h).
#pragma once
#include <algorithm>
#include <array>
#include <string_view>

namespace howdah {

struct AllowedExtension {
  std::string_view name;
  std::string_view what;
  bool needs_preload = false;  // works only when the server loads it at its start, which none does
};

inline constexpr std::array kAllowedExtensions{
    AllowedExtension{"bloom", "index on many columns of which any may be asked for"},
    AllowedExtension{"btree_gin", "B-tree types in GIN indexes"},
    AllowedExtension{"btree_gist", "B-tree types in GiST indexes and exclusion constraints"},
    AllowedExtension{"citext", "text compared without regard to case"},
    AllowedExtension{"cube", "points and boxes of many dimensions"},
    AllowedExtension{"dict_int", "full-text dictionary for numbers"},
    AllowedExtension{"earthdistance", "distances on the surface of the Earth; needs cube"},
    AllowedExtension{"fuzzystrmatch", "soundex, Levenshtein and the like"},
    AllowedExtension{"hstore", "keys and values in one column"},
    AllowedExtension{"intarray", "operators and indexes on arrays of integers"},
    AllowedExtension{"isn", "ISBN, ISSN, EAN numbers"},
    AllowedExtension{"lo", "keeps large objects and their references together"},
    AllowedExtension{"ltree", "labels of trees"},
    AllowedExtension{"pg_stat_statements", "statistics of the statements that ran", true},
    AllowedExtension{"pg_trgm", "similar text, and indexes for LIKE '%...%'"},
    AllowedExtension{"pgcrypto", "hashes, encryption, random bytes"},
    AllowedExtension{"seg", "ranges of measured values"},
    AllowedExtension{"tablefunc", "crosstab, connectby, normal_rand"},
    AllowedExtension{"tcn", "NOTIFY on each change of a table"},
    AllowedExtension{"tsm_system_rows", "TABLESAMPLE of a number of rows"},
    AllowedExtension{"tsm_system_time", "TABLESAMPLE of a time"},
    AllowedExtension{"unaccent", "text without accents"},
    AllowedExtension{"uuid-ossp", "UUIDs of every version"},
    AllowedExtension{"vector", "vectors and nearest neighbours (pgvector, where it is installed)"},
};

// Asked for often, and refused with the reason.
struct RefusedExtension {
  std::string_view name;
  std::string_view why;
};

inline constexpr std::array kRefusedExtensions{
    RefusedExtension{"adminpack", "writes files of the server"},
    RefusedExtension{"dblink", "opens connections to any address"},
    RefusedExtension{"file_fdw", "reads files of the server and runs programs"},
    RefusedExtension{"pageinspect", "reads raw pages, past all rights"},
    RefusedExtension{"plperl", "is a language whose wall has had holes"},
    RefusedExtension{"plperlu", "is a language without a wall: its functions run anything"},
    RefusedExtension{"plpython3u", "is a language without a wall: its functions run anything"},
    RefusedExtension{"pltcl", "is a language whose wall has had holes"},
    RefusedExtension{"pltclu", "is a language without a wall: its functions run anything"},
    RefusedExtension{"postgres_fdw", "opens connections to any address"},
};

// null: it is not allowed.
inline const AllowedExtension* find_allowed_extension(std::string_view name) {
  const auto found = std::ranges::find(kAllowedExtensions, name, &AllowedExtension::name);
  return found == kAllowedExtensions.end() ? nullptr : &*found;
}

// Empty: there is no special reason.
inline std::string_view why_refused(std::string_view name) {
  const auto found = std::ranges::find(kRefusedExtensions, name, &RefusedExtension::name);
  return found == kRefusedExtensions.end() ? std::string_view() : found->why;
}

}  // namespace howdah
