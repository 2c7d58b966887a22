// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <map>

#include "base/units.h"
#include "cli/context.h"
#include "cli/doctor.h"
#include "cli/style.h"
#include "net/run.h"
#include "nodeapi/client.h"

namespace howdah::cli {
namespace {

constexpr int kExitFindings = 6;

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

std::vector<Finding> examine_running(Context& context) {
  std::vector<Finding> findings;
  const auto health = context.call(http::Method::get, "/health");
  if (!health) {
    findings.push_back({Verdict::note, "Howdah", health.error().message, health.error().hint});
    return findings;
  }
  findings.push_back(
      {Verdict::good, "Howdah", "serving, " + std::string(health->at("status").as_string()), ""});
  const auto* checks = health->as_object().if_contains("checks");
  if (checks != nullptr && checks->is_object()) {
    for (const auto& check : checks->get_object()) {
      const auto* state = check.value().as_object().if_contains("status");
      const bool good = state != nullptr && *state == boost::json::value("ok");
      findings.push_back({good ? Verdict::good : Verdict::problem, std::string(check.key()),
                          good ? "ok" : boost::json::serialize(check.value()),
                          good ? "" : "see " + context.layout().log_file("howdahd").string()});
    }
  }
  if (const auto node = ask_node(context.layout())) {
    for (const std::string& line : node->degraded) {
      findings.push_back({Verdict::note, "Reduced", line, "fine for development"});
    }
  }
  return findings;
}

Result<int> run_doctor(Context& context) {
  auto findings = examine_machine(context.layout());
  for (auto& finding : examine_running(context)) findings.push_back(std::move(finding));
  constexpr std::array<std::string_view, 3> kNames{"good", "note", "problem"};
  boost::json::array rows;
  int problems = 0;
  for (const Finding& finding : findings) {
    problems += finding.verdict == Verdict::problem;
    rows.push_back({{"verdict", kNames[static_cast<std::size_t>(finding.verdict)]},
                    {"subject", finding.subject},
                    {"text", finding.text},
                    {"advice", finding.advice}});
  }
  if (context.format() != OutputFormat::table) {
    context.print_rows(rows, {});
    return problems == 0 ? 0 : kExitFindings;
  }
  for (const Finding& finding : findings) {
    const std::string mark = finding.verdict == Verdict::good   ? style::green("ok  ")
                             : finding.verdict == Verdict::note ? style::yellow("note")
                                                                : style::red("BAD ");
    fmt::print("{}  {:<16} {}\n", mark, finding.subject, finding.text);
    if (!finding.advice.empty()) fmt::print("{:23}{}\n", "", style::dim("-> " + finding.advice));
  }
  fmt::print("\n{}\n", problems == 0 ? "Nothing is wrong." : fmt::format("{} to mend.", problems));
  return problems == 0 ? 0 : kExitFindings;
}

}  // namespace

void add_status_commands(CLI::App& app, Context& context) {
  CLI::App* status = app.add_subcommand("status", "What runs, and where");
  add_example(*status, "howdah status");
  status->callback([&context] { context.action = [&context] { return show_status(context); }; });
  CLI::App* doctor = app.add_subcommand("doctor", "Find what is wrong on this machine");
  add_example(*doctor, "howdah doctor");
  doctor->callback([&context] { context.action = [&context] { return run_doctor(context); }; });
}

}  // namespace howdah::cli
