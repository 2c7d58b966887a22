// SPDX-License-Identifier: Apache-2.0
#include "node/uid_lease.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <set>
#include <thread>

#include "node/folder_id.h"

namespace howdah::node {
namespace {

class UidLeaseTest : public testing::Test {
 protected:
  UidLeaseTest() {
    std::string name = "/tmp/hn-lease-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~UidLeaseTest() override { std::filesystem::remove_all(root_); }

  // A data folder; returns its id.
  std::string make_folder(const std::string& name) {
    std::filesystem::create_directories(root_ / name);
    return create_folder_id(root_ / name).value();
  }
  Result<UidRange> lease(const std::string& id, const std::string& name) {
    return lease_uids(root_ / "uids.json", id, root_ / name);
  }

  os::Path root_;
};

TEST_F(UidLeaseTest, each_folder_has_its_own_range_and_keeps_it) {
  const std::string a = make_folder("a"), b = make_folder("b");
  const auto first = lease(a, "a");
  ASSERT_TRUE(first.has_value()) << first.error().to_log();
  EXPECT_EQ(first->begin, kUidFirst);
  EXPECT_EQ(lease(b, "b")->begin, kUidFirst + kUidsPerFolder);
  EXPECT_EQ(lease(a, "a")->begin, first->begin);
}

TEST_F(UidLeaseTest, a_folder_that_was_moved_keeps_its_range) {
  const std::string a = make_folder("a");
  const auto first = lease(a, "a");
  std::filesystem::rename(root_ / "a", root_ / "moved");
  EXPECT_EQ(lease(a, "moved")->begin, first->begin);
  EXPECT_EQ(lease(make_folder("b"), "b")->begin, kUidFirst + kUidsPerFolder);
}

TEST_F(UidLeaseTest, a_copy_of_a_folder_that_is_still_there_is_refused) {
  const std::string a = make_folder("a");
  ASSERT_TRUE(lease(a, "a").has_value());
  std::filesystem::copy(root_ / "a", root_ / "copy", std::filesystem::copy_options::recursive);
  const auto refused = lease(a, "copy");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::data_folder_unusable);
}

TEST_F(UidLeaseTest, leases_at_the_same_time_are_never_the_same) {
  std::vector<std::string> ids;
  for (int n = 0; n < 8; ++n) ids.push_back(make_folder(std::to_string(n)));
  std::vector<uid_t> begins(ids.size());
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < ids.size(); ++n) {
    threads.emplace_back([&, n] { begins[n] = lease(ids[n], std::to_string(n))->begin; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<uid_t>(begins.begin(), begins.end()).size(), ids.size());
}

TEST_F(UidLeaseTest, a_damaged_lease_file_stops_the_start_instead_of_sharing_uids) {
  std::ofstream(root_ / "uids.json") << "[{";
  EXPECT_FALSE(lease(make_folder("a"), "a").has_value());
}

}  // namespace
}  // namespace howdah::node
