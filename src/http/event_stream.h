// SPDX-License-Identifier: Apache-2.0
// Server-sent events: the text form and its reader. No I/O.
// Source: WHATWG HTML, 9.2 Server-sent events.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace howdah::http {

struct Event {
  std::string name;  // empty: "message"
  std::string data;
  std::string id;
};

// One event, or a comment that only keeps the connection alive. name and id: no line breaks.
std::string format_event(const Event& event);
inline constexpr std::string_view kEventHeartbeat = ":\n\n";

// Cuts a stream into events, as it comes.
class EventParser {
 public:
  static constexpr ByteCount kLineSizeMax = 4_MiB;

  // Calls on_event for every event that ends in data; returns false once on_event did.
  // Errors: protocol_violation for a line over the limit.
  Result<bool> feed(std::string_view data, const std::function<bool(const Event&)>& on_event);

 private:
  void take_line(std::string_view line);

  std::string partial_;
  Event event_;
  std::string last_id_;
  bool has_data_ = false;
};

}  // namespace howdah::http
