// SPDX-License-Identifier: Apache-2.0
// What the parameters of a StartupMessage mean, `options` above all: its switches are walked as
// PostgreSQL's backend walks them (pg_split_opts, then getopt), so that the gate and the instance
// never understand the same text differently.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "pgwire/startup.h"

namespace howdah::pgwire {
namespace {

constexpr std::array<std::string_view, 4> kConsumedNames = {"pgbouncer", "schema",
                                                            "connection_limit", "pool_timeout"};
// PostgreSQL's switches that take a value ("B:bC:c:D:..." in its getopt string).
constexpr std::string_view kValueSwitches = "BCDNSWcdfhkprtv-";

std::unexpected<Error> twice(std::string_view name) {
  return fail(ErrorCode::protocol_violation,
              fmt::format("startup parameter \"{}\" is given twice", name));
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::optional<Parameter> split_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  Parameter setting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  std::ranges::replace(setting.name, '-', '_');
  return setting;
}

// Walks the items of `options` and sorts them into what the gate takes and what goes on.
class OptionsReader {
 public:
  explicit OptionsReader(ClientStartup& startup) : startup_(startup) {}

  Result<std::vector<std::string>> read(std::vector<std::string> items) {
    items_ = std::move(items);
    for (next_ = 0; next_ < items_.size();) HOWDAH_CHECK(read_item());
    return std::move(kept_);
  }

 private:
  Result<void> read_item() {
    const std::string& item = items_[next_++];
    if (item.size() > 2 && item.starts_with("--")) {
      return read_setting(std::string_view(item).substr(2), 1);
    }
    if (item.size() > 1 && item != "--" && item.front() == '-') return read_switches(item);
    const auto setting = split_setting(item);
    if (setting && is_ours(setting->name)) return take(*setting);
    kept_.push_back(item);
    return {};
  }

  // "-e", "-eF", "-cname=value", "-c name=value", "-d 5", and "-ec name=value" too, whose other
  // switches are lost when the setting is ours: none of them matters to an instance.
  Result<void> read_switches(const std::string& item) {
    const std::size_t place = item.find_first_of(kValueSwitches, 1);
    if (place == std::string::npos) {
      kept_.push_back(item);
      return {};
    }
    const bool attached = place + 1 < item.size();
    if (!attached && next_ == items_.size()) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("options: -{} requires a value", item[place]));
    }
    const std::size_t used = attached ? 1 : 2;
    if (!attached) ++next_;
    const std::string& last = items_[next_ - 1];
    if (item[place] != 'c' && item[place] != '-') {
      keep_last(used);
      return {};
    }
    return read_setting(std::string_view(last).substr(attached ? place + 1 : 0), used);
  }

  // text: "name=value" out of the last `used` items.
  Result<void> read_setting(std::string_view text, std::size_t used) {
    auto setting = split_setting(text);
    if (!setting) {
      return fail(ErrorCode::invalid_request, fmt::format("options: {} requires a value", text));
    }
    if (is_ours(setting->name)) return take(*setting);
    startup_.option_settings.push_back(std::move(*setting));
    keep_last(used);
    return {};
  }

  void keep_last(std::size_t count) {
    for (std::size_t i = next_ - count; i < next_; ++i) kept_.push_back(items_[i]);
  }

  static bool is_ours(std::string_view name) { return name == "database" || name == "branch"; }

  Result<void> take(const Parameter& setting) {
    std::string& target =
        setting.name == "database" ? startup_.option_database : startup_.option_branch;
    if (setting.value.empty()) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("options: {} requires a value", setting.name));
    }
    if (!target.empty()) {
      return fail(ErrorCode::protocol_violation,
                  fmt::format("options: {} is given twice", setting.name));
    }
    target = setting.value;
    return {};
  }

  ClientStartup& startup_;
  std::vector<std::string> items_;
  std::size_t next_ = 0;  // of items_, the first not yet looked at
  std::vector<std::string> kept_;
};

// The members of ClientStartup that stand for one parameter each; null for all other names.
std::string* member_of(ClientStartup& startup, std::string_view name) {
  if (name == "user") return &startup.user;
  if (name == "database") return &startup.database;
  if (name == "replication") return &startup.replication;
  return nullptr;
}

}  // namespace

std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    std::string item;
    bool escaped = false;
    for (; i < text.size() && (escaped || !is_space(text[i])); ++i) {
      if (!escaped && text[i] == '\\') {
        escaped = true;
      } else {
        escaped = false;
        item += text[i];
      }
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::string join_options(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += ' ';
    // The only way to write an empty item, and only at the end; there alone split makes one.
    if (item.empty()) text += '\\';
    for (const char c : item) {
      if (is_space(c) || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

Result<ClientStartup> read_startup(const StartupMessage& message) {
  ClientStartup startup;
  std::vector<std::string_view> seen;
  bool has_options = false;
  for (const Parameter& parameter : message.parameters) {
    std::string* member = member_of(startup, parameter.name);
    if (member != nullptr) {
      if (std::ranges::find(seen, parameter.name) != seen.end()) return twice(parameter.name);
      seen.push_back(parameter.name);
      *member = parameter.value;
    } else if (parameter.name == "options") {
      if (has_options) return twice("options");
      has_options = true;
      OptionsReader reader(startup);
      HOWDAH_TRY(const auto kept, reader.read(split_options(parameter.value)));
      if (!kept.empty()) startup.forwarded.push_back({"options", join_options(kept)});
    } else if (std::ranges::find(kConsumedNames, parameter.name) != kConsumedNames.end()) {
      startup.consumed.push_back(parameter);
    } else {
      startup.forwarded.push_back(parameter);
    }
  }
  if (startup.user.empty()) {
    return fail(ErrorCode::unauthorized, "no PostgreSQL user name specified in startup packet");
  }
  return startup;
}

std::string_view ClientStartup::application_name() const {
  // The last of equal names counts, as in PostgreSQL.
  for (auto parameter = forwarded.rbegin(); parameter != forwarded.rend(); ++parameter) {
    if (parameter->name == "application_name") return parameter->value;
  }
  return {};
}

}  // namespace howdah::pgwire
