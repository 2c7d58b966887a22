// SPDX-License-Identifier: Apache-2.0
// The search, over folders with programs that only know how to tell their version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "instance/postgres_installation.h"

namespace howdah::instance {
namespace {

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() {
    std::string name = "/tmp/hs-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    search_.debian_root = folder_ / "debian";
    search_.search_path = false;
  }
  ~SearchTest() override { std::filesystem::remove_all(folder_); }

  void install(const os::Path& bin, const std::string& version) {
    std::filesystem::create_directories(bin);
    for (const char* name : {"postgres", "initdb"}) {
      std::ofstream(bin / name) << "#!/bin/sh\necho 'postgres (PostgreSQL) " << version << "'\n";
      std::filesystem::permissions(bin / name, std::filesystem::perms::owner_all);
    }
  }

  os::Path folder_;
  InstallationSearch search_;
};

TEST_F(SearchTest, debians_majors_are_found_oldest_first) {
  install(search_.debian_root / "17/bin", "17.2");
  install(search_.debian_root / "15/bin", "15.18 (Debian 15.18-1)");
  const auto found = find_installations(search_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].version, "15.18");
  EXPECT_EQ((*found)[1].major, 17);
  EXPECT_EQ((*found)[1].program("postgres"), search_.debian_root / "17/bin/postgres");
}

TEST_F(SearchTest, an_extra_folder_wins_with_or_without_bin) {
  install(search_.debian_root / "15/bin", "15.18");
  install(folder_ / "a/bin", "15.20");
  install(folder_ / "b", "16.1");
  search_.extra_directories = {folder_ / "a", folder_ / "b"};
  const auto found = find_installations(search_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].version, "15.20");
  EXPECT_EQ((*found)[1].bin_directory, folder_ / "b");
}

TEST_F(SearchTest, an_extra_folder_may_hold_a_folder_for_each_major) {
  install(folder_ / "many/13/bin", "13.23");
  install(folder_ / "many/18/bin", "18.4");
  search_.extra_directories = {folder_ / "many"};
  const auto found = find_installations(search_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].major, 13);
  EXPECT_EQ((*found)[1].bin_directory, folder_ / "many/18/bin");
}

TEST_F(SearchTest, of_two_extra_folders_with_one_major_the_first_wins) {
  install(folder_ / "a/bin", "16.1");
  install(folder_ / "b/bin", "16.9");
  search_.extra_directories = {folder_ / "a", folder_ / "b"};
  EXPECT_EQ(find_installations(search_)->at(0).version, "16.1");
}

TEST_F(SearchTest, client_programs_are_seen_beside_the_server) {
  install(search_.debian_root / "15/bin", "15.18");
  EXPECT_FALSE(find_installations(search_)->at(0).has_client_tools);
  for (const char* name : {"pg_dump", "pg_restore"}) {
    std::ofstream(search_.debian_root / "15/bin" / name) << "#!/bin/sh\n";
    std::filesystem::permissions(search_.debian_root / "15/bin" / name,
                                 std::filesystem::perms::owner_all);
  }
  EXPECT_TRUE(find_installations(search_)->at(0).has_client_tools);
}

TEST_F(SearchTest, a_folder_that_is_closed_to_the_users_of_instances_is_an_error) {
  if (::getuid() != 0) GTEST_SKIP() << "only root has other users to run it as";
  install(folder_ / "a/bin", "16.1");
  search_.extra_directories = {folder_ / "a"};
  search_.run_as = os::find_user("nobody");
  const auto found = find_installations(search_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::config_invalid);
  EXPECT_THAT(found.error().message, ::testing::HasSubstr("does not run as another user"));
  EXPECT_THAT(found.error().hint, ::testing::HasSubstr("every user"));
  std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  for (const char* name : {"postgres", "initdb"}) {
    std::filesystem::permissions(folder_ / "a/bin" / name, std::filesystem::perms(0755));
  }
  EXPECT_TRUE(find_installations(search_));
}

TEST_F(SearchTest, an_extra_folder_without_a_server_is_an_error) {
  install(search_.debian_root / "15/bin", "15.18");
  search_.extra_directories = {folder_ / "nothing"};
  const auto found = find_installations(search_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::config_invalid);
  EXPECT_THAT(found.error().message, ::testing::HasSubstr("nothing"));
}

TEST_F(SearchTest, an_extra_folder_with_an_unsupported_major_is_an_error) {
  install(folder_ / "old/bin", "12.9");
  search_.extra_directories = {folder_ / "old"};
  const auto found = find_installations(search_);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, ::testing::HasSubstr("13 to 18"));
}

TEST_F(SearchTest, without_any_server_the_error_tells_what_to_install) {
  const auto found = find_installations(search_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::no_postgres);
  EXPECT_THAT(found.error().hint, ::testing::HasSubstr("apt-get install postgresql-15"));
}

TEST_F(SearchTest, a_broken_server_is_passed_over) {
  install(search_.debian_root / "15/bin", "15.18");
  install(search_.debian_root / "16/bin", "16.1");
  std::ofstream(search_.debian_root / "16/bin/postgres") << "#!/bin/sh\nexit 1\n";
  const auto found = find_installations(search_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 1U);
}

}  // namespace
}  // namespace howdah::instance
