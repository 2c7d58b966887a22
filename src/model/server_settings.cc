// SPDX-License-Identifier: Apache-2.0
#include "model/server_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace howdah {
namespace {

// number: without a unit; real: with a fraction; memory in kB; time in ms. words: one of them.
enum class Kind { number, real, memory, time, words };

struct Rule {
  std::string_view name;
  Kind kind = Kind::number;
  double min = 0;  // in kB or ms where it has a unit
  double max = 0;
  std::string_view words = {};  // separated by one space
};

constexpr double kMB = 1024;
constexpr double kGB = 1024 * kMB;
constexpr double kDay = 86'400'000;
constexpr std::string_view kSwitch = "on off";
constexpr std::string_view kIsolation =
    "'read committed' 'repeatable read' serializable";  // shown only

// The limits are PostgreSQL's own where they cannot hurt, and narrower where a large value would
// take more memory or processes than one instance should have.
constexpr std::array kRules{
    Rule{"autovacuum_analyze_scale_factor", Kind::real, 0, 100},
    Rule{"autovacuum_analyze_threshold", Kind::number, 0, 2'147'483'647},
    Rule{"autovacuum_naptime", Kind::time, 1'000, 2'147'483'000},
    Rule{"autovacuum_vacuum_cost_delay", Kind::time, 0, 100},
    Rule{"autovacuum_vacuum_cost_limit", Kind::number, 1, 10'000},
    Rule{"autovacuum_vacuum_scale_factor", Kind::real, 0, 100},
    Rule{"autovacuum_vacuum_threshold", Kind::number, 0, 2'147'483'647},
    Rule{"cpu_tuple_cost", Kind::real, 0, 1e6},
    Rule{"deadlock_timeout", Kind::time, 1, 2'147'483'647},
    Rule{"default_statistics_target", Kind::number, 1, 10'000},
    Rule{"default_transaction_isolation", Kind::words, 0, 0, kIsolation},
    Rule{"effective_cache_size", Kind::memory, 8, 1024 * kGB},
    Rule{"effective_io_concurrency", Kind::number, 0, 1'000},
    Rule{"from_collapse_limit", Kind::number, 1, 2'147'483'647},
    Rule{"geqo_threshold", Kind::number, 2, 2'147'483'647},
    Rule{"hash_mem_multiplier", Kind::real, 1, 1'000},
    Rule{"idle_in_transaction_session_timeout", Kind::time, 0, 2'147'483'647},
    Rule{"jit", Kind::words, 0, 0, kSwitch},
    Rule{"join_collapse_limit", Kind::number, 1, 2'147'483'647},
    Rule{"lock_timeout", Kind::time, 0, 2'147'483'647},
    Rule{"log_lock_waits", Kind::words, 0, 0, kSwitch},
    Rule{"log_min_duration_statement", Kind::time, -1, 2'147'483'647},
    Rule{"log_statement", Kind::words, 0, 0, "none ddl mod all"},
    Rule{"log_temp_files", Kind::memory, -1, 2'147'483'647},
    Rule{"maintenance_work_mem", Kind::memory, kMB, 8 * kGB},
    Rule{"max_locks_per_transaction", Kind::number, 10, 1'024},
    Rule{"max_parallel_maintenance_workers", Kind::number, 0, 8},
    Rule{"max_parallel_workers", Kind::number, 0, 64},
    Rule{"max_parallel_workers_per_gather", Kind::number, 0, 16},
    Rule{"max_pred_locks_per_transaction", Kind::number, 10, 1'024},
    Rule{"max_wal_size", Kind::memory, 64 * kMB, 64 * kGB},
    Rule{"max_worker_processes", Kind::number, 0, 64},
    Rule{"random_page_cost", Kind::real, 0, 1e6},
    Rule{"seq_page_cost", Kind::real, 0, 1e6},
    Rule{"shared_buffers", Kind::memory, 1 * kMB, 8 * kGB},
    Rule{"statement_timeout", Kind::time, 0, 2'147'483'647},
    Rule{"temp_buffers", Kind::memory, 800, 4 * kGB},
    Rule{"track_functions", Kind::words, 0, 0, "none pl all"},
    Rule{"track_io_timing", Kind::words, 0, 0, kSwitch},
    Rule{"vacuum_cost_limit", Kind::number, 1, 10'000},
    Rule{"wal_compression", Kind::words, 0, 0, kSwitch},
    Rule{"work_mem", Kind::memory, 64, 2 * kGB},
};

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array kMemoryUnits{Unit{"", 1}, Unit{"kB", 1}, Unit{"MB", kMB}, Unit{"GB", kGB},
                                  Unit{"TB", 1024 * kGB}};
constexpr std::array kTimeUnits{Unit{"", 1},         Unit{"ms", 1},        Unit{"s", 1'000},
                                Unit{"min", 60'000}, Unit{"h", 3'600'000}, Unit{"d", kDay}};

struct Amount {
  double value;
  std::string_view unit;
};

// A decimal number and what follows it: "64MB", "1.5", "-1".
std::optional<Amount> split_amount(std::string_view text) {
  constexpr std::size_t kSizeMax = 24;
  if (text.size() > kSizeMax) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  return Amount{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

template <std::size_t Size>
std::optional<double> factor_of(std::string_view unit, const std::array<Unit, Size>& units) {
  const auto found = std::ranges::find(units, unit, &Unit::name);
  if (found == units.end()) return std::nullopt;
  return found->factor;
}

std::string limits_of(const Rule& rule) {
  switch (rule.kind) {
    case Kind::number:
      return fmt::format("a whole number from {:.0f} to {:.0f}", rule.min, rule.max);
    case Kind::real:
      return fmt::format("a number from {} to {}", rule.min, rule.max);
    case Kind::memory:
      return fmt::format("an amount of memory such as 64MB, from {:.0f}kB to {:.0f}MB", rule.min,
                         rule.max / kMB);
    case Kind::time:
      return fmt::format("a time such as 500ms, 30s or 5min, from {:.0f}ms to {:.0f}s", rule.min,
                         rule.max / 1'000);
    case Kind::words:
      break;
  }
  return fmt::format("one of: {}", rule.words);
}

bool is_word(const Rule& rule, std::string_view text) {
  if (rule.words == kIsolation) {
    return text == "read committed" || text == "repeatable read" || text == "serializable";
  }
  if (text.empty() || text.contains(' ')) return false;
  const std::string all = " " + std::string(rule.words) + " ";
  return all.contains(" " + std::string(text) + " ");
}

bool fits(const Rule& rule, std::string_view text) {
  if (rule.kind == Kind::words) return is_word(rule, text);
  const auto amount = split_amount(text);
  if (!amount) return false;
  const bool whole = text.find('.') == std::string_view::npos;
  std::optional<double> factor = 1;
  if (rule.kind == Kind::memory) {
    factor = factor_of(amount->unit, kMemoryUnits);
  } else if (rule.kind == Kind::time) {
    factor = factor_of(amount->unit, kTimeUnits);
  } else if (!amount->unit.empty()) {
    return false;
  }
  if (!factor || (rule.kind != Kind::real && !whole)) return false;
  const double value = amount->value * *factor;
  return value >= rule.min && value <= rule.max;
}

// A bare number would be read in the setting's own unit, which is not the same for all of them.
std::string written(const Rule& rule, std::string_view text) {
  const auto amount = split_amount(text);
  const bool bare = amount && amount->unit.empty() && amount->value > 0;
  if (bare && rule.kind == Kind::memory) return std::string(text) + "kB";
  if (bare && rule.kind == Kind::time) return std::string(text) + "ms";
  return std::string(text);
}

}  // namespace

std::expected<std::string, std::string> check_server_setting(std::string_view name,
                                                             std::string_view text) {
  const auto rule = std::ranges::find(kRules, name, &Rule::name);
  if (rule == kRules.end()) {
    std::vector<std::string_view> names;
    for (const Rule& one : kRules) names.push_back(one.name);
    return std::unexpected(
        fmt::format("cannot be chosen; those that can: {}", fmt::join(names, ", ")));
  }
  if (!fits(*rule, text)) return std::unexpected("must be " + limits_of(*rule));
  return written(*rule, text);
}

Result<void> check_server_settings(const std::map<std::string, std::string>& settings) {
  Error error{ErrorCode::invalid_request, "a setting is wrong", {}, {}, {}, {}};
  for (const auto& [name, value] : settings) {
    const auto checked = check_server_setting(name, value);
    if (!checked) error.fields.push_back({"/settings/" + name, checked.error()});
  }
  if (error.fields.empty()) return {};
  return std::unexpected(std::move(error));
}

}  // namespace howdah
