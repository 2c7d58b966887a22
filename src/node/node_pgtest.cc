// SPDX-License-Identifier: Apache-2.0
// The whole agent on real PostgreSQL, over its API. One agent serves all tests of a driver; each
// test has tokens of its own. Needs root for the btrfs image and for uids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "instance/control_file.h"
#include "model/names.h"
#include "node/owner.h"
#include "node/test_node.h"

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using nodeapi::Instance;
using nodeapi::InstanceState;
using testing::TestNode;

// One agent for each driver, until the program ends.
std::map<VolumeChoice, std::unique_ptr<TestNode>>& nodes() {
  static std::map<VolumeChoice, std::unique_ptr<TestNode>> all;
  return all;
}

class NodesEnvironment : public ::testing::Environment {
 public:
  void TearDown() override { nodes().clear(); }
};
const auto* const kNodes =
    ::testing::AddGlobalTestEnvironment(std::make_unique<NodesEnvironment>().release());

class AnyNodeTest : public ::testing::Test {
 protected:
  void use(VolumeChoice volume) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    auto& slot = nodes()[volume];
    if (!slot) {
      // A copy of 40 MB for each spare is slow.
      slot = std::make_unique<TestNode>(volume, volume == VolumeChoice::copy ? 1 : 2);
      const auto started = slot->start();
      ASSERT_TRUE(started.has_value()) << started.error().to_log();
    }
    node_ = slot.get();
  }
  void TearDown() override {
    for (const InstanceId& id : claimed_) (void)node_->remove(id, true);
  }

  Instance claim(std::string token) {
    nodeapi::ClaimRequest request;
    request.token = std::move(token);
    return claim(std::move(request));
  }
  Instance claim(nodeapi::ClaimRequest request) {
    auto instance = node_->claim(std::move(request));
    if (!instance) throw std::runtime_error(instance.error().to_log());
    claimed_.insert(instance->id);
    return *instance;
  }
  InstanceState state_of(const InstanceId& id) { return node_->show(id).value().state; }

  TestNode* node_ = nullptr;
  std::set<InstanceId> claimed_;
};

class NodeTest : public AnyNodeTest, public ::testing::WithParamInterface<VolumeChoice> {
 protected:
  void SetUp() override { use(GetParam()); }
};

// What does not depend on the driver.
class BtrfsNodeTest : public AnyNodeTest {
 protected:
  void SetUp() override { use(VolumeChoice::btrfs); }
};

INSTANTIATE_TEST_SUITE_P(Drivers, NodeTest,
                         ::testing::Values(VolumeChoice::btrfs, VolumeChoice::copy),
                         [](const auto& info) {
                           return info.param == VolumeChoice::btrfs ? "btrfs" : "copy";
                         });

TEST_P(NodeTest, a_claimed_instance_runs_with_names_identity_and_uid_of_its_own) {
  const Instance one = claim("own-1");
  const Instance two = claim("own-2");
  EXPECT_EQ(one.state, InstanceState::running);
  EXPECT_NE(one.id, two.id);
  EXPECT_NE(one.slug, two.slug);
  EXPECT_NE(one.system_identifier, two.system_identifier);
  EXPECT_EQ(node_
                ->sql(one.socket_directory,
                      "SELECT count(*) FROM pg_database JOIN pg_roles r ON r.oid = datdba "
                      "WHERE datname IN ('" +
                          tenant_database(one.slug) + "','" + shadow_database(one.slug) +
                          "') AND rolname = '" + owner_role(one.slug) + "'")
                .value(),
            "2");
  EXPECT_EQ(
      node_->sql(one.socket_directory, "SELECT system_identifier FROM pg_control_system()").value(),
      std::to_string(one.system_identifier));
  struct stat first{}, second{};
  ASSERT_EQ(::stat((node_->directory_of(one.id) / "data").c_str(), &first), 0);
  ASSERT_EQ(::stat((node_->directory_of(two.id) / "data").c_str(), &second), 0);
  EXPECT_NE(first.st_uid, second.st_uid);
  EXPECT_GE(first.st_uid, os::kUidFirst);
}

TEST_F(BtrfsNodeTest, the_same_token_gives_the_same_instance) {
  const Instance first = claim("same");
  EXPECT_EQ(claim("same").id, first.id);
}

TEST_F(BtrfsNodeTest, parallel_claims_give_an_instance_each_and_one_for_equal_tokens) {
  constexpr int kCount = 10;
  auto client = node_->client();
  std::vector<Result<Instance>> results;
  for (int n = 0; n < kCount; ++n) {
    for (int twice = 0; twice < 2; ++twice) {
      nodeapi::ClaimRequest request;
      request.token = "parallel-" + std::to_string(n);
      asio::co_spawn(node_->io, client.claim(request),
                     [&](std::exception_ptr, Result<Instance> result) {
                       results.push_back(std::move(result));
                     });
    }
  }
  ASSERT_TRUE(node_->wait_until([&] { return std::ssize(results) == 2 * kCount; }));
  std::map<std::string, std::set<InstanceId>> by_token;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value()) << result.error().to_log();
    by_token[result->token].insert(result->id);
    claimed_.insert(result->id);
  }
  EXPECT_EQ(std::ssize(by_token), kCount);
  EXPECT_EQ(std::ssize(claimed_), kCount);
}

TEST_P(NodeTest, spares_are_made_again_after_claims_and_after_their_death) {
  ASSERT_TRUE(node_->wait_for_spares());
  claim("spare-1");
  EXPECT_TRUE(node_->wait_for_spares());
  auto client = node_->client();
  for (const Instance& instance : node_->run(client.instances()).value()) {
    if (instance.token.empty()) ::kill(static_cast<pid_t>(*instance.pid), SIGKILL);
  }
  ASSERT_TRUE(node_->wait_until([&] { return node_->status()->spares_ready < 1; }, 5s));
  EXPECT_TRUE(node_->wait_for_spares());
}

TEST_P(NodeTest, acquire_starts_a_stopped_one_and_its_hold_blocks_stop) {
  const Instance instance = claim("acquire");
  ASSERT_TRUE(node_->stop(instance.id).has_value());
  EXPECT_EQ(state_of(instance.id), InstanceState::stopped);
  const auto acquired = node_->acquire(instance.id);
  ASSERT_TRUE(acquired.has_value()) << acquired.error().to_log();
  EXPECT_EQ(acquired->state, InstanceState::running);
  ASSERT_EQ(acquired->holds.size(), 1U);
  EXPECT_EQ(acquired->holds[0].holder, "gate:1");
  EXPECT_EQ(node_->stop(instance.id).error().code, ErrorCode::instance_held);
  EXPECT_EQ(node_->remove(instance.id).error().code, ErrorCode::instance_held);
  ASSERT_TRUE(node_->release(instance.id).has_value());
  EXPECT_TRUE(node_->stop(instance.id).has_value());
}

TEST_F(BtrfsNodeTest, renewal_keeps_a_hold_beyond_its_time_to_live) {
  const Instance instance = claim("renew");
  auto client = node_->client();
  ASSERT_TRUE(node_->acquire(instance.id, 1).has_value());
  const auto renewed = node_->run(client.renew("gate:1", {instance.id, InstanceId("i-none")}, 60));
  ASSERT_TRUE(renewed.has_value());
  EXPECT_THAT(*renewed, ::testing::ElementsAre(instance.id));
  node_->run_for(1200ms);
  EXPECT_EQ(node_->stop(instance.id).error().code, ErrorCode::instance_held);
}

TEST_F(BtrfsNodeTest, an_idle_one_is_suspended_but_not_while_held_and_never_with_0) {
  nodeapi::ClaimRequest request{.token = "idle", .suspend_after_s = 1};
  const Instance idle = claim(request);
  request.token = "held";
  const Instance held = claim(request);
  ASSERT_TRUE(node_->acquire(held.id).has_value());
  request.token = "never";
  request.suspend_after_s = 0;
  const Instance never = claim(request);
  EXPECT_TRUE(node_->wait_for_state(idle.id, InstanceState::stopped));
  node_->run_for(1500ms);
  EXPECT_EQ(state_of(held.id), InstanceState::running);
  EXPECT_EQ(state_of(never.id), InstanceState::running);
  ASSERT_TRUE(node_->release(held.id).has_value());
  EXPECT_TRUE(node_->wait_for_state(held.id, InstanceState::stopped));
  const auto status = node_->status();
  EXPECT_EQ(status->spares_ready, node_->config.spares);
}

TEST_F(BtrfsNodeTest, killed_while_held_it_is_restarted_and_the_journal_tells) {
  const Instance instance = claim("crash-held");
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  auto client = node_->client();
  const auto before = node_->run(client.journal(0, 0ms)).value();
  ASSERT_EQ(::kill(static_cast<pid_t>(*instance.pid), SIGKILL), 0);
  ASSERT_TRUE(node_->wait_until(
      [&] {
        const auto now = node_->show(instance.id);
        return now->state == InstanceState::running && now->pid != instance.pid;
      },
      10s));
  EXPECT_THAT(node_->show(instance.id)->last_failure, ::testing::HasSubstr("signal 9"));
  const auto page = node_->run(client.journal(before.entries.back().sequence, 0ms)).value();
  std::vector<InstanceState> states;
  for (const auto& entry : page.entries) {
    if (entry.instance_id == instance.id) states.push_back(entry.state);
  }
  EXPECT_THAT(states, ::testing::ElementsAre(InstanceState::stopped, InstanceState::starting,
                                             InstanceState::running));
}

TEST_F(BtrfsNodeTest, killed_without_a_hold_it_stays_stopped_and_the_next_acquire_recovers_it) {
  const Instance instance = claim("crash-free");
  ASSERT_TRUE(node_->sql(instance.socket_directory, "CREATE TABLE public.kept AS SELECT 42 AS x")
                  .has_value());
  ASSERT_EQ(::kill(static_cast<pid_t>(*instance.pid), SIGKILL), 0);
  ASSERT_TRUE(node_->wait_for_state(instance.id, InstanceState::stopped));
  EXPECT_THAT(node_->show(instance.id)->last_failure, ::testing::HasSubstr("signal 9"));
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  EXPECT_EQ(node_->sql(instance.socket_directory, "SELECT x FROM public.kept").value(), "42");
}

TEST_F(BtrfsNodeTest, one_that_cannot_start_is_failed_with_its_log_until_it_can) {
  const Instance instance = claim("broken");
  ASSERT_TRUE(node_->stop(instance.id).has_value());
  const os::Path file = node_->directory_of(instance.id) / "data" / "PG_VERSION";
  std::filesystem::rename(file, file.string() + ".away");
  const auto refused = node_->acquire(instance.id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::instance_failed);
  const auto shown = node_->show(instance.id);
  EXPECT_EQ(shown->state, InstanceState::failed);
  EXPECT_THAT(shown->last_failure, ::testing::HasSubstr("PG_VERSION"));
  EXPECT_TRUE(shown->holds.empty());
  std::filesystem::rename(file.string() + ".away", file);
  EXPECT_TRUE(node_->acquire(instance.id).has_value());
}

TEST_P(NodeTest, removal_leaves_nothing_and_may_be_asked_for_again) {
  const Instance instance = claim("remove");
  const auto pid = static_cast<pid_t>(*instance.pid);
  ASSERT_TRUE(node_->remove(instance.id).has_value());
  EXPECT_FALSE(std::filesystem::exists(node_->directory_of(instance.id)));
  EXPECT_FALSE(std::filesystem::exists(instance.socket_directory));
  EXPECT_NE(::kill(pid, 0), 0);
  EXPECT_EQ(node_->show(instance.id).error().code, ErrorCode::not_found);
  EXPECT_TRUE(node_->remove(instance.id).has_value());
  EXPECT_NE(claim("remove").id, instance.id);
}

TEST_F(BtrfsNodeTest, a_claim_for_more_connections_gets_them_at_once) {
  const Instance instance = claim({.token = "large", .max_connections = 200});
  EXPECT_EQ(instance.state, InstanceState::running);
  EXPECT_GE(std::stoi(node_->sql(instance.socket_directory, "SHOW max_connections").value()), 200);
}

TEST_F(BtrfsNodeTest, settings_take_effect_at_the_next_start) {
  const Instance instance = claim("configure");
  auto client = node_->client();
  nodeapi::InstanceSettings settings;
  settings.max_connections = 100;
  settings.suspend_after_s = 77;
  ASSERT_TRUE(node_->run(client.configure(instance.id, settings)).has_value());
  ASSERT_TRUE(node_->stop(instance.id).has_value());
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  EXPECT_GE(std::stoi(node_->sql(instance.socket_directory, "SHOW max_connections").value()), 100);
  EXPECT_EQ(read_manifest(node_->directory_of(instance.id))->suspend_after_s, 77);
  settings.size_class = "gigantic";
  EXPECT_EQ(node_->run(client.configure(instance.id, settings)).error().code,
            ErrorCode::invalid_request);
}

TEST_F(BtrfsNodeTest, the_owner_verifier_is_stored_inside) {
  const std::string verifier =
      "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2E=$"
      "vwpLEKVzDLsQ4l9xYHcZDlVnZ0yXv1nNTfLwOYoO3gY=:1JpgPEQbUuxlQ7EtDIkpM4oTkqYUyx6nxkZmuZL7vAk=";
  const Instance instance = claim({.token = "verifier", .owner_verifier = verifier});
  ASSERT_TRUE(node_->wait_until(
      [&] {
        return node_->sql(instance.socket_directory,
                          "SELECT rolpassword FROM pg_authid WHERE rolname = '" +
                              owner_role(instance.slug) + "'") == verifier;
      },
      10s));
  EXPECT_TRUE(node_->wait_until(
      [&] { return !read_manifest(node_->directory_of(instance.id))->has_pending_roles(); }, 5s));
}

TEST_F(BtrfsNodeTest, the_catalog_is_there_for_the_platform_only_and_comes_back) {
  const std::string sockets = node_->status()->catalog_socket_directory;
  EXPECT_EQ(node_->sql(sockets, "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database")
                .value(),
            "postgres,postgres_control,template0,template1");
  EXPECT_EQ(node_
                ->sql(sockets,
                      "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles "
                      "WHERE rolcanlogin")
                .value(),
            "howdah_admin,howdah_monitor");
  const auto file = os::read_file(node_->config.data_dir / "catalog/data/postmaster.pid");
  ASSERT_EQ(::kill(std::stoi(*file), SIGKILL), 0);
  EXPECT_TRUE(node_->wait_until(
      [&] { return node_->sql(sockets, "SELECT 1", "postgres_control").has_value(); }, 10s));
}

TEST_P(NodeTest, a_new_agent_adopts_what_runs_and_knows_what_sleeps) {
  const Instance awake = claim("adopt-awake");
  const Instance asleep = claim("adopt-asleep");
  ASSERT_TRUE(node_->stop(asleep.id).has_value());
  auto client = node_->client();
  const std::string boot = node_->run(client.journal(0, 0ms))->boot_id;
  ASSERT_TRUE(node_->leave());
  EXPECT_EQ(::kill(static_cast<pid_t>(*awake.pid), 0), 0);
  const auto started = node_->start();
  ASSERT_TRUE(started.has_value()) << started.error().to_log();

  EXPECT_NE(node_->run(client.journal(0, 0ms))->boot_id, boot);
  const auto now = node_->show(awake.id);
  EXPECT_EQ(now->state, InstanceState::running);
  EXPECT_EQ(now->pid, awake.pid);
  EXPECT_EQ(claim("adopt-awake").id, awake.id);
  EXPECT_EQ(state_of(asleep.id), InstanceState::stopped);
  EXPECT_TRUE(node_->acquire(asleep.id).has_value());
  EXPECT_TRUE(node_->wait_for_spares());
  // An adopted one is watched like any other.
  ASSERT_EQ(::kill(static_cast<pid_t>(*awake.pid), SIGKILL), 0);
  EXPECT_TRUE(node_->wait_for_state(awake.id, InstanceState::stopped));
}

TEST_F(BtrfsNodeTest, adopted_ones_stay_awake_while_their_holders_find_the_new_agent) {
  const Instance instance = claim({.token = "grace", .suspend_after_s = 1});
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  ASSERT_TRUE(node_->leave());
  node_->config.adoption_grace = 3s;
  ASSERT_TRUE(node_->start().has_value());
  node_->config.adoption_grace = 0s;
  node_->run_for(2s);
  EXPECT_EQ(state_of(instance.id), InstanceState::running);
  EXPECT_TRUE(node_->wait_for_state(instance.id, InstanceState::stopped));
}

TEST_F(BtrfsNodeTest, a_new_agent_removes_the_half_made_and_leaves_the_unreadable_alone) {
  const Instance half = claim("half");
  const Instance unreadable = claim("unreadable");
  ASSERT_TRUE(node_->leave());
  // As if the agent had died before the manifest was written: its postmaster runs.
  std::filesystem::remove(node_->directory_of(half.id) / "instance.json");
  std::ofstream(node_->directory_of(unreadable.id) / "instance.json") << "{";
  ASSERT_TRUE(node_->start().has_value());
  EXPECT_FALSE(std::filesystem::exists(node_->directory_of(half.id)));
  EXPECT_NE(::kill(static_cast<pid_t>(*half.pid), 0), 0);
  EXPECT_TRUE(std::filesystem::exists(node_->directory_of(unreadable.id) / "data"));
  EXPECT_EQ(node_->show(unreadable.id).error().code, ErrorCode::not_found);
  ::kill(static_cast<pid_t>(*unreadable.pid), SIGKILL);
}

TEST_F(BtrfsNodeTest, owners_that_a_power_cut_took_back_are_set_again) {
  const Instance instance = claim("owner");
  const os::Path directory = node_->directory_of(instance.id);
  EXPECT_FALSE(read_manifest(directory)->owner_durable);
  ASSERT_TRUE(node_->stop(instance.id).has_value());
  ASSERT_TRUE(node_->leave());
  const auto maker = os::find_user("nobody");
  ASSERT_TRUE(os::change_owner_tree(directory / "data", maker->uid, maker->gid).has_value());
  ASSERT_TRUE(node_->start().has_value());
  EXPECT_TRUE(node_->acquire(instance.id).has_value());
  EXPECT_TRUE(node_->wait_until([&] { return read_manifest(directory)->owner_durable; }, 20s));
}

// System V segments and files in /dev/shm of a uid.
std::size_t shared_memory_count(uid_t uid) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    struct stat info{};
    count += ::lstat(entry.path().c_str(), &info) == 0 && info.st_uid == uid;
  }
  std::ifstream table("/proc/sysvipc/shm");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string key, id, mode, size, creator, last, attached;
    uid_t owner = 0;
    fields >> key >> id >> mode >> size >> creator >> last >> attached >> owner;
    count += owner == uid;
  }
  return count;
}

TEST_F(BtrfsNodeTest, shared_memory_of_an_instance_ends_with_it_and_is_never_the_machines) {
  const Instance instance = claim("memory");
  const uid_t uid = read_manifest(node_->directory_of(instance.id))->uid;
  EXPECT_EQ(shared_memory_count(uid), 0U);
  ASSERT_EQ(::kill(static_cast<pid_t>(*instance.pid), SIGKILL), 0);
  ASSERT_TRUE(node_->wait_for_state(instance.id, InstanceState::stopped));
  EXPECT_EQ(shared_memory_count(uid), 0U);
}

TEST(NodeWithoutSandboxTest, removal_gives_back_shared_memory_also_after_a_crash) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
  TestNode node(VolumeChoice::btrfs, 0);
  node.config.sandbox = os::SandboxMode::off;
  ASSERT_TRUE(node.start().has_value());
  const auto one = node.claim("memory-1");
  const auto two = node.claim("memory-2");
  ASSERT_TRUE(one && two);
  const uid_t uid_one = read_manifest(node.directory_of(one->id))->uid;
  const uid_t uid_two = read_manifest(node.directory_of(two->id))->uid;
  ASSERT_EQ(::kill(static_cast<pid_t>(*one->pid), SIGKILL), 0);
  ASSERT_TRUE(node.wait_for_state(one->id, InstanceState::stopped));
  EXPECT_GT(shared_memory_count(uid_one), 0U);
  EXPECT_GT(shared_memory_count(uid_two), 0U);
  ASSERT_TRUE(node.remove(one->id, true).has_value());
  ASSERT_TRUE(node.remove(two->id, true).has_value());
  EXPECT_EQ(shared_memory_count(uid_one), 0U);
  EXPECT_EQ(shared_memory_count(uid_two), 0U);
}

TEST_F(BtrfsNodeTest, a_stopped_one_has_no_socket_directory) {
  const Instance instance = claim("sockets");
  EXPECT_TRUE(std::filesystem::exists(instance.socket_directory));
  ASSERT_TRUE(node_->stop(instance.id).has_value());
  EXPECT_FALSE(std::filesystem::exists(instance.socket_directory));
}

TEST_F(BtrfsNodeTest, a_second_agent_on_the_folder_is_refused) {
  const auto second = open_environment(node_->config);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::already_running);
}

// The thread that connects has the gate's identity while this lives.
class AsUser {
 public:
  explicit AsUser(os::UserIds ids) {
    ::syscall(SYS_setresgid, -1, ids.gid, -1);
    ::syscall(SYS_setresuid, -1, ids.uid, -1);
  }
  ~AsUser() {
    ::syscall(SYS_setresuid, -1, 0, -1);
    ::syscall(SYS_setresgid, -1, 0, -1);
  }
};

TEST_F(BtrfsNodeTest, a_gate_may_keep_instances_awake_and_nothing_else) {
  const Instance instance = claim("gate");
  // Its group is the one that the socket belongs to.
  const os::UserIds gate{os::find_user("daemon")->uid, os::find_user("nobody")->gid};
  auto client = node_->client();
  const AsUser as_gate(gate);
  EXPECT_TRUE(node_->run(client.status()).has_value());
  EXPECT_TRUE(node_->run(client.instance(instance.id)).has_value());
  EXPECT_TRUE(node_->run(client.acquire(instance.id, {"gate:1", "", 60})).has_value());
  EXPECT_EQ(node_->run(client.acquire(instance.id, {"job:1", "", 60})).error().code,
            ErrorCode::forbidden);
  EXPECT_TRUE(node_->run(client.renew("gate:1", {instance.id}, 60)).has_value());
  EXPECT_TRUE(node_->run(client.release(instance.id, "gate:1")).has_value());
  EXPECT_EQ(node_->run(client.release(instance.id, "job:1")).error().code, ErrorCode::forbidden);
  EXPECT_EQ(node_->run(client.remove(instance.id, true)).error().code, ErrorCode::forbidden);
  EXPECT_EQ(node_->run(client.claim({.token = "x"})).error().code, ErrorCode::forbidden);
  EXPECT_EQ(node_->run(client.instances()).error().code, ErrorCode::forbidden);
  EXPECT_EQ(node_->run(client.shutdown()).error().code, ErrorCode::forbidden);
}

TEST_F(BtrfsNodeTest, a_stranger_is_refused) {
  const AsUser stranger({os::find_user("games")->uid, os::find_user("nobody")->gid});
  auto client = node_->client();
  EXPECT_EQ(node_->run(client.status()).error().code, ErrorCode::forbidden);
}

TEST(FullNodeTest, a_volume_that_is_nearly_full_refuses_claims_and_says_so) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
  // Of its own: btrfs gives the room back to its metadata only after a while.
  TestNode node(VolumeChoice::btrfs, 0);
  ASSERT_TRUE(node.start());
  const os::Path volume = node.config.data_dir / "volume", hog = volume / "hog";
  {
    const auto fd = os::open_file(hog, O_RDWR | O_CREAT);
    const auto free = os::disk_space(volume)->free_bytes;
    ASSERT_EQ(::posix_fallocate(fd->get(), 0, static_cast<off_t>(free - 60_MiB)), 0);
  }
  // btrfs counts it at the end of its transaction.
  ASSERT_TRUE(sync_file_system(volume).has_value());
  const auto refused = node.claim("full");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::volume_full);
  std::filesystem::remove(hog);
  ASSERT_TRUE(sync_file_system(volume).has_value());
  EXPECT_TRUE(node.wait_until([&] { return node.claim("full").has_value(); }, 40s));
}

class TightNodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    node_ = std::make_unique<TestNode>(VolumeChoice::copy, 0);
    node_->config.memory = [this] { return Result<os::MemoryInfo>(given_ ? given_() : memory_); };
    const auto started = node_->start();
    ASSERT_TRUE(started) << started.error().to_log();
  }
  Instance claim(const std::string& token) {
    auto instance = node_->claim(token);
    if (!instance) throw std::runtime_error(instance.error().to_log());
    return *instance;
  }
  InstanceState state_of(const Instance& instance) {
    return node_->show(instance.id).value().state;
  }

  os::MemoryInfo memory_{8_GiB, 4_GiB};
  std::function<os::MemoryInfo()> given_;
  std::unique_ptr<TestNode> node_;
};

TEST_F(TightNodeTest, without_memory_for_one_more_a_start_is_refused_and_nothing_else_happens) {
  const Instance held = claim("held"), other = claim("other");
  ASSERT_TRUE(node_->acquire(held.id));
  ASSERT_TRUE(node_->run(node_->client().stop(other.id, true)));
  memory_.available_bytes = 100_MiB;
  const auto refused = node_->acquire(other.id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::memory_full) << refused.error().to_log();
  EXPECT_NE(refused.error().hint, "");
  EXPECT_EQ(state_of(other), InstanceState::stopped) << "it did not fail";
  EXPECT_EQ(state_of(held), InstanceState::running) << "who is in use stays";
  EXPECT_EQ(node_->claim("new").error().code, ErrorCode::memory_full);
  memory_.available_bytes = 4_GiB;
  EXPECT_TRUE(node_->acquire(other.id));
  EXPECT_TRUE(node_->claim("new"));
}

TEST_F(TightNodeTest, idle_instances_make_room_the_longest_idle_first) {
  const Instance oldest = claim("oldest");
  const Instance older = claim("older");
  const Instance asleep = claim("asleep");
  ASSERT_TRUE(node_->run(node_->client().stop(asleep.id, true)));
  // Too little at the first look; one that goes gives enough.
  given_ = [looks = 0]() mutable { return os::MemoryInfo{8_GiB, looks++ == 0 ? 240_MiB : 2_GiB}; };
  const auto woken = node_->acquire(asleep.id);
  ASSERT_TRUE(woken) << woken.error().to_log();
  EXPECT_EQ(state_of(oldest), InstanceState::stopped);
  EXPECT_EQ(state_of(older), InstanceState::running);
}

TEST_P(NodeTest, shutdown_leaves_no_process_and_no_mount_and_loses_nothing) {
  const Instance instance = claim("shutdown");
  ASSERT_TRUE(node_->sql(instance.socket_directory, "CREATE TABLE public.kept AS SELECT 42 AS x")
                  .has_value());
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  auto client = node_->client();
  const auto done = node_->run(client.shutdown());
  ASSERT_TRUE(done.has_value()) << done.error().to_log();
  EXPECT_TRUE(node_->folders.processes().empty());
  EXPECT_FALSE(node_->folders.mounted());
  ASSERT_TRUE(node_->leave());

  const auto started = node_->start();
  ASSERT_TRUE(started.has_value()) << started.error().to_log();
  EXPECT_EQ(state_of(instance.id), InstanceState::stopped);
  EXPECT_EQ(claim("shutdown").id, instance.id);
  ASSERT_TRUE(node_->acquire(instance.id).has_value());
  EXPECT_EQ(node_->sql(instance.socket_directory, "SELECT x FROM public.kept").value(), "42");
}

}  // namespace
}  // namespace howdah::node
