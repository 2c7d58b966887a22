// SPDX-License-Identifier: Apache-2.0
// Data as text: aligned tables for people, YAML for those who asked. Pure.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "cli/context.h"

namespace howdah::cli {

// Rows under headings, two spaces between columns. No rows: the headings alone.
// width: of the terminal; texts of the widest columns are cut to fit, with an ellipsis. 0: endless.
std::string to_table(const boost::json::array& rows, const std::vector<Column>& columns,
                     std::size_t width = 0);
// One "name  value" line for each field.
std::string to_fields(const boost::json::object& object);
std::string to_yaml(const boost::json::value& value);

}  // namespace howdah::cli
