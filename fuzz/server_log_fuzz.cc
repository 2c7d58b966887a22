// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's log, most of which a tenant chooses: entries cover it, and are fit to be shown.
#include "control/logs/log_entry.h"
#include "model/log_secrets.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace howdah::control;
  const std::string_view text = text_of(data, size);
  const auto starts = log_entry_starts(text);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : size;
    require(starts[i] < end);
    const LogEntry entry = read_log_entry(text.substr(starts[i], end - starts[i]), starts[i]);
    require(entry.begin == starts[i]);
    require(entry.message.find('\0') == std::string::npos);
    (void)to_json(entry);
  }
  (void)howdah::mask_log_secrets(std::string(text));
  (void)howdah::mask_sql_secrets(std::string(text));
  return 0;
}
