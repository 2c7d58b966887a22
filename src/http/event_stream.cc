// SPDX-License-Identifier: Apache-2.0
#include "http/event_stream.h"

#include <utility>

namespace howdah::http {

std::string format_event(const Event& event) {
  std::string text;
  if (!event.id.empty()) text += "id: " + event.id + "\n";
  if (!event.name.empty()) text += "event: " + event.name + "\n";
  std::string_view rest = event.data;
  while (true) {
    const std::size_t end = rest.find('\n');
    text.append("data: ").append(rest.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  text += '\n';
  return text;
}

Result<bool> EventParser::feed(std::string_view data,
                               const std::function<bool(const Event&)>& on_event) {
  partial_ += data;
  std::size_t begin = 0;
  bool wanted = true;
  while (wanted) {
    const std::size_t end = partial_.find('\n', begin);
    if (end == std::string::npos) break;
    std::string_view line = std::string_view(partial_).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    if (!line.empty()) {
      take_line(line);
      continue;
    }
    Event event = std::exchange(event_, {});
    if (!std::exchange(has_data_, false)) continue;
    event.id = last_id_;
    wanted = on_event(event);
  }
  partial_.erase(0, begin);
  if (partial_.size() > kLineSizeMax || event_.data.size() > kLineSizeMax) {
    return fail(ErrorCode::protocol_violation, "an event of the stream is too long");
  }
  return wanted;
}

void EventParser::take_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.name = value;
  } else if (field == "id") {
    last_id_ = value;
  }
}

}  // namespace howdah::http
