// SPDX-License-Identifier: Apache-2.0
#include "control/databases/new_database.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace howdah::control {
namespace {

nodeapi::NodeStatus node() {
  nodeapi::NodeStatus status;
  status.postgres.push_back({15, "15.14", "/usr/lib/postgresql/15/bin"});
  return status;
}

Result<NewDatabase> read(std::string_view text) {
  return read_new_database(parse_json(text).value(), node());
}

std::string faults(std::string_view text) {
  const auto result = read(text);
  if (result) return "none";
  std::string all = std::string(info_of(result.error().code).name) + ":";
  for (const FieldError& field : result.error().fields) all += " " + field.pointer;
  return all;
}

constexpr std::string_view kStart = R"({"friendlyName":"Shop","ownerEmail":"a@example.com",)";

TEST(NewDatabase, defaults_are_those_of_the_contract) {
  const auto wanted = read(R"({"friendlyName":"Shop","ownerEmail":"a@example.com"})");
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->friendly_name, "Shop");
  EXPECT_EQ(wanted->owner_email, "a@example.com");
  EXPECT_EQ(wanted->max_connections, 20);
  EXPECT_EQ(wanted->suspend_after_s, 300);
  EXPECT_EQ(wanted->pg_major, 0);
  EXPECT_TRUE(wanted->size_class.empty());
  EXPECT_FALSE(wanted->name);
  EXPECT_FALSE(wanted->sample_data);
}

TEST(NewDatabase, every_field_is_read_in_both_spellings) {
  const auto wanted = read(
      R"({"friendly_name":"Größe","owner_email":"a@example.com","max_connections":500,"name":"a-1",
          "pgVersion":"15","sizeClass":"large","suspend_after_seconds":0,"sampleData":true})");
  ASSERT_TRUE(wanted) << wanted.error().to_log();
  EXPECT_EQ(wanted->max_connections, 500);
  EXPECT_EQ(wanted->name, "a-1");
  EXPECT_EQ(wanted->pg_major, 15);
  EXPECT_EQ(wanted->size_class, "large");
  EXPECT_EQ(wanted->suspend_after_s, 0);
  EXPECT_TRUE(wanted->sample_data);
}

TEST(NewDatabase, all_faults_are_told_at_once) {
  EXPECT_EQ(faults(R"({"ownerEmail":"nobody","maxConnections":0,"surprise":1})"),
            "invalid_request: /friendlyName /ownerEmail /maxConnections /surprise");
  EXPECT_EQ(faults("{}"), "invalid_request: /friendlyName /ownerEmail");
  EXPECT_EQ(faults("[]"), "invalid_request:  /friendlyName /ownerEmail");
}

TEST(NewDatabase, limits_hold_to_the_last_step) {
  const std::string start(kStart);
  EXPECT_EQ(faults(start + R"("maxConnections":1})"), "none");
  EXPECT_EQ(faults(start + R"("maxConnections":501})"), "invalid_request: /maxConnections");
  EXPECT_EQ(faults(start + R"("maxConnections":1.5})"), "invalid_request: /maxConnections");
  EXPECT_EQ(faults(start + R"("maxConnections":"20"})"), "invalid_request: /maxConnections");
  EXPECT_EQ(faults(start + R"("suspendAfterSeconds":2592000})"), "none");
  EXPECT_EQ(faults(start + R"("suspendAfterSeconds":2592001})"),
            "invalid_request: /suspendAfterSeconds");
  EXPECT_EQ(faults(start + R"("suspendAfterSeconds":-1})"),
            "invalid_request: /suspendAfterSeconds");
  const std::string name = R"("name":")" + std::string(63, 'a');
  EXPECT_EQ(faults(start + name + "\"}"), "none");
  EXPECT_EQ(faults(start + name + "a\"}"), "invalid_request: /name");
  const std::string email = "\"ownerEmail\":\"a@example.com\"}";
  EXPECT_EQ(faults("{\"friendlyName\":\"" + std::string(200, 'x') + "\"," + email), "none");
  EXPECT_EQ(faults("{\"friendlyName\":\"" + std::string(201, 'x') + "\"," + email),
            "invalid_request: /friendlyName");
}

TEST(NewDatabase, texts_that_would_mislead_are_refused) {
  const std::string email = "\"ownerEmail\":\"a@example.com\"}";
  for (const char* name : {R"("   ")", R"("a\u0007b")", R"("a\nb")", "\"\"", "5", "null"}) {
    EXPECT_EQ(faults("{\"friendlyName\":" + std::string(name) + "," + email),
              "invalid_request: /friendlyName")
        << name;
  }
  for (const char* name : {"A", "a--b", "-a", "a-", "a_b", "a b", "ä"}) {
    EXPECT_EQ(faults(std::string(kStart) + "\"name\":\"" + name + "\"}"), "invalid_request: /name")
        << name;
  }
  for (const char* mail : {"a", "a@", "@b.c", "a@b", "a b@c.d", "a@b@c.d", "a@b.c,d@e.f"}) {
    EXPECT_EQ(faults(R"({"friendlyName":"x","ownerEmail":")" + std::string(mail) + "\"}"),
              "invalid_request: /ownerEmail")
        << mail;
  }
}

TEST(NewDatabase, each_wrong_address_of_a_list_is_named_by_its_place) {
  const std::string start(kStart);
  const auto wanted = read(start + R"("allowedIps":["10.0.0.0/8","::ffff:1.2.3.4","::1"]})");
  ASSERT_TRUE(wanted) << wanted.error().to_log();
  EXPECT_EQ(wanted->allowed_ips.at(0).ip_address, "10.0.0.0/8");
  EXPECT_EQ(wanted->allowed_ips.at(1).ip_address, "1.2.3.4");
  EXPECT_EQ(wanted->allowed_ips.at(2).network, "::1/128");
  EXPECT_EQ(faults(start + R"("allowedIps":["10.0.0.1/8","1.2.3.4","nonsense","1.2.3.4/32"]})"),
            "invalid_request: /allowedIps/0 /allowedIps/2 /allowedIps/3");
  EXPECT_EQ(faults(start + R"("allowedIps":[]})"), "none");
  EXPECT_EQ(faults(start + R"("allowedIps":"10.0.0.0/8"})"), "invalid_request: /allowedIps");
  EXPECT_EQ(faults(start + R"("allowedIps":[7]})"), "invalid_request: /allowedIps");
  std::string many = "\"1.1.1.1\"";
  for (int i = 0; i < 1000; ++i)
    many += ",\"10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "\"";
  EXPECT_EQ(faults(start + "\"allowedIps\":[" + many + "]}"), "invalid_request: /allowedIps");
}

TEST(NewDatabase, versions_are_checked_against_the_node) {
  const std::string start(kStart);
  EXPECT_EQ(faults(start + R"("pgVersion":15})"), "none");
  EXPECT_EQ(faults(start + R"("pgVersion":17})"), "unsupported: /pgVersion");
  for (const char* version : {"12", "19", "\"15.4\"", "\"\"", "true", "15.0"}) {
    EXPECT_EQ(faults(start + "\"pgVersion\":" + version + "}"), "invalid_request: /pgVersion")
        << version;
  }
}

TEST(NewDatabase, settings_limit_and_protection_are_read) {
  const std::string start(kStart);
  const auto wanted = read(start + R"("sizeClass":"custom","protected":true,"storageLimitBytes":
      67108864,"settings":{"work_mem":"64MB","jit":false,"random_page_cost":1.5,"lock_timeout":0,
      "log_statement":null}})");
  ASSERT_TRUE(wanted) << wanted.error().to_log();
  EXPECT_EQ(wanted->size_class, "custom");
  EXPECT_TRUE(wanted->is_protected);
  EXPECT_EQ(wanted->storage_limit_bytes, 67'108'864);
  const nodeapi::ServerSettings expected{
      {"work_mem", "64MB"}, {"jit", "off"}, {"random_page_cost", "1.5"}, {"lock_timeout", "0"}};
  EXPECT_EQ(wanted->settings, expected);
}

TEST(NewDatabase, settings_that_cannot_be_are_named_one_by_one) {
  const std::string start(kStart);
  EXPECT_EQ(faults(start + R"("settings":{"fsync":"off","work_mem":"1kB","jit":[1]}})"),
            "invalid_request: /settings/fsync /settings/work_mem /settings/jit");
  EXPECT_EQ(faults(start + R"("settings":"work_mem=64MB"})"), "invalid_request: /settings");
  EXPECT_EQ(faults(start + R"("storageLimitBytes":67108863})"),
            "invalid_request: /storageLimitBytes");
  EXPECT_EQ(faults(start + R"("protected":"yes"})"), "invalid_request: /protected");
  EXPECT_EQ(faults(start + R"("sizeClass":"huge"})"), "invalid_request: /sizeClass");
}

}  // namespace
}  // namespace howdah::control
