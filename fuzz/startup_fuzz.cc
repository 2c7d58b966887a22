// SPDX-License-Identifier: Apache-2.0
// The first packets of a client, and what the gate would send on to an instance for them.
#include "pgwire/startup.h"
#include "require.h"

namespace {

using namespace howdah::pgwire;

void check_startup(const StartupMessage& message) {
  const auto startup = read_startup(message);
  if (!startup) return;
  require(!startup->user.empty());
  if (needs_negotiation(message)) require(!build_negotiate_protocol_version(message).empty());
  // What an instance gets is what we understood: the same message again, and nothing of ours in it.
  const std::string bytes = build_startup(startup->user, startup->database, startup->forwarded);
  const auto again = decode_first_packet(bytes);
  if (!again) return;  // two parameters more than the client sent may be over the limit
  const auto reread = read_startup(std::get<StartupMessage>(again->packet));
  require(reread && reread->user == startup->user && reread->database == startup->database);
  require(reread->forwarded == startup->forwarded);
  require(reread->option_settings == startup->option_settings);
  require(reread->option_branch.empty() && reread->option_database.empty());
  require(reread->consumed.empty() && reread->replication.empty());
}

void check_options(std::string_view text) {
  const auto items = split_options(text);
  require(split_options(join_options(items)) == items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view buffer = text_of(data, size);
  check_options(buffer);
  const auto decoded = decode_first_packet(buffer);
  if (!decoded) return 0;
  require(decoded->consumed <= size);
  if (std::holds_alternative<std::monostate>(decoded->packet)) {
    require(decoded->needed > 0 && decoded->consumed == 0);
    return 0;
  }
  // Fewer bytes than it consumed must not be enough.
  if (decoded->consumed > 0) {
    const auto cut = decode_first_packet(buffer.substr(0, decoded->consumed - 1));
    require(cut && std::holds_alternative<std::monostate>(cut->packet));
  }
  if (const auto* cancel = std::get_if<CancelRequest>(&decoded->packet)) {
    require(build_cancel_request(*cancel) == buffer.substr(0, decoded->consumed));
  }
  if (const auto* message = std::get_if<StartupMessage>(&decoded->packet)) check_startup(*message);
  return 0;
}
