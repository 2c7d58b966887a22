// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/operations/operations.h"

namespace howdah::control::operation_store {

// Empty: no such operation.
Task<std::optional<Operation>> read(pg::Pool& pool, OperationId id);

struct Filter {
  std::optional<std::string> state;
  std::optional<DatabaseId> database_id;
};
// Newest first; without steps and log.
Task<std::vector<Operation>> list(pg::Pool& pool, Page page, Filter filter);

struct Event {
  std::int64_t sequence = 0;
  std::string kind;  // state, step, progress, log
  std::string data;  // JSON, one line
};
struct Events {
  std::vector<Event> events;  // at most 200
  bool over = false;          // the operation is final, and these are its last events
};
// Behind `sequence`. Empty: no such operation.
Task<std::optional<Events>> events_after(pg::Pool& pool, OperationId id, std::int64_t sequence);

}  // namespace howdah::control::operation_store
