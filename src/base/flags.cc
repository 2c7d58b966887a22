// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ranges>

namespace howdah {

Result<Flags> Flags::parse(int argc, const char* const* argv,
                           const std::vector<std::string_view>& allowed) {
  Flags flags;
  for (int index = 1; index < argc; ++index) {
    const std::string_view argument = argv[index];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (!name.starts_with("--") || std::ranges::find(allowed, name.substr(2)) == allowed.end()) {
      return fail(ErrorCode::config_invalid, fmt::format("unknown flag '{}'", argument));
    }
    if (equals == std::string_view::npos && index + 1 == argc) {
      return fail(ErrorCode::config_invalid, fmt::format("flag {} needs a value", name));
    }
    const std::string_view value =
        equals == std::string_view::npos ? argv[++index] : argument.substr(equals + 1);
    flags.values_[std::string(name.substr(2))] = value;
  }
  return flags;
}

std::optional<std::string> Flags::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string Flags::text(std::string_view name, std::string_view fallback) const {
  return find(name).value_or(std::string(fallback));
}

std::vector<std::string> Flags::list(std::string_view name, std::string_view fallback) const {
  std::vector<std::string> parts;
  for (const auto part : std::views::split(text(name, fallback), ',')) {
    if (!part.empty()) parts.emplace_back(part.begin(), part.end());
  }
  return parts;
}

Result<std::string> Flags::required(std::string_view name) const {
  auto value = find(name);
  if (!value || value->empty()) {
    return fail(ErrorCode::config_invalid, fmt::format("flag --{} is required", name));
  }
  return *value;
}

Result<std::int64_t> Flags::integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                                    std::int64_t max) const {
  const auto value = find(name);
  if (!value) return fallback;
  std::int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc{} || stop != end || number < min || number > max) {
    return fail(ErrorCode::config_invalid,
                fmt::format("flag --{} must be a whole number from {} to {}, not '{}'", name, min,
                            max, *value));
  }
  return number;
}

Result<void> announce_ready(const Flags& flags, std::string_view json) {
  HOWDAH_TRY(const std::int64_t fd, flags.integer("ready-fd", -1, -1, 1 << 20));
  if (fd < 0) return {};
  const std::string line = fmt::format("READY {}\n", json);
  const ssize_t written = ::write(static_cast<int>(fd), line.data(), line.size());
  if (written < 0) return fail_errno("announce readiness", errno);
  ::close(static_cast<int>(fd));
  return {};
}

}  // namespace howdah
