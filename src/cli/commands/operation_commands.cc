// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/operation_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <thread>

namespace howdah::cli {
namespace {

Result<boost::json::value> get_operation(Context& context, const std::string& id) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/operations/" + id));
  return answer.at("data");
}

bool is_over(std::string_view state) {
  return state == "finished" || state == "failed" || state == "cancelled" || state == "skipped";
}

Result<int> wait_operation(Context& context, const std::string& id, std::int64_t timeout_s) {
  HOWDAH_TRY(const auto operation, follow_operation(context, id, std::chrono::seconds(timeout_s)));
  context.print_object(operation);
  const std::string_view state = operation.at("state").as_string();
  return state == "finished" || state == "skipped" ? 0 : 1;
}

Result<int> list_operations(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/operations"));
  context.print_rows(answer.at("data"), {{"ID", "id"},
                                         {"KIND", "kind"},
                                         {"STATE", "state"},
                                         {"PERCENT", "percent"},
                                         {"CREATED", "created_at"}});
  return 0;
}

Result<int> show_operation(Context& context, const std::string& id) {
  HOWDAH_TRY(const auto operation, get_operation(context, id));
  context.print_object(operation);
  return 0;
}

Result<int> cancel_operation(Context& context, const std::string& id) {
  HOWDAH_TRY(const auto answer,
             context.call(http::Method::post, "/api/operations/" + id + "/cancel"));
  context.print_object(answer.at("data"));
  return 0;
}

}  // namespace

Result<boost::json::object> follow_operation(Context& context, const std::string& id,
                                             std::chrono::seconds limit,
                                             const std::function<void(std::int64_t)>& progress) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  std::int64_t told = -1;
  while (true) {
    HOWDAH_TRY(const auto operation, get_operation(context, id));
    const std::string state(operation.at("state").as_string());
    if (is_over(state)) return operation.as_object();
    const std::int64_t percent = operation.at("percent").as_int64();
    if (progress && percent != told) progress(percent);
    told = percent;
    if (std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::timeout, fmt::format("operation {} is still {}", id, state),
                  fmt::format("wait longer with: howdah op wait {0} --timeout SECONDS, or stop it "
                              "with: howdah op cancel {0}",
                              id));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

void add_operation_commands(CLI::App& app, Context& context) {
  CLI::App* op = app.add_subcommand("op", "Operations: work in progress")->require_subcommand(1);
  CLI::App* list = op->add_subcommand("list", "List operations, the newest first");
  add_example(*list, "howdah op list");
  list->callback([&context] { context.action = [&context] { return list_operations(context); }; });
  auto id = std::make_shared<std::string>();
  auto timeout_s = std::make_shared<std::int64_t>(600);
  const auto add_one = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = op->add_subcommand(command, help);
    sub->add_option("id", *id, "Its id")->required();
    add_example(*sub, fmt::format("howdah op {} ID", command));
    sub->callback([&context, run] { context.action = run; });
    return sub;
  };
  add_one("show", "Show one operation", [&context, id] { return show_operation(context, *id); });
  add_one("cancel", "Cancel an operation",
          [&context, id] { return cancel_operation(context, *id); });
  add_one("wait", "Wait until it is over; exit 1 when it failed", [&context, id, timeout_s] {
    return wait_operation(context, *id, *timeout_s);
  })->add_option("--timeout", *timeout_s, "Seconds");
}

}  // namespace howdah::cli
