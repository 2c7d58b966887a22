// SPDX-License-Identifier: Apache-2.0
#include "crypto/keyring.h"

#include <gtest/gtest.h>

#include <cctype>

#include "crypto/encode.h"

namespace howdah::crypto {
namespace {

const SealPlace kPlace{"credentials", "17", "sealed_password", 3};

ErrorCode code_of(const auto& result) {
  return result ? ErrorCode::internal : result.error().code;
}

TEST(KeyRing, sealed_value_opens_at_its_place) {
  const KeyRing ring = KeyRing::create();
  for (const std::string& plaintext :
       {std::string(), std::string("hunter2"), std::string("nul \0 inside", 12),
        std::string(100'000, 'x')}) {
    const std::string blob = ring.seal(plaintext, kPlace);
    const auto opened = ring.open(blob, kPlace);
    ASSERT_TRUE(opened);
    EXPECT_EQ(*opened, plaintext);
  }
}

TEST(KeyRing, same_value_never_gives_the_same_blob) {
  const KeyRing ring = KeyRing::create();
  EXPECT_NE(ring.seal("x", kPlace), ring.seal("x", kPlace));
}

TEST(KeyRing, blob_names_format_and_key_but_not_the_value) {
  const KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("hunter2", kPlace);
  EXPECT_TRUE(blob.starts_with("v1:" + ring.current_id() + ":"));
  EXPECT_EQ(blob.find("hunter2"), std::string::npos);
  EXPECT_EQ(blob.find(to_base64("hunter2")), std::string::npos);
}

TEST(KeyRing, value_moved_to_another_place_does_not_open) {
  const KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("hunter2", kPlace);
  const std::vector<SealPlace> others = {
      {"credential", "17", "sealed_password", 3},  {"credentials", "18", "sealed_password", 3},
      {"credentials", "17", "sealed_token", 3},    {"credentials", "17", "sealed_password", 4},
      {"credentials1", "7", "sealed_password", 3}, {"credentials|2:17", "", "sealed_password", 3},
      {"credentials", "17sealed_", "password", 3},
  };
  for (const SealPlace& other : others) {
    EXPECT_EQ(code_of(ring.open(blob, other)), ErrorCode::seal_broken) << other.table << other.row;
  }
}

TEST(KeyRing, blob_cut_at_any_byte_does_not_open) {
  const KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("hunter2", kPlace);
  for (std::size_t size = 0; size < blob.size(); ++size) {
    EXPECT_EQ(code_of(ring.open(blob.substr(0, size), kPlace)), ErrorCode::seal_broken) << size;
  }
  EXPECT_EQ(code_of(ring.open(blob + "A", kPlace)), ErrorCode::seal_broken);
  EXPECT_EQ(code_of(ring.open(blob + "AAAA", kPlace)), ErrorCode::seal_broken);
}

TEST(KeyRing, blob_changed_in_any_byte_does_not_open) {
  const KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("hunter2", kPlace);
  for (std::size_t i = 0; i < blob.size(); ++i) {
    std::string changed = blob;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(code_of(ring.open(changed, kPlace)), ErrorCode::seal_broken) << i;
  }
}

TEST(KeyRing, blob_of_an_unknown_key_does_not_open) {
  const std::string blob = KeyRing::create().seal("hunter2", kPlace);
  EXPECT_EQ(code_of(KeyRing::create().open(blob, kPlace)), ErrorCode::seal_broken);
}

TEST(KeyRing, blob_under_another_key_of_the_same_ring_does_not_open) {
  KeyRing ring = KeyRing::create();
  const std::string old_id = ring.current_id();
  std::string blob = ring.seal("hunter2", kPlace);
  blob.replace(blob.find(old_id), old_id.size(), ring.add_key());
  EXPECT_EQ(code_of(ring.open(blob, kPlace)), ErrorCode::seal_broken);
}

TEST(KeyRing, open_error_does_not_show_the_value) {
  const KeyRing ring = KeyRing::create();
  std::string blob = ring.seal("hunter2", kPlace);
  blob.back() = blob.back() == 'A' ? 'B' : 'A';
  EXPECT_EQ(ring.open(blob, kPlace).error().to_log().find("hunter2"), std::string::npos);
}

TEST(KeyRing, new_key_seals_new_values_and_the_old_ones_still_open) {
  KeyRing ring = KeyRing::create();
  const std::string old_blob = ring.seal("old", kPlace);
  EXPECT_FALSE(ring.needs_rewrap(old_blob));
  const std::string id = ring.add_key();
  EXPECT_EQ(ring.current_id(), id);
  EXPECT_EQ(ring.key_ids().size(), 2U);
  EXPECT_TRUE(ring.needs_rewrap(old_blob));
  EXPECT_EQ(ring.open(old_blob, kPlace).value(), "old");
  EXPECT_FALSE(ring.needs_rewrap(ring.seal("new", kPlace)));
  EXPECT_TRUE(ring.needs_rewrap("no blob"));
}

TEST(KeyRing, removed_key_opens_nothing_any_more) {
  KeyRing ring = KeyRing::create();
  const std::string first = ring.current_id();
  const std::string blob = ring.seal("old", kPlace);
  EXPECT_EQ(code_of(ring.remove_key(first)), ErrorCode::conflict);
  ring.add_key();
  EXPECT_TRUE(ring.remove_key(first));
  EXPECT_EQ(code_of(ring.open(blob, kPlace)), ErrorCode::seal_broken);
  EXPECT_EQ(code_of(ring.remove_key(first)), ErrorCode::not_found);
}

TEST(KeyRing, json_carries_every_key_and_the_current_one) {
  KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("old", kPlace);
  ring.add_key();
  const auto loaded = KeyRing::from_json(ring.to_json());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->current_id(), ring.current_id());
  EXPECT_EQ(loaded->key_ids(), ring.key_ids());
  EXPECT_EQ(loaded->open(blob, kPlace).value(), "old");
}

TEST(KeyRing, a_retired_key_still_opens_and_the_ring_tells_of_it) {
  const Timestamp made = parse_rfc3339("2026-01-02T03:04:05.678Z").value();
  KeyRing ring = KeyRing::create();
  const std::string first = ring.current_id();
  const std::string blob = ring.seal("old", kPlace);
  EXPECT_EQ(code_of(ring.retire_key(first, made)), ErrorCode::conflict) << "it seals";
  ring.add_key("operation 7", made);
  EXPECT_TRUE(ring.retire_key(first, made + std::chrono::hours(1)));
  EXPECT_TRUE(ring.retire_key(first, made + std::chrono::hours(9))) << "the first time counts";
  EXPECT_EQ(code_of(ring.retire_key("000000000000", made)), ErrorCode::not_found);
  const auto loaded = KeyRing::from_json(ring.to_json());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->open(blob, kPlace).value(), "old");
  const std::vector<KeyFacts> keys = loaded->keys();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].retired_at, made + std::chrono::hours(1));
  EXPECT_FALSE(keys[0].made_at);
  EXPECT_FALSE(keys[0].current);
  EXPECT_EQ(keys[1].label, "operation 7");
  EXPECT_EQ(keys[1].made_at, made);
  EXPECT_TRUE(keys[1].current);
}

TEST(KeyRing, json_cut_at_any_byte_is_refused) {
  const std::string text = KeyRing::create().to_json();
  // The last byte is a line feed, which JSON does not need.
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_EQ(code_of(KeyRing::from_json(text.substr(0, size))), ErrorCode::seal_broken) << size;
  }
}

TEST(KeyRing, json_with_a_changed_secret_id_or_format_is_refused) {
  const std::string good = KeyRing::create().to_json();
  const KeyRing ring = *KeyRing::from_json(good);
  auto changed = [&](std::string_view what, std::string_view by) {
    std::string text = good;
    text.replace(text.find(what), what.size(), by);
    return code_of(KeyRing::from_json(text));
  };
  EXPECT_EQ(changed("\"format\":1", "\"format\":2"), ErrorCode::seal_broken);
  EXPECT_EQ(changed("\"id\":\"", "\"id\":\"0"), ErrorCode::seal_broken);
  EXPECT_EQ(changed("\"current\":\"", "\"current\":\"0"), ErrorCode::seal_broken);
  EXPECT_EQ(changed("\"secret\":\"", "\"secret\":\"AAAA"), ErrorCode::seal_broken);
  EXPECT_EQ(changed("\"keys\":[", "\"keys\":[1,"), ErrorCode::seal_broken);
  for (const char* text :
       {"", "null", "[]", "{}", R"({"format":1})", R"({"format":1,"current":"x","keys":[]})",
        R"({"format":1,"current":1,"keys":[]})"}) {
    EXPECT_EQ(code_of(KeyRing::from_json(text)), ErrorCode::seal_broken) << text;
  }
}

TEST(RecoveryKey, rebuilds_a_ring_that_opens_what_the_key_sealed) {
  const KeyRing ring = KeyRing::create();
  const std::string blob = ring.seal("hunter2", kPlace);
  const auto rebuilt = KeyRing::from_recovery_key(ring.recovery_key());
  ASSERT_TRUE(rebuilt);
  EXPECT_EQ(rebuilt->current_id(), ring.current_id());
  EXPECT_EQ(rebuilt->open(blob, kPlace).value(), "hunter2");
}

TEST(RecoveryKey, is_made_of_14_groups_of_4) {
  const std::string text = KeyRing::create().recovery_key();
  EXPECT_EQ(text.size(), 3 + 14 * 5U);
  EXPECT_TRUE(text.starts_with("HR1-"));
  for (std::size_t i = 3; i < text.size(); i += 5) EXPECT_EQ(text[i], '-');
}

TEST(RecoveryKey, is_read_in_lower_case_with_spaces_and_look_alikes) {
  const KeyRing ring = KeyRing::create();
  std::string text = " ";
  for (char c : ring.recovery_key()) {
    if (c == '0') c = 'o';
    if (c == '1' && text.size() > 4) c = text.size() % 2 == 0 ? 'l' : 'I';
    text += c == '-' ? ' ' : static_cast<char>(std::tolower(c));
  }
  const auto rebuilt = KeyRing::from_recovery_key(text + "\n");
  ASSERT_TRUE(rebuilt);
  EXPECT_EQ(rebuilt->current_id(), ring.current_id());
}

TEST(RecoveryKey, with_any_character_wrong_is_refused) {
  const std::string text = KeyRing::create().recovery_key();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string wrong = text;
    wrong[i] = text[i] == 'X' ? 'Y' : 'X';
    EXPECT_EQ(code_of(KeyRing::from_recovery_key(wrong)), ErrorCode::invalid_request) << i;
  }
}

TEST(RecoveryKey, cut_long_or_foreign_is_refused) {
  const std::string text = KeyRing::create().recovery_key();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(code_of(KeyRing::from_recovery_key(text.substr(0, size))),
              ErrorCode::invalid_request);
  }
  EXPECT_EQ(code_of(KeyRing::from_recovery_key(text + "0")), ErrorCode::invalid_request);
  std::string other = text;
  other[10] = 'U';
  EXPECT_EQ(code_of(KeyRing::from_recovery_key(other)), ErrorCode::invalid_request);
}

TEST(RecoveryKey, imported_key_opens_but_does_not_become_current) {
  const KeyRing old_ring = KeyRing::create();
  const std::string blob = old_ring.seal("old", kPlace);
  KeyRing ring = KeyRing::create();
  const std::string current = ring.current_id();
  const auto id = ring.import_recovery_key(old_ring.recovery_key());
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, old_ring.current_id());
  EXPECT_EQ(ring.current_id(), current);
  EXPECT_EQ(ring.open(blob, kPlace).value(), "old");
  // A second time changes nothing.
  EXPECT_EQ(ring.import_recovery_key(old_ring.recovery_key()).value(), *id);
  EXPECT_EQ(ring.key_ids().size(), 2U);
}

}  // namespace
}  // namespace howdah::crypto
