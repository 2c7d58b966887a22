// SPDX-License-Identifier: Apache-2.0
#include "node/routes.h"

#include <gtest/gtest.h>

namespace howdah::node {
namespace {

using http::Method;

Users privileged() {
  Users users;
  users.privileged = true;
  users.agent_uid = 0;
  users.control = {101, 200};
  users.gate = {102, 200};
  return users;
}

TEST(Callers, are_told_by_their_uid_only) {
  const Users users = privileged();
  EXPECT_EQ(caller_of(users, 0), Caller::platform);
  EXPECT_EQ(caller_of(users, 101), Caller::platform);
  EXPECT_EQ(caller_of(users, 102), Caller::gate);
  EXPECT_EQ(caller_of(users, 103), Caller::stranger);
  EXPECT_EQ(caller_of(users, os::kUidFirst), Caller::stranger);
}

TEST(Callers, without_root_are_the_one_user_and_root) {
  Users users;
  users.agent_uid = users.control.uid = users.gate.uid = 1000;
  EXPECT_EQ(caller_of(users, 1000), Caller::platform);
  EXPECT_EQ(caller_of(users, 0), Caller::platform);
  EXPECT_EQ(caller_of(users, 1001), Caller::stranger);
}

TEST(Callers, gates_may_call_six_routes_of_eighteen) {
  http::Router router;
  const Users users = privileged();
  struct NoCalls : NodeCalls {
    nodeapi::NodeStatus status(os::DiskSpace) const override { return {}; }
    asio::awaitable<os::DiskSpace> volume_space() override { co_return os::DiskSpace{}; }
    Task<os::Path> set_aside(InstanceId) override { co_return os::Path(); }
    Task<void> grow_volume(ByteCount) override { co_return Result<void>{}; }
    Task<instance::LogPiece> read_log(InstanceId, instance::LogRange) override {
      co_return instance::LogPiece{};
    }
    Task<void> remove(InstanceId, bool) override { co_return Result<void>{}; }
    Task<void> shut_down() override { co_return Result<void>{}; }
    bool closing() const override { return false; }
    Registry& registry() override { std::abort(); }
    Claims& claims() override { std::abort(); }
    RoleKeeper& roles() override { std::abort(); }
    Journal& journal() override { std::abort(); }
  } calls;
  NodeRoutes routes(calls, users);
  routes.add_to(router);
  std::size_t allowed = 0;
  for (const auto& route : router.routes()) allowed += gate_may_call(route.method, route.pattern);
  EXPECT_EQ(router.routes().size(), 18U);
  EXPECT_EQ(allowed, 6U);
  EXPECT_TRUE(gate_may_call(Method::post, "/v1/instances/{id}/acquire"));
  EXPECT_FALSE(gate_may_call(Method::del, "/v1/instances/{id}"));
  EXPECT_TRUE(gate_may_call(Method::get, "/v1/instances/{id}/roles"));
  EXPECT_FALSE(gate_may_call(Method::put, "/v1/instances/{id}/roles"));
  EXPECT_FALSE(gate_may_call(Method::post, "/v1/claims"));
  EXPECT_FALSE(gate_may_call(Method::get, "/v1/instances/{id}/log"));
  EXPECT_FALSE(gate_may_call(Method::post, "/v1/shutdown"));
}

}  // namespace
}  // namespace howdah::node
