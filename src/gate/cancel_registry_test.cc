// SPDX-License-Identifier: Apache-2.0
#include "gate/cancel_registry.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace howdah::gate {
namespace {

pgwire::CancelRequest request_for(const CancelRegistry::Entry& entry) {
  return {entry.key().process_id, entry.key().secret};
}

TEST(CancelRegistry, the_clients_key_leads_to_its_own_server_connection) {
  CancelRegistry registry;
  const auto a = registry.add({"/run/a", {100, "aaaa"}});
  const auto b = registry.add({"/run/b", {100, "aaaa"}});
  ASSERT_NE(registry.find(request_for(a)), nullptr);
  EXPECT_EQ(registry.find(request_for(a))->socket_path, "/run/a");
  EXPECT_EQ(registry.find(request_for(b))->socket_path, "/run/b");
}

TEST(CancelRegistry, the_servers_own_key_is_not_given_out) {
  CancelRegistry registry;
  const auto entry = registry.add({"/run/a", {100, "aaaa"}});
  EXPECT_EQ(registry.find({100, "aaaa"}), nullptr);
}

TEST(CancelRegistry, a_wrong_secret_finds_nothing) {
  CancelRegistry registry;
  const auto entry = registry.add({"/run/a", {100, "aaaa"}});
  for (std::size_t bit = 0; bit < 32; ++bit) {
    auto request = request_for(entry);
    request.secret[bit / 8] = static_cast<char>(request.secret[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(registry.find(request), nullptr);
  }
  EXPECT_EQ(registry.find({entry.key().process_id, ""}), nullptr);
  EXPECT_EQ(registry.find({entry.key().process_id, entry.key().secret + "x"}), nullptr);
}

TEST(CancelRegistry, a_key_ends_with_its_session) {
  CancelRegistry registry;
  pgwire::CancelRequest request;
  {
    const auto entry = registry.add({"/run/a", {100, "aaaa"}});
    request = request_for(entry);
  }
  EXPECT_EQ(registry.find(request), nullptr);
  EXPECT_EQ(registry.size(), 0u);
}

TEST(CancelRegistry, a_moved_entry_keeps_its_key_valid) {
  CancelRegistry registry;
  auto entry = registry.add({"/run/a", {100, "aaaa"}});
  const auto request = request_for(entry);
  const auto moved = std::move(entry);
  EXPECT_NE(registry.find(request), nullptr);
}

TEST(CancelRegistry, the_client_is_told_the_process_id_of_its_server) {
  CancelRegistry registry;
  EXPECT_EQ(registry.add({"/run/a", {4711, "aaaa"}}).key().process_id, 4711u);
}

TEST(CancelRegistry, keys_of_one_process_id_are_unique) {
  CancelRegistry registry;
  std::vector<CancelRegistry::Entry> entries;
  std::set<std::string> secrets;
  for (int i = 0; i < 2000; ++i) {
    entries.push_back(registry.add({"/run/" + std::to_string(i), {100, "aaaa"}}));
    secrets.insert(entries.back().key().secret);
    EXPECT_EQ(entries.back().key().secret.size(), 4u);
  }
  EXPECT_EQ(secrets.size(), entries.size());
  EXPECT_EQ(registry.find(request_for(entries[1234]))->socket_path, "/run/1234");
}

}  // namespace
}  // namespace howdah::gate
