// SPDX-License-Identifier: Apache-2.0
#include "node/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/test_format_page.h"
#include "model/names.h"
#include "nodeapi/messages.h"

namespace howdah::node {
namespace {

std::string example() {
  return format_page_examples("instance-manifest").at(0);
}

// The example with one field set to another value, or taken out.
std::string changed(std::string_view field, const json::value& value) {
  json::value content = parse_json(example()).value();
  content.as_object()[field] = value;
  return json::serialize(content);
}

TEST(Manifest, the_documented_example_is_read_and_written_back) {
  const auto manifest = manifest_from_json(example());
  ASSERT_TRUE(manifest.has_value()) << manifest.error().to_log();
  EXPECT_EQ(manifest->slug, "k3v9x2ab");
  EXPECT_EQ(manifest->uid, 1000041038U);
  EXPECT_EQ(manifest->system_identifier, 7710267541569507216U);
  EXPECT_FALSE(manifest->is_spare());
  EXPECT_EQ(parse_json(to_json_text(*manifest)).value(), parse_json(example()).value());
}

TEST(Manifest, one_without_a_token_is_a_spare) {
  EXPECT_TRUE(manifest_from_json(changed("token", "")).value().is_spare());
}

TEST(Manifest, a_newer_format_is_refused_as_such) {
  const auto manifest = manifest_from_json(changed("format", 2));
  ASSERT_FALSE(manifest.has_value());
  EXPECT_EQ(manifest.error().code, ErrorCode::data_folder_unusable);
  EXPECT_THAT(manifest.error().message, ::testing::HasSubstr("newer"));
}

TEST(Manifest, wrong_fields_are_refused_and_named) {
  const std::vector<std::pair<std::string, json::value>> wrong{
      {"id", "../etc"},
      {"slug", "short"},
      {"slug", "UPPER123"},
      {"pg_major", 0},
      {"uid", -1},
      {"uid", 4294967295U},
      {"size_class", "gigantic"},
      {"system_identifier", "18446744073709551616"},
      {"system_identifier", 1},
      {"created_at", "yesterday"},
      {"max_connections", 0},
      {"suspend_after_s", -1},
      {"unknown", 1}};
  for (const auto& [field, value] : wrong) {
    const auto manifest = manifest_from_json(changed(field, value));
    EXPECT_FALSE(manifest.has_value()) << field << " " << json::serialize(value);
  }
}

TEST(Manifest, text_that_was_cut_is_refused) {
  const std::string whole = example();
  for (std::size_t size = 0; size + 2 < whole.size(); size += 7) {
    EXPECT_FALSE(manifest_from_json(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(Manifest, new_ids_and_slugs_have_their_form_and_differ) {
  const InstanceId id = make_instance_id();
  EXPECT_TRUE(nodeapi::is_instance_id(id.str()));
  EXPECT_EQ(id.str().size(), 14U);
  EXPECT_TRUE(is_slug(make_slug()));
  EXPECT_NE(make_instance_id(), id);
}

}  // namespace
}  // namespace howdah::node
