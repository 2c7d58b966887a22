// SPDX-License-Identifier: Apache-2.0
#include "os/uid_lease.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <vector>

#include "base/json.h"
#include "base/test_format_page.h"

namespace howdah::os {
namespace {

namespace fs = std::filesystem;

class UidLease : public testing::Test {
 protected:
  UidLease() {
    std::string name = "/tmp/howdah-os-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    fs::create_directory(folder_ / "etc");
  }
  ~UidLease() override { fs::remove_all(folder_); }

  Path make_folder(const std::string& name, const std::string& id) {
    const Path path = folder_ / name;
    fs::create_directory(path);
    (void)write_file_atomic(path / "howdah.json", fmt::format(R"({{"id":"{}","format":1}})", id));
    return path;
  }
  UidLeaseRequest request(const Path& data_dir, const std::string& id) const {
    return {data_dir, id, folder_ / "uids.json", folder_ / "etc"};
  }
  uid_t lease(const Path& data_dir, const std::string& id) const {
    const auto range = lease_uids(request(data_dir, id));
    EXPECT_TRUE(range) << range.error().to_log();
    return range ? range->first : 0;
  }
  Path folder_;
};

TEST_F(UidLease, a_folder_gets_the_same_range_each_time) {
  const Path a = make_folder("a", "A");
  const auto range = lease_uids(request(a, "A"));
  ASSERT_TRUE(range) << range.error().to_log();
  EXPECT_EQ(range->first, 1'000'000'000U);
  EXPECT_EQ(range->count, 65'536U);
  EXPECT_EQ(lease(a, "A"), 1'000'000'000U);
}

TEST_F(UidLease, a_range_that_was_given_back_is_not_listed_and_twice_is_no_error) {
  const Path file = folder_ / "uids.json";
  EXPECT_TRUE(release_uids("A", file)) << "there is no list yet";
  EXPECT_FALSE(fs::exists(file));
  lease(make_folder("a", "A"), "A");
  lease(make_folder("b", "B"), "B");
  ASSERT_TRUE(release_uids("A", file));
  ASSERT_TRUE(release_uids("A", file));
  const auto leases = uid_leases(file);
  ASSERT_TRUE(leases);
  ASSERT_EQ(leases->size(), 1U);
  EXPECT_EQ(leases->front().folder_id, "B");
}

TEST_F(UidLease, two_folders_never_share_a_range) {
  const uid_t a = lease(make_folder("a", "A"), "A");
  const uid_t b = lease(make_folder("b", "B"), "B");
  EXPECT_EQ(b, a + 65'536);
}

TEST_F(UidLease, a_folder_that_moved_keeps_its_range) {
  const Path a = make_folder("a", "A");
  const uid_t before = lease(a, "A");
  fs::rename(a, folder_ / "moved");
  EXPECT_EQ(lease(folder_ / "moved", "A"), before);
}

TEST_F(UidLease, a_copy_beside_its_original_is_refused) {
  const Path a = make_folder("a", "A");
  const uid_t original = lease(a, "A");
  const auto refused = lease_uids(request(make_folder("copy", "A"), "A"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::data_folder_unusable);
  EXPECT_NE(refused.error().message.find("is a copy of " + a.string()), std::string::npos);
  EXPECT_EQ(lease(a, "A"), original);
}

TEST_F(UidLease, the_documented_example_is_read_and_written_back) {
  const std::string example = format_page_examples("uid-leases").at(0);
  ASSERT_TRUE(write_file_atomic(folder_ / "uids.json", example));
  EXPECT_EQ(lease(make_folder("a", "A"), "A"), kUidFirst + 2 * kUidRangeSize);
  auto expected = parse_json(example).value();
  expected.at("leases").as_array().push_back({{"first", kUidFirst + 2 * kUidRangeSize},
                                              {"folder_id", "A"},
                                              {"path", (folder_ / "a").string()}});
  EXPECT_EQ(parse_json(read_file(folder_ / "uids.json").value()).value(), expected);
}

TEST_F(UidLease, ids_of_users_groups_and_containers_are_left_out) {
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/passwd",
                                "root:x:0:0::/:/bin/sh\nodd:x:1000000005:1::/:/bin/sh\n"));
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/group", "many:x:1000131071:\n"));
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/subuid", "odd:1000131072:65536\n"));
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/subgid", "odd:1000262143:1\n"));
  EXPECT_EQ(lease(make_folder("a", "A"), "A"), 1'000'000'000U + 4 * 65'536);
}

TEST_F(UidLease, broken_lines_of_other_files_are_no_hindrance) {
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/passwd", "\n:::\nx\n+::::::\nb:x:abc:1\n"));
  ASSERT_TRUE(write_file_atomic(folder_ / "etc/subuid", "x:1\n\n"));
  EXPECT_EQ(lease(make_folder("a", "A"), "A"), 1'000'000'000U);
}

TEST_F(UidLease, the_range_of_a_folder_that_is_gone_waits_until_the_list_is_long) {
  const Path gone = make_folder("gone", "G");
  const uid_t first = lease(gone, "G");
  fs::remove_all(gone);
  // It may be on a disk that comes back: not given to the next one.
  EXPECT_NE(lease(make_folder("a", "A"), "A"), first);

  std::string leases;
  for (std::size_t i = 0; i < kUidLeasesMax; ++i) {
    leases += fmt::format(R"({}{{"first":{},"folder_id":"id{}","path":"{}"}})", i ? "," : "",
                          kUidFirst + i * kUidRangeSize, i,
                          (folder_ / (i < 2 ? "a" : "nowhere")).string());
  }
  ASSERT_TRUE(write_file_atomic(folder_ / "uids.json",
                                fmt::format(R"({{"format":1,"leases":[{}]}})", leases)));
  (void)make_folder("a", "id0");  // only this one of them is still there
  EXPECT_EQ(lease(make_folder("b", "B"), "B"), kUidFirst + kUidRangeSize);
}

TEST_F(UidLease, a_damaged_file_is_said_and_not_replaced) {
  const Path a = make_folder("a", "A");
  for (const char* text : {"", "{", "[]", R"({"format":2,"leases":[]})", R"({"format":1})",
                           R"({"format":1,"leases":[{"first":5,"folder_id":"x","path":"/x"}]})",
                           R"({"format":1,"leases":[{"first":1000000000,"folder_id":"x"}]})"}) {
    ASSERT_TRUE(write_file_atomic(folder_ / "uids.json", text));
    const auto range = lease_uids(request(a, "A"));
    ASSERT_FALSE(range) << text;
    EXPECT_EQ(range.error().code, ErrorCode::data_folder_unusable);
    EXPECT_EQ(read_file(folder_ / "uids.json"), text);
  }
}

TEST_F(UidLease, many_at_once_get_different_ranges) {
  constexpr int kProcesses = 8;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const std::string id = std::to_string(i);
    const Path folder = make_folder(id, id);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(lease_uids(request(folder, id)) ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::set<uid_t> all;
  for (int i = 0; i < kProcesses; ++i) {
    all.insert(lease(folder_ / std::to_string(i), std::to_string(i)));
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kProcesses));
}

}  // namespace
}  // namespace howdah::os
