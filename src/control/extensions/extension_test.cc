// SPDX-License-Identifier: Apache-2.0
#include "control/extensions/extension.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/allowed_extensions.h"

namespace howdah::control {
namespace {

TEST(Extension, only_what_is_on_the_allow_list_is_taken) {
  const auto code = [](const char* body) {
    const auto wanted = read_new_extension(json::parse(body));
    return wanted ? "ok" : std::string(info_of(wanted.error().code).name);
  };
  EXPECT_EQ(code(R"({"name":"pg_trgm"})"), "ok");
  EXPECT_EQ(code(R"({"name":"pg_trgm","schema":"s","database":"d"})"), "ok");
  EXPECT_EQ(code(R"({"name":"dblink"})"), "unprocessable");
  EXPECT_EQ(code(R"({"name":"plpython3u"})"), "unprocessable");
  EXPECT_EQ(code(R"({"name":"plpgsql"})"), "unprocessable");
  EXPECT_EQ(code(R"({"name":"x\"; DROP TABLE y"})"), "unprocessable");
  EXPECT_EQ(code(R"({"name":"pg_stat_statements"})"), "unsupported");
  EXPECT_EQ(code(R"({"name":"pg_trgm","schema":"pg_catalog"})"), "invalid_request");
  EXPECT_EQ(code(R"({"name":"pg_trgm","cascade":true})"), "invalid_request");
  EXPECT_EQ(code(R"({})"), "invalid_request");
}

TEST(Extension, no_name_is_both_allowed_and_refused_and_the_lists_are_in_order) {
  for (const RefusedExtension& one : kRefusedExtensions) {
    EXPECT_EQ(find_allowed_extension(one.name), nullptr) << one.name;
    EXPECT_FALSE(one.why.empty());
  }
  EXPECT_TRUE(std::ranges::is_sorted(kAllowedExtensions, {}, &AllowedExtension::name));
  EXPECT_TRUE(std::ranges::is_sorted(kRefusedExtensions, {}, &RefusedExtension::name));
}

TEST(Extension, what_was_seen_comes_back_from_the_catalog) {
  ExtensionView view;
  view.available["citext"] = {"1.6", true};
  view.installed = {{"d", "citext", "1.6", "public", "u"}, {"d", "plperl", "1.0", "public", "u"}};
  const ExtensionView kept = extension_view_from_json(to_json(view));
  const json::array rows = shown_extensions(kept);
  EXPECT_EQ(rows.size(), kAllowedExtensions.size() + 1);
  for (const json::value& row : rows) {
    if (row.at("name").as_string() == "citext") {
      EXPECT_EQ(row.at("available_version").as_string(), "1.6");
      EXPECT_EQ(row.at("installed").as_array().size(), 1U);
    }
    if (row.at("name").as_string() == "plperl") EXPECT_FALSE(row.at("allowed").as_bool());
  }
  EXPECT_EQ(shown_extensions(extension_view_from_json(nullptr)).size(), kAllowedExtensions.size());
}

}  // namespace
}  // namespace howdah::control
