// SPDX-License-Identifier: Apache-2.0
#include "nodeapi/messages.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "base/test_format_page.h"

namespace howdah::nodeapi {
namespace {

template <typename T>
std::function<Result<json::value>(const json::value&)> round_trip(
    Result<T> (*read)(const json::value&)) {
  return [read](const json::value& value) -> Result<json::value> {
    HOWDAH_TRY(const T message, read(value));
    return to_json(message);
  };
}

template <typename T>
std::function<Result<json::value>(const json::value&)> list_round_trip(
    Result<std::vector<T>> (*read)(const json::value&),
    json::value (*write)(const std::vector<T>&)) {
  return [read, write](const json::value& value) -> Result<json::value> {
    HOWDAH_TRY(const std::vector<T> list, read(value));
    return write(list);
  };
}

// Every message kind by the name that docs/formats/node-api.md gives it.
const std::map<std::string, std::function<Result<json::value>(const json::value&)>>& kinds() {
  static const std::map<std::string, std::function<Result<json::value>(const json::value&)>> map{
      {"ClaimRequest", round_trip(claim_request_from_json)},
      {"AcquireRequest", round_trip(acquire_request_from_json)},
      {"RenewRequest", round_trip(renew_request_from_json)},
      {"StopRequest", round_trip(stop_request_from_json)},
      {"InstanceSettings", round_trip(instance_settings_from_json)},
      {"Instance", round_trip(instance_from_json)},
      {"Roles", list_round_trip(roles_from_json, roles_to_json)},
      {"RolePasswords", list_round_trip(role_passwords_from_json, role_passwords_to_json)},
      {"NodeStatus", round_trip(node_status_from_json)},
      {"JournalPage", round_trip(journal_page_from_json)},
  };
  return map;
}

// The examples of the format page: name -> JSON. A name is given by a comment above its block.
std::map<std::string, json::value> examples() {
  const std::string text = format_page("node-api");
  std::map<std::string, json::value> found;
  constexpr std::string_view kMark = "<!-- example: ";
  constexpr std::string_view kOpen = "```json\n";
  for (auto at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) {
    const auto name_at = at + kMark.size();
    const auto name = text.substr(name_at, text.find(' ', name_at) - name_at);
    const auto begin = text.find(kOpen, at) + kOpen.size();
    const auto value = parse_json(text.substr(begin, text.find("\n```", begin) - begin));
    EXPECT_TRUE(value) << name;
    if (value) found[name] = *value;
  }
  return found;
}

TEST(NodeApi, every_example_of_the_format_page_is_read_and_written_unchanged) {
  const auto all = examples();
  ASSERT_EQ(all.size(), kinds().size());
  for (const auto& [name, example] : all) {
    ASSERT_TRUE(kinds().contains(name)) << name;
    const auto again = kinds().at(name)(example);
    ASSERT_TRUE(again) << name << ": " << again.error().to_log();
    EXPECT_EQ(*again, example) << name;
  }
}

TEST(NodeApi, an_unknown_field_is_refused_in_requests_and_ignored_in_answers) {
  for (const auto& [name, example] : examples()) {
    json::value changed = example;
    changed.as_object()["colour"] = "grey";
    const bool request =
        name.ends_with("Request") || name.ends_with("Settings") || name.ends_with("Passwords");
    const auto result = kinds().at(name)(changed);
    EXPECT_EQ(result.has_value(), !request) << name;
    if (!result) {
      ASSERT_EQ(result.error().fields.size(), 1U);
      EXPECT_EQ(result.error().fields[0].pointer, "/colour");
    }
  }
}

TEST(NodeApi, an_answer_without_any_one_of_its_fields_is_refused) {
  const auto all = examples();
  for (const char* name : {"Instance", "NodeStatus", "JournalPage"}) {
    for (const auto& field : all.at(name).as_object()) {
      // pid is null or absent where nothing runs; the others came later than their message.
      const std::set<std::string_view> optional{"pid",
                                                "storage_limit_bytes",
                                                "storage_bytes",
                                                "storage_full",
                                                "settings",
                                                "paused",
                                                "missing_postgres",
                                                "held_back",
                                                "volume_state",
                                                "volume_ballast_bytes",
                                                "volume_refuse_bytes",
                                                "volume_suspend_bytes",
                                                "volume_can_grow",
                                                "instances_held_back"};
      if (optional.contains(field.key())) continue;
      json::value changed = all.at(name);
      changed.as_object().erase(field.key());
      EXPECT_FALSE(kinds().at(name)(changed)) << name << " without " << field.key();
    }
  }
}

TEST(NodeApi, every_field_of_a_wrong_type_is_refused) {
  for (const auto& [name, example] : examples()) {
    for (const auto& field : example.as_object()) {
      json::value changed = example;
      changed.as_object()[field.key()] = json::object{{"nested", 1}};
      EXPECT_FALSE(kinds().at(name)(changed)) << name << " " << field.key();
    }
    EXPECT_FALSE(kinds().at(name)(json::array{})) << name;
  }
}

TEST(NodeApi, a_piece_of_a_log_travels_as_it_is) {
  const std::string raw("\xff\0\x1b x\n", 6);
  const auto again = log_piece_from_response(to_response({10, 5, 16, raw}));
  ASSERT_TRUE(again) << again.error().to_log();
  EXPECT_EQ(again->begin, 10U);
  EXPECT_EQ(again->first, 5U);
  EXPECT_EQ(again->last, 16U);
  EXPECT_EQ(again->text, raw);
}

TEST(NodeApi, a_piece_of_a_log_that_does_not_fit_is_refused) {
  EXPECT_FALSE(log_piece_from_response(to_response({10, 11, 20, ""})));
  EXPECT_FALSE(log_piece_from_response(to_response({10, 0, 12, "abc"})));
  http::Response response = to_response({0, 0, 3, "abc"});
  response.headers["Log-Last"] = "3x";
  EXPECT_FALSE(log_piece_from_response(response));
  response.headers.erase("Log-Last");
  EXPECT_FALSE(log_piece_from_response(response));
}

TEST(NodeApi, required_fields_of_requests_are_named_when_missing) {
  const auto claim = claim_request_from_json(json::object{});
  ASSERT_FALSE(claim);
  EXPECT_EQ(claim.error().message, "token is required");
  const auto acquire = acquire_request_from_json(json::object{});
  ASSERT_FALSE(acquire);
  EXPECT_EQ(acquire.error().message, "holder is required");
  const auto renew = renew_request_from_json(json::object{});
  ASSERT_FALSE(renew);
  EXPECT_EQ(renew.error().fields.size(), 2U);
}

TEST(NodeApi, a_claim_takes_its_defaults) {
  const auto claim = claim_request_from_json(json::object{{"token", "t"}});
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->pg_major, 0);
  EXPECT_EQ(claim->suspend_after_s, 300);
  EXPECT_EQ(claim->max_connections, 20);
}

TEST(NodeApi, numbers_are_checked_at_their_limits) {
  const auto claim = [](std::int64_t connections) {
    return claim_request_from_json(json::object{{"token", "t"}, {"max_connections", connections}});
  };
  EXPECT_FALSE(claim(0));
  EXPECT_TRUE(claim(1));
  EXPECT_TRUE(claim(10'000));
  EXPECT_FALSE(claim(10'001));
  EXPECT_FALSE(acquire_request_from_json(json::object{{"holder", "gate:1"}, {"ttl_s", 0}}));
}

TEST(NodeApi, a_system_identifier_keeps_all_its_64_bits) {
  Instance instance;
  instance.id = InstanceId("i-1");
  instance.system_identifier = 18'446'744'073'709'551'615U;
  const auto again = instance_from_json(to_json(instance));
  ASSERT_TRUE(again) << again.error().to_log();
  EXPECT_EQ(again->system_identifier, instance.system_identifier);
  for (const char* wrong : {"18446744073709551616", "-1", "1 ", "0x10", ""}) {
    json::value value = to_json(instance);
    value.as_object()["system_identifier"] = wrong;
    EXPECT_FALSE(instance_from_json(value)) << wrong;
  }
}

TEST(NodeApi, settings_carry_only_what_is_to_change) {
  InstanceSettings settings;
  settings.suspend_after_s = 0;
  EXPECT_EQ(to_json(settings), (json::value{{"suspend_after_s", 0}}));
  const auto none = instance_settings_from_json(json::object{});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->suspend_after_s);
}

TEST(NodeApi, a_stop_without_a_body_is_not_forced) {
  const auto stop = stop_request_from_json(json::value());
  ASSERT_TRUE(stop);
  EXPECT_FALSE(stop->force);
}

TEST(NodeApi, an_unknown_state_is_refused) {
  Instance instance;
  instance.id = InstanceId("i-1");
  json::value value = to_json(instance);
  value.as_object()["state"] = "sleeping";
  EXPECT_FALSE(instance_from_json(value));
}

TEST(NodeApi, names_that_could_change_a_path_are_no_holders_and_no_ids) {
  EXPECT_TRUE(is_holder("gate:4f2a"));
  EXPECT_TRUE(is_holder(std::string(80, 'a')));
  for (const std::string& wrong : {std::string(), std::string(81, 'a'), std::string(".."),
                                   std::string("a/b"), std::string("a%2fb"), std::string("A")}) {
    EXPECT_FALSE(is_holder(wrong)) << wrong;
    EXPECT_FALSE(acquire_request_from_json(json::object{{"holder", wrong}})) << wrong;
  }
  EXPECT_TRUE(is_instance_id("i-7h2k9q0c4m1x"));
  for (const char* wrong : {"", "..", "i/1", "I-1", "i-1?force=true"}) {
    EXPECT_FALSE(is_instance_id(wrong)) << wrong;
  }
}

TEST(NodeApi, a_renewal_is_limited_in_size) {
  RenewRequest request{"gate:1", std::vector<InstanceId>(kRenewMax, InstanceId("i-1")), 60};
  EXPECT_TRUE(renew_request_from_json(to_json(request)));
  request.ids.emplace_back("i-2");
  EXPECT_FALSE(renew_request_from_json(to_json(request)));
}

TEST(NodeApi, lists_survive_the_round_trip) {
  Instance one;
  one.id = InstanceId("i-1");
  Instance two;
  two.id = InstanceId("i-2");
  two.pid = 77;
  two.holds.push_back({"job:1", "backup", Timestamp{}});
  const auto again = instances_from_json(instances_to_json({one, two}));
  ASSERT_TRUE(again) << again.error().to_log();
  ASSERT_EQ(again->size(), 2U);
  EXPECT_EQ((*again)[1].pid, 77);
  EXPECT_EQ((*again)[1].holds[0].holder, "job:1");
  const auto renewed = renewed_from_json(renewed_to_json({InstanceId("i-1")}));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->front().str(), "i-1");
}

TEST(NodeApi, a_fault_deep_in_a_list_is_named) {
  const auto page = journal_page_from_json(
      json::object{{"boot_id", "b"}, {"entries", json::array{json::object{{"sequence", 1}}}}});
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().message.find("instance_id is required"), std::string::npos)
      << page.error().message;
}

}  // namespace
}  // namespace howdah::nodeapi
