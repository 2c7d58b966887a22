// SPDX-License-Identifier: Apache-2.0
// The names of the platform and how a client's start-up message finds its branch by them
// (ARCHITECTURE.md, The life of a connection).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace howdah {

inline constexpr std::size_t kSlugSize = 8;
inline constexpr std::string_view kSlugAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
inline constexpr std::string_view kMainBranch = "main";

bool is_slug(std::string_view text);         // 8 of [a-z0-9]
bool is_branch_slug(std::string_view text);  // [a-z0-9](-?[a-z0-9])*, at most 40
// A plausible e-mail address: one '@', no space or control character, a dot in the domain.
bool is_email(std::string_view text);

std::string owner_role(std::string_view slug);       // "user_<slug>"
std::string tenant_database(std::string_view slug);  // "tenant_<slug>"
std::string shadow_database(std::string_view slug);  // "tenant_<slug>_shadow"

// The slug in a platform name; empty: not such a name.
std::optional<std::string> slug_of_logical_database(std::string_view name);
std::optional<std::string> slug_of_role(std::string_view name);  // "<label>_<slug>"

// "user_k3v9x2ab.pr-42" -> role and branch; without a suffix the branch is empty. A dot that is
// followed by no valid branch slug belongs to the role's name.
struct RoleAndBranch {
  std::string role;
  std::string branch;
};
RoleAndBranch split_role(std::string_view user);

// "pr-42--k3v9x2ab.example.org" or "k3v9x2ab.example.org"; empty: names no database.
struct SlugAndBranch {
  std::string slug;
  std::string branch;
};
std::optional<SlugAndBranch> split_host(std::string_view host);

}  // namespace howdah
