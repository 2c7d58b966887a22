// SPDX-License-Identifier: Apache-2.0
// A database's login as psql and env pull need it, on this machine or another.
#pragma once
#include <boost/json.hpp>
#include <string>

#include "cli/context.h"

namespace howdah::cli {

// DB[.BRANCH]. Both may be empty: see Context::find_database().
struct Target {
  std::string database;
  std::string branch;
};
// Empty: database and branch of the settings.
Target parse_target(const Context& context, const std::string& text);

// The connection strings with the password; the API writes it to the audit log.
// ca_file: where clients will find the CA certificate; must be a plain path. Errors: as call().
Result<boost::json::object> reveal(Context& context, const Target& target,
                                   const std::string& ca_file = {});

// The CA certificate, PEM, of the Howdah that the commands talk to.
Result<std::string> ca_certificate(Context& context);

}  // namespace howdah::cli
