// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "base/units.h"
#include "cli/context.h"
#include "cli/doctor/doctor_command.h"
#include "net/run.h"
#include "nodeapi/client.h"

namespace howdah::cli {
namespace {

// What the node says of itself. It answers root and the control plane only; else empty.
std::optional<nodeapi::NodeStatus> ask_node(const Layout& layout) {
  asio::io_context io(1);
  nodeapi::Client node(io.get_executor(), layout.node_socket());
  auto status = net::run(io, node.status());
  if (!status) return std::nullopt;
  return std::move(*status);
}

Result<boost::json::object> read_connection(const Layout& layout) {
  HOWDAH_TRY(const std::string text, os::read_file(layout.connection_file()));
  boost::json::error_code error;
  auto value = boost::json::parse(text, error);
  if (error || !value.is_object()) {
    return fail(ErrorCode::config_invalid, layout.connection_file().string() + " is damaged",
                "restart Howdah: it writes the file anew");
  }
  value.get_object().erase("api_key");
  return value.get_object();
}

// What the files and the node of this machine tell.
void add_local_state(const Layout& layout, boost::json::object& status) {
  status["data_folder"] = layout.data.string();
  if (const auto connection = read_connection(layout)) {
    for (const auto& field : *connection) status[field.key()] = field.value();
  }
  if (const auto node = ask_node(layout)) {
    status["instances"] = fmt::format("{} running of {}, {} spares ready", node->instances_running,
                                      node->instances, node->spares_ready);
    status["volume"] =
        fmt::format("{}, {} of {} free", node->volume_driver, to_pretty(node->volume_free_bytes),
                    to_pretty(node->volume_size_bytes));
  }
}

Result<int> show_status(Context& context) {
  HOWDAH_TRY(const auto databases, context.call(http::Method::get, "/api/databases"));
  HOWDAH_TRY(const auto health, context.call(http::Method::get, "/health"));
  std::map<std::string, std::int64_t> states;
  for (const auto& database : databases.at("data").as_array()) {
    ++states[std::string(database.at("status").as_string())];
  }
  boost::json::object status;
  status["status"] = health.at("status");
  if (context.remote()) {
    status["api_url"] = context.config().text("api-url");
  } else {
    add_local_state(context.layout(), status);
  }
  std::string counts;
  for (const auto& [state, count] : states) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, state);
  }
  status["databases"] = counts.empty() ? "none" : counts;
  context.print_object(status);
  return 0;
}

}  // namespace

void add_status_commands(CLI::App& app, Context& context) {
  CLI::App* status = app.add_subcommand("status", "What runs, and where");
  add_example(*status, "howdah status");
  status->callback([&context] { context.action = [&context] { return show_status(context); }; });
  add_doctor_command(app, context);
}

}  // namespace howdah::cli
