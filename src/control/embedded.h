// SPDX-License-Identifier: Apache-2.0
// Text files compiled into the binary (cmake/embed_text.cmake).
#pragma once
#include <string_view>
#include <vector>

namespace howdah::control {

struct EmbeddedFile {
  std::string_view name;  // "0001_initial.sql"
  std::string_view text;
};

std::vector<EmbeddedFile> embedded_migration_files();  // sql/*.sql, by name
std::vector<EmbeddedFile> embedded_contract_files();   // api/openapi.json
std::vector<EmbeddedFile> embedded_reference_files();  // web/reference/: the page at /docs

}  // namespace howdah::control
