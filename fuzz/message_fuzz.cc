// SPDX-License-Identifier: Apache-2.0
// A stream of messages, each given to the parser of its type: a client's and an instance's.
#include "pgwire/message.h"
#include "require.h"

namespace {

using namespace howdah::pgwire;

// Parses, and where the parser is content, what is built from its result must be what was parsed.
void check_body(char type, std::string_view body) {
  const std::string message = build_message(type, body);
  switch (type) {
    case 'p':
      if (const auto sasl = parse_sasl_initial_response(body)) {
        require(sasl->mechanism.size() + 5 + sasl->data.size() == body.size());
      }
      break;
    case 'R':
      (void)parse_authentication(body);
      break;
    case 'E':
    case 'N':
      if (const auto fields = parse_error_response(body)) {
        const auto again = parse_error_response(build_error_response(*fields).substr(kHeaderBytes));
        require(again && again->sqlstate == fields->sqlstate && again->hint == fields->hint);
      }
      break;
    case 'S':
      if (const auto parameter = parse_parameter_status(body)) {
        require(build_parameter_status(*parameter) == message);
      }
      break;
    case 'K':
      if (const auto key = parse_backend_key_data(body)) {
        require(build_backend_key_data(*key) == message);
      }
      break;
    case 'Z':
      if (const auto status = parse_ready_for_query(body)) {
        require(build_ready_for_query(*status) == message);
      }
      break;
    case 'C':
      if (const auto tag = parse_command_complete(body)) require(tag->size() + 1 == body.size());
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view stream = text_of(data, size);
  for (;;) {
    const auto header = decode_header(stream, kLoginBodyBytesMax);
    if (!header || !*header) return 0;
    require((*header)->body_bytes <= kLoginBodyBytesMax);
    stream.remove_prefix(kHeaderBytes);
    const std::string_view body = stream.substr(0, (*header)->body_bytes);
    check_body((*header)->type, body);
    stream.remove_prefix(body.size());
  }
}
