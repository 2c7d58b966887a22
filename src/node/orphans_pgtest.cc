// SPDX-License-Identifier: Apache-2.0
// Orphans of each kind, planted beside the same thing with an owner, which must stay.
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include <fstream>

#include "node/orphans.h"
#include "node/owner.h"
#include "node/test_node.h"

namespace howdah::node {
namespace {

using nodeapi::Instance;
using nodeapi::InstanceState;
using testing::TestNode;

// A user id of the folder's range that no instance has.
constexpr uid_t kNobodys = os::kUidFirst + os::kUidRangeSize - 7;

class OrphansTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    node_ = std::make_unique<TestNode>(VolumeChoice::btrfs, 0);
    ASSERT_TRUE(node_->start());
    owned_ = node_->claim("owned").value();
    uid_ = read_manifest(node_->directory_of(owned_.id))->uid;
  }
  void TearDown() override {
    for (os::Process& process : planted_) {
      (void)process.signal(SIGKILL);
      // A zombie is a process of its user.
      EXPECT_TRUE(node_->wait_until([&] { return process.reap().has_value(); }));
    }
  }

  // A server that nobody watches.
  pid_t plant_process(uid_t uid, const os::Path& works_in) {
    os::SpawnOptions options;
    options.arguments = {"/usr/bin/sleep", "600"};
    options.user = os::UserIds{uid, uid};
    options.working_directory = works_in;
    auto process = os::spawn(options);
    EXPECT_TRUE(process) << process.error().to_log();
    planted_.push_back(std::move(*process));
    return planted_.back().pid();
  }
  bool ended(std::size_t which) {
    return node_->wait_until([&] { return !planted_[which].running(); }, milliseconds{2'000});
  }
  os::Path volume() const { return node_->config.data_dir / "volume"; }
  void restart() {
    ASSERT_TRUE(node_->leave());
    ASSERT_TRUE(node_->start());
  }

  std::unique_ptr<TestNode> node_;
  Instance owned_;
  uid_t uid_ = 0;
  std::vector<os::Process> planted_;
};

TEST_F(OrphansTest, a_process_of_no_instance_is_ended_and_others_are_not) {
  plant_process(kNobodys, volume() / "instances");
  plant_process(kNobodys, "/tmp");                           // another folder's, for all we know
  plant_process(uid_, volume() / "instances");               // of an instance that is there
  plant_process(os::kUidFirst - 1, volume() / "instances");  // no user id of ours
  restart();
  EXPECT_TRUE(ended(0));
  for (const std::size_t other : {1U, 2U, 3U}) EXPECT_TRUE(planted_[other].running()) << other;
  EXPECT_EQ(node_->show(owned_.id)->state, InstanceState::running);
}

TEST_F(OrphansTest, a_socket_folder_of_no_instance_goes) {
  const os::Path sockets = node_->config.runtime_dir / "i";
  std::filesystem::create_directory(sockets / "i-000000000000");
  std::ofstream(sockets / "i-000000000000" / ".s.PGSQL.5432.lock") << "1";
  restart();
  EXPECT_FALSE(std::filesystem::exists(sockets / "i-000000000000"));
  EXPECT_TRUE(std::filesystem::exists(sockets / owned_.id.str()));
  EXPECT_TRUE(std::filesystem::exists(sockets / "catalog"));
  EXPECT_EQ(node_->sql(owned_.socket_directory, "SELECT 'here'").value_or(""), "here");
}

TEST_F(OrphansTest, shared_memory_of_no_instance_goes_unless_something_runs_under_its_user) {
  const auto plant = [](uid_t uid) {
    const int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    shmid_ds segment{};
    segment.shm_perm.uid = segment.shm_perm.gid = uid;
    segment.shm_perm.mode = 0600;
    EXPECT_EQ(::shmctl(id, IPC_SET, &segment), 0);
    return id;
  };
  const auto there = [](int id) {
    shmid_ds segment{};
    return ::shmctl(id, IPC_STAT, &segment) == 0;
  };
  const int orphan = plant(kNobodys);
  const int owned = plant(uid_);
  const int busy = plant(kNobodys - 1);
  plant_process(kNobodys - 1, "/tmp");
  restart();
  EXPECT_FALSE(there(orphan));
  EXPECT_TRUE(there(owned));
  EXPECT_TRUE(there(busy));
  for (const int id : {owned, busy}) ::shmctl(id, IPC_RMID, nullptr);
}

TEST_F(OrphansTest, one_that_is_set_aside_keeps_all_its_data_and_its_user_id) {
  const Instance orphan = node_->claim("orphan").value();
  const uid_t uid = read_manifest(node_->directory_of(orphan.id))->uid;
  const auto made =
      node_->sql(orphan.socket_directory, "CREATE TABLE public.kept AS SELECT 42 AS n");
  ASSERT_TRUE(made) << made.error().to_log();
  auto client = node_->client();
  ASSERT_TRUE(node_->acquire(orphan.id));
  EXPECT_EQ(node_->run(client.set_aside(orphan.id)).error().code, ErrorCode::instance_held);
  ASSERT_TRUE(node_->release(orphan.id));
  const auto aside = node_->run(client.set_aside(orphan.id));
  ASSERT_TRUE(aside) << aside.error().to_log();
  EXPECT_EQ(os::Path(*aside).parent_path(), volume() / kOrphansFolder);
  EXPECT_FALSE(std::filesystem::exists(node_->directory_of(orphan.id)));
  EXPECT_EQ(node_->show(orphan.id).error().code, ErrorCode::not_found);
  EXPECT_EQ(owner_of(os::Path(*aside) / "data").value_or(0), uid);
  restart();
  EXPECT_EQ(node_->show(orphan.id).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_manifest(*aside)->token, "orphan");

  // Moved back by hand it is what it was.
  ASSERT_TRUE(node_->leave());
  std::filesystem::rename(*aside, node_->directory_of(orphan.id));
  ASSERT_TRUE(node_->start());
  const Instance back = node_->acquire(orphan.id).value();
  EXPECT_EQ(node_->sql(back.socket_directory, "SELECT n FROM public.kept").value_or(""), "42");
}

}  // namespace
}  // namespace howdah::node
