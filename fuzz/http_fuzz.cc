// SPDX-License-Identifier: Apache-2.0
// Bytes of an HTTP client, whole and in two pieces, and of a server; targets and how we write them.
#include <optional>

#include "http/detail/codec.h"
#include "http/target.h"
#include "require.h"

namespace {

using namespace howdah;
using namespace howdah::http;

constexpr detail::ParserLimits kLimits{.header_size_max = 4_KiB, .body_size_max = 8_KiB};

struct Outcome {
  std::optional<ErrorCode> error;
  std::optional<detail::RequestParser::Parsed> parsed;
};

// As a session does: what was not consumed comes again with more behind it. ends: of the pieces.
Outcome read_request(std::string_view bytes, std::initializer_list<std::size_t> ends) {
  detail::RequestParser parser(kLimits);
  std::size_t consumed = 0;
  for (const std::size_t end : ends) {
    while (!parser.done()) {
      const auto fed = parser.feed(bytes.substr(consumed, end - consumed));
      if (!fed) return {fed.error().code, {}};
      require(*fed <= end - consumed);
      consumed += *fed;
      if (*fed == 0) break;
    }
  }
  if (!parser.done()) return {};
  auto parsed = parser.take();
  if (!parsed) return {parsed.error().code, {}};
  return {{}, std::move(*parsed)};
}

void check_request(std::string_view bytes, std::size_t cut) {
  const Outcome whole = read_request(bytes, {bytes.size()});
  const Outcome pieces = read_request(bytes, {cut, bytes.size()});
  // What is wrong may be told later in pieces: when the header is complete.
  require(!pieces.error || whole.error);
  require(whole.parsed.has_value() == pieces.parsed.has_value());
  if (!whole.parsed) return;
  const Request &request = whole.parsed->request, &again = pieces.parsed->request;
  require(request.path == again.path && request.query == again.query);
  require(request.headers == again.headers && request.body == again.body);
  require(request.path.starts_with('/') && request.body.size() <= kLimits.body_size_max);
}

void check_target(std::string_view text) {
  const auto target = parse_target(text);
  if (!target) return;
  const auto again = parse_target(format_target(target->path, target->query));
  require(again && again->path == target->path && again->query == target->query);
}

void check_response(std::string_view bytes) {
  detail::ResponseParser parser(kLimits, false);
  while (!parser.done() && !bytes.empty()) {
    const auto fed = parser.feed(bytes);
    if (!fed || *fed == 0) break;
    bytes.remove_prefix(*fed);
  }
  (void)parser.feed_end();
  if (parser.done()) require(parser.take().body.size() <= kLimits.body_size_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = text_of(data + 1, size - 1);
  check_request(bytes, bytes.empty() ? 0 : data[0] % bytes.size());
  check_target(bytes);
  check_response(bytes);
  return 0;
}
