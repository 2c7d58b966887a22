// SPDX-License-Identifier: Apache-2.0
// Takes passwords out of text that PostgreSQL logged. No I/O; any thread.
#pragma once
#include <string>

namespace howdah {

// Replaces by *** what follows the word PASSWORD as a literal or after '=', what PostgreSQL quotes
// of a literal it could not read, SCRAM and MD5 verifiers, and passwords in URLs. A literal without
// an end is masked to the end. What else a tenant chose to log stays. Cost: linear.
std::string mask_log_secrets(std::string text);

// As mask_log_secrets(), for SQL text: where it speaks of a password, no literal of it is kept,
// since the password may stand anywhere (format('... PASSWORD %L', 'it')).
std::string mask_sql_secrets(std::string text);

}  // namespace howdah
