// SPDX-License-Identifier: Apache-2.0
#include "model/names.h"

#include <algorithm>

namespace howdah {
namespace {

constexpr std::size_t kBranchSlugSizeMax = 40;

bool is_lower_or_digit(char c) {
  return kSlugAlphabet.find(c) != std::string_view::npos;
}

}  // namespace

bool is_slug(std::string_view text) {
  return text.size() == kSlugSize && std::ranges::all_of(text, is_lower_or_digit);
}

bool is_branch_slug(std::string_view text) {
  if (text.empty() || text.size() > kBranchSlugSizeMax) return false;
  if (text.front() == '-' || text.back() == '-') return false;
  if (text.find("--") != std::string_view::npos) return false;
  return std::ranges::all_of(text, [](char c) { return c == '-' || is_lower_or_digit(c); });
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || text.find('@', at + 1) != std::string_view::npos) {
    return false;
  }
  const std::string_view domain = text.substr(at + 1);
  const std::size_t dot = domain.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == domain.size()) return false;
  return std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '<' || c == '>' || c == ',';
  });
}

std::string owner_role(std::string_view slug) {
  return "user_" + std::string(slug);
}
std::string tenant_database(std::string_view slug) {
  return "tenant_" + std::string(slug);
}
std::string shadow_database(std::string_view slug) {
  return "tenant_" + std::string(slug) + "_shadow";
}

std::optional<std::string> slug_of_logical_database(std::string_view name) {
  constexpr std::string_view kPrefix = "tenant_";
  constexpr std::string_view kShadow = "_shadow";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name.ends_with(kShadow)) name.remove_suffix(kShadow.size());
  if (!is_slug(name)) return std::nullopt;
  return std::string(name);
}

std::optional<std::string> slug_of_role(std::string_view name) {
  const std::size_t bar = name.rfind('_');
  if (bar == std::string_view::npos || bar == 0 || bar > 31) return std::nullopt;
  const std::string_view label = name.substr(0, bar), slug = name.substr(bar + 1);
  if (label.front() < 'a' || label.front() > 'z' || !is_slug(slug)) return std::nullopt;
  if (!std::ranges::all_of(label, [](char c) { return c == '_' || is_lower_or_digit(c); })) {
    return std::nullopt;
  }
  return std::string(slug);
}

RoleAndBranch split_role(std::string_view user) {
  const std::size_t dot = user.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || !is_branch_slug(user.substr(dot + 1))) {
    return {std::string(user), {}};
  }
  return {std::string(user.substr(0, dot)), std::string(user.substr(dot + 1))};
}

std::optional<SlugAndBranch> split_host(std::string_view host) {
  const std::string_view label = host.substr(0, host.find('.'));
  if (is_slug(label)) return SlugAndBranch{std::string(label), {}};
  const std::size_t dashes = label.rfind("--");
  if (dashes == std::string_view::npos) return std::nullopt;
  const std::string_view branch = label.substr(0, dashes), slug = label.substr(dashes + 2);
  if (!is_slug(slug) || !is_branch_slug(branch)) return std::nullopt;
  return SlugAndBranch{std::string(slug), std::string(branch)};
}

}  // namespace howdah
