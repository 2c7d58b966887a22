// SPDX-License-Identifier: Apache-2.0
// howdah audit verify|head: whether the audit log is whole.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/json.h"
#include "cli/context.h"
#include "os/file.h"

namespace howdah::cli {
namespace {

namespace json = boost::json;

constexpr int kFindingsExitCode = 6;
// Of one call: the server reads at most so many rows, and 5 s.
constexpr std::size_t kFindingsMax = 100;

struct SavedHead {
  std::int64_t id = 0;
  std::string hash;
};

struct VerifyOptions {
  std::string head_file;
  std::int64_t timeout_s = 600;
};

std::unexpected<Error> not_a_head(const std::string& path) {
  return fail(ErrorCode::invalid_request, path + " holds no head of an audit log",
              "save one with: howdah audit head > FILE");
}

Result<SavedHead> read_head(const std::string& path) {
  HOWDAH_TRY(const std::string text, os::read_file(path, 64_KiB));
  const auto parsed = parse_json(text);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  const auto* id = object == nullptr ? nullptr : object->if_contains("id");
  const auto* hash = object == nullptr ? nullptr : object->if_contains("hash");
  if (id == nullptr || !id->is_int64() || hash == nullptr || !hash->is_string()) {
    return not_a_head(path);
  }
  return SavedHead{id->get_int64(), std::string(hash->get_string())};
}

// For a file: one line of JSON where a table is asked for.
Result<int> show_head(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/audit/head"));
  const json::object& head = answer.at("data").as_object();
  if (context.format() == OutputFormat::table) {
    fmt::print("{}\n", json::serialize(head));
  } else {
    context.print_object(head);
  }
  return 0;
}

// One call after another, each going on where the last one ended.
Result<json::object> verify_all(Context& context, const std::optional<SavedHead>& head,
                                std::chrono::seconds limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  http::Query saved;
  if (head) saved = {{"headId", std::to_string(head->id)}, {"headHash", head->hash}};
  http::Query query = saved;
  json::object whole{{"whole", true}, {"rows", 0}};
  json::array findings;
  for (;;) {
    HOWDAH_TRY(const auto answer,
               context.call(http::Method::get, "/api/audit/verify", nullptr, query));
    const json::object& part = answer.at("data").as_object();
    whole["rows"] = whole["rows"].as_int64() + part.at("rows").as_int64();
    for (const json::value& finding : part.at("findings").as_array()) {
      if (findings.size() < kFindingsMax) findings.push_back(finding);
    }
    whole["whole"] = findings.empty();
    whole["head"] = part.at("head");
    whole["saved_head"] = part.at("saved_head");
    if (part.at("complete").as_bool()) break;
    const json::value& reached = part.at("reached");
    context.say(fmt::format("{} of {} rows", reached.at("id").as_int64(),
                            part.at("head").at("id").as_int64()));
    if (std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::timeout,
                  fmt::format("not done within {} s: {} rows were read", limit.count(),
                              whole["rows"].as_int64()),
                  "wait longer with --timeout");
    }
    query = saved;
    query.emplace_back("afterId", std::to_string(reached.at("id").as_int64()));
    query.emplace_back("afterHash", std::string(reached.at("hash").as_string()));
  }
  whole["findings"] = std::move(findings);
  return whole;
}

Result<int> verify(Context& context, const VerifyOptions& options) {
  std::optional<SavedHead> head;
  if (!options.head_file.empty()) {
    HOWDAH_TRY(head, read_head(options.head_file));
  }
  HOWDAH_TRY(const json::object whole,
             verify_all(context, head, std::chrono::seconds(options.timeout_s)));
  const json::array& findings = whole.at("findings").as_array();
  if (context.format() != OutputFormat::table) {
    context.print_object(whole);
  } else if (!findings.empty()) {
    context.print_rows(findings, {{"ROW", "id"}, {"PROBLEM", "problem"}});
  }
  if (!findings.empty()) {
    context.say("The audit log was changed by somebody who can write the catalog.");
    return kFindingsExitCode;
  }
  context.say(fmt::format("{} rows, whole to row {}.", whole.at("rows").as_int64(),
                          whole.at("head").at("id").as_int64()));
  if (whole.at("saved_head") == json::value("forgotten")) {
    context.say("The saved head is older than the rows that are kept: save a new one.");
  }
  return 0;
}

}  // namespace

void add_audit_commands(CLI::App& app, Context& context) {
  CLI::App* audit = app.add_subcommand("audit", "The audit log")->require_subcommand(1);
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* check = audit->add_subcommand(
      "verify", "Check that no row was edited, removed or moved; exit code 6 when one was");
  check->add_option("--head", options->head_file, "A head that was saved before")
      ->type_name("FILE");
  check->add_option("--timeout", options->timeout_s, "Seconds")->check(CLI::Range(1, 86'400));
  add_example(*check, "howdah audit verify");
  add_example(*check, "howdah audit verify --head /media/usb/howdah-audit-head");
  check->callback([&context, options] {
    context.action = [&context, options] { return verify(context, *options); };
  });
  CLI::App* head = audit->add_subcommand(
      "head", "Show the last row's number, hash and time, to be saved elsewhere");
  add_example(*head, "howdah audit head > /media/usb/howdah-audit-head");
  head->callback([&context] { context.action = [&context] { return show_head(context); }; });
}

}  // namespace howdah::cli
