// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor/doctor_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "cli/style.h"
#include "net/run.h"
#include "nodeapi/client.h"

namespace howdah::cli::doctor {
namespace {

constexpr int kExitFindings = 6;
constexpr std::size_t kNameWidth = 15;
constexpr std::size_t kIndent = 6 + kNameWidth + 2;
constexpr std::size_t kWidthMin = 60;
constexpr std::size_t kWidthMax = 100;

Subject subject_of(Context& context) {
  Subject subject;
  subject.layout = context.layout();
  subject.processes = find_processes(subject.layout);
  asio::io_context io(1);
  nodeapi::Client node(io.get_executor(), subject.layout.node_socket());
  // It answers root and the control plane only.
  if (auto status = net::run(io, node.status())) subject.node = std::move(*status);
  subject.running = std::ranges::any_of(subject.processes, [](const RunningProcess& process) {
    return process.program == "howdahd" || process.program == "howdah-node";
  });
  const auto text = os::read_file(subject.layout.connection_file(), 64_KiB);
  const auto connection = text ? parse_json(*text) : Result<json::value>(std::unexpected(Error{}));
  if (connection && connection->is_object()) {
    const auto* url = connection->get_object().if_contains("api_url");
    if (url != nullptr && url->is_string()) subject.api_url = std::string(url->get_string());
  }
  return subject;
}

Findings check_health(Context& context, const Subject& subject) {
  const auto health = context.call(http::Method::get, "/health");
  if (!health && !subject.running) {
    return {{Status::note, "howdah", "not running", "", "'howdah up' starts it"}};
  }
  const std::string log = subject.layout.log_file("howdahd").string();
  if (!health) {
    return {{Status::fail, "howdah", "runs, but does not answer: " + health.error().message,
             "databases that are awake go on; nothing can be changed", "look at " + log}};
  }
  Findings found{{Status::ok, "howdah", "serving", "", ""}};
  const auto* checks = health->as_object().if_contains("checks");
  if (checks == nullptr || !checks->is_object()) return found;
  for (const auto& check : checks->get_object()) {
    const auto* state = check.value().as_object().if_contains("status");
    if (state != nullptr && *state == json::value("ok")) continue;
    if (check.key() == "volume") continue;  // check_space() says more
    found.push_back({Status::fail, std::string(check.key()), json::serialize(check.value()),
                     "a part of Howdah does not answer", "look at " + log});
  }
  return found;
}

// What a lost key ring would cost; nothing where it cannot be asked.
Findings check_secrets(Context& context) {
  const auto answer = context.call(http::Method::get, "/api/secrets");
  if (!answer) return {};
  const json::value& secrets = answer->at("data");
  Findings found;
  if (!secrets.at("recovery_key_shown").as_bool()) {
    found.push_back({Status::warn, "recovery key",
                     "it has changed with the master key and was not shown since",
                     "if the folder secrets is lost, every password is",
                     "howdah recovery-key, and save what it shows elsewhere"});
  }
  if (const std::int64_t count = secrets.at("values_of_unknown_keys").as_int64(); count > 0) {
    found.push_back({Status::fail, "key ring",
                     fmt::format("{} values were sealed with a key that it lacks", count),
                     "these passwords go on working, but cannot be shown any more",
                     "howdah secrets restore with the recovery key of then"});
  }
  return found;
}

// Lines of words that fit beside the names, on a terminal as on paper.
std::vector<std::string> wrap(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return lines;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthMax;
  return std::clamp<std::size_t>(size.ws_col, kWidthMin, kWidthMax);
}

std::string mark_of(Status status) {
  switch (status) {
    case Status::ok:
      return style::green("ok  ");
    case Status::note:
      return style::dim("note");
    case Status::warn:
      return style::yellow("WARN");
    case Status::fail:
      return style::red("FAIL");
  }
  return "    ";
}

void print_part(const std::string& text, const std::string& lead, std::size_t width, bool bright) {
  std::string before = lead;
  for (const std::string& line : wrap(text, width - kIndent - lead.size())) {
    const std::string shown = before + line;
    fmt::print("{:{}}{}\n", "", kIndent, bright ? shown : style::dim(shown));
    before.assign(lead.size(), ' ');
  }
}

void print_finding(const Finding& finding, std::size_t width) {
  const auto lines = wrap(finding.text, width - kIndent);
  const std::string name = fmt::format("{:<{}}", finding.name, kNameWidth);
  const bool bad = finding.status == Status::warn || finding.status == Status::fail;
  fmt::print("{}  {}  {}\n", mark_of(finding.status), bad ? style::bold(name) : name, lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i) fmt::print("{:{}}{}\n", "", kIndent, lines[i]);
  if (!finding.meaning.empty()) print_part(finding.meaning, "", width, false);
  if (!finding.advice.empty()) print_part(finding.advice, "-> ", width, bad);
}

struct DoctorOptions {
  bool fix = false;
  bool dry_run = false;
};

// Each fix is named before it is done. The exit code is that of what is left.
Result<int> put_right(Context& context, const Findings& findings, const DoctorOptions& options) {
  int left = 0, fixed = 0;
  for (const Finding& finding : findings) {
    const bool wrong = finding.status == Status::warn || finding.status == Status::fail;
    if (!finding.fix) {
      left += wrong;
      continue;
    }
    if (options.dry_run) {
      fmt::print("would {}\n", finding.fix_text);
      left += wrong;
      continue;
    }
    fmt::print("{}: {}\n", style::bold(finding.name), finding.fix_text);
    std::fflush(stdout);
    if (const auto sure = context.confirm("Do this?", "yes"); !sure) {
      if (sure.error().code != ErrorCode::cancelled) return std::unexpected(sure.error());
      left += wrong;
      continue;
    }
    const auto done = finding.fix();
    if (done) {
      fmt::print("  done\n");
      ++fixed;
      continue;
    }
    fmt::print("  {}: {}\n", style::red("not done"), done.error().message);
    left += 1;
  }
  fmt::print("{} put right, {} left{}\n", fixed, left, left > 0 ? ": see above" : "");
  return left == 0 ? 0 : kExitFindings;
}

Result<int> run_doctor(Context& context, const DoctorOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("doctor looks at what it runs on; it is run"));
  const Subject subject = subject_of(context);
  Findings findings = check_health(context, subject);
  for (Finding& finding : check_secrets(context)) findings.push_back(std::move(finding));
  for (Finding& finding : check_everything(subject)) findings.push_back(std::move(finding));
  const CallApi call = [&context](http::Method method, const std::string& path) {
    return context.call(method, path);
  };
  for (Finding& finding : check_orphans(subject, call)) findings.push_back(std::move(finding));
  const auto wrong = std::ranges::count_if(findings, [](const Finding& finding) {
    return finding.status == Status::warn || finding.status == Status::fail;
  });
  const int code = wrong == 0 ? 0 : kExitFindings;
  if (context.format() != OutputFormat::table) {
    json::array rows;
    for (const Finding& finding : findings) {
      rows.push_back({{"name", finding.name},
                      {"status", to_string(finding.status)},
                      {"text", finding.text},
                      {"meaning", finding.meaning},
                      {"advice", finding.advice},
                      {"fix", finding.fix_text}});
    }
    context.print_rows(rows, {});
    return code;
  }
  const std::size_t width = terminal_width();
  for (const Finding& finding : findings) print_finding(finding, width);
  fmt::print("\n{}\n", wrong == 0   ? style::green("Nothing is wrong.")
                       : wrong == 1 ? style::bold("One thing to mend.")
                                    : style::bold(fmt::format("{} things to mend.", wrong)));
  if (options.fix || options.dry_run) return put_right(context, findings, options);
  const auto fixable = std::ranges::count_if(
      findings, [](const Finding& finding) { return static_cast<bool>(finding.fix); });
  if (fixable > 0) context.say("howdah doctor --fix can do some of it, and asks before each.");
  return code;
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::note:
      return "note";
    case Status::warn:
      return "warn";
    case Status::fail:
      return "fail";
  }
  return "fail";
}

}  // namespace howdah::cli::doctor

namespace howdah::cli {

void add_doctor_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<doctor::DoctorOptions>();
  CLI::App* doctor = app.add_subcommand("doctor", "Find what is wrong on this machine");
  CLI::Option* fix = doctor->add_flag("--fix", options->fix,
                                      "Put right what can be without losing anything; asks first");
  doctor->add_flag("--dry-run", options->dry_run, "Say what --fix would do")->needs(fix);
  add_example(*doctor, "howdah doctor");
  add_example(*doctor, "sudo howdah doctor --fix");
  doctor->callback([&context, options] {
    context.action = [&context, options] { return doctor::run_doctor(context, *options); };
  });
}

}  // namespace howdah::cli
