// SPDX-License-Identifier: Apache-2.0
// The `.howdah` file of a working tree: which database its commands mean, and where it is.
//
// A file that says where to connect (data-dir, api-url, ca-file) could come with somebody else's
// repository and lead an API key away; so such a file counts only while it is as `howdah link` or
// `howdah config set --context` left it on this machine. The list of those is in the user's
// configuration folder.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "os/file.h"

namespace howdah::cli {

inline constexpr std::string_view kContextFileName = ".howdah";

struct FoundContextFile {
  os::Path file;     // empty: none
  std::string note;  // what to tell the user about one that is not used; empty: nothing
};
// The nearest one at or above the folder that belongs to the caller (or who called sudo) or root.
FoundContextFile find_context_file(const os::Path& folder);

// Writes the file (0644) and lists it. Errors: io_error.
Result<void> write_context_file(const os::Path& file, std::string_view text);
// Lists the file as it is now. Errors: not_found; config_invalid without a home folder.
Result<void> trust_context_file(const os::Path& file);
// Errors: config_invalid with what to do when the file is not listed as it is.
Result<void> check_context_file(const os::Path& file);

}  // namespace howdah::cli
