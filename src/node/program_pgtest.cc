// SPDX-License-Identifier: Apache-2.0
// The built program: how it starts, how it ends, and what is left when it is killed at any point.
#include "node/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "node/test_program.h"

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using nodeapi::Instance;
using nodeapi::InstanceState;
using testing::TestFolders;
using testing::TestProgram;

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
  }
  std::vector<std::string> flags(int spares) const {
    return {"--control-user",  "nobody", "--gate-user",   "daemon",
            "--volume-driver", "btrfs",  "--volume-size", "805306368",
            "--size-class",    "nano",   "--spares",      std::to_string(spares)};
  }
  nodeapi::Client client() { return {io_.get_executor(), program_.socket()}; }
  template <typename T>
  Result<T> run(Task<T> task, milliseconds limit = 60s) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    asio::co_spawn(io_, std::move(task),
                   [result](std::exception_ptr, Result<T> value) { *result = std::move(value); });
    run_until([&] { return result->has_value(); }, limit);
    if (!*result) return fail(ErrorCode::timeout, "no answer");
    return std::move(**result);
  }
  template <typename Condition>
  void run_until(Condition condition, milliseconds limit) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      if (io_.stopped()) io_.restart();
      io_.run_one_for(2ms);
    }
  }
  void run_for(milliseconds time) {
    run_until([] { return false; }, time);
  }

  // Every directory is an instance of the agent, and every postmaster works on one of them.
  void expect_nothing_half_made() {
    auto node = client();
    std::set<std::string> known;
    for (const Instance& instance : run(node.instances()).value()) known.insert(instance.id.str());
    std::set<std::string> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(folders_.root() / "data/volume/instances")) {
      found.insert(entry.path().filename());
    }
    EXPECT_EQ(found, known);
    std::set<std::string> served;
    for (const pid_t pid : folders_.processes()) {
      const std::string line =
          os::read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
      const std::size_t id = line.find("instances/i-");
      if (id == std::string::npos) continue;
      const std::string name = line.substr(id + 10, 14);
      EXPECT_TRUE(known.contains(name)) << name;
      EXPECT_TRUE(served.insert(name).second) << "two postmasters on " << name;
    }
  }

  TestFolders folders_;
  TestProgram program_{folders_.root()};
  asio::io_context io_{1};
};

TEST_F(ProgramTest, sigterm_leaves_instances_running_and_the_next_one_adopts_them) {
  ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
  auto node = client();
  const auto claimed = run(node.claim({.token = "kept"}));
  ASSERT_TRUE(claimed.has_value()) << claimed.error().to_log();
  program_.signal(SIGTERM);
  EXPECT_EQ(program_.wait(), 0) << program_.log();
  EXPECT_EQ(::kill(static_cast<pid_t>(*claimed->pid), 0), 0);
  ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
  EXPECT_EQ(run(node.instance(claimed->id))->pid, claimed->pid);
  ASSERT_TRUE(run(node.shutdown()).has_value());
  EXPECT_EQ(program_.wait(), 0) << program_.log();
  EXPECT_TRUE(folders_.processes().empty());
  EXPECT_FALSE(folders_.mounted());
}

TEST_F(ProgramTest, killed_at_any_point_of_a_claim_there_is_one_instance_or_none) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> delay_ms(0, 220);
  auto node = client();
  for (int round = 0; round < 12; ++round) {
    ASSERT_EQ(program_.start(flags(round % 3 == 0 ? 1 : 0)), std::nullopt) << program_.log();
    const std::string token = "round-" + std::to_string(round);
    std::optional<Result<Instance>> answer;
    asio::co_spawn(
        io_, node.claim({.token = token}),
        [&](std::exception_ptr, Result<Instance> result) { answer = std::move(result); });
    run_for(milliseconds{delay_ms(random)});
    program_.kill();
    run_until([&] { return answer.has_value(); }, 5s);
    ASSERT_TRUE(answer.has_value());

    ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
    const auto again = run(node.claim({.token = token}));
    ASSERT_TRUE(again.has_value()) << again.error().to_log();
    // What was acknowledged is never lost.
    if (*answer) EXPECT_EQ((*answer)->id, again->id);
    EXPECT_TRUE(run(node.acquire(again->id, {"gate:1", "", 60})).has_value()) << program_.log();
    expect_nothing_half_made();
    ASSERT_TRUE(run(node.remove(again->id, true)).has_value());
    program_.kill();
  }
}

TEST_F(ProgramTest, killed_at_any_point_of_a_removal_it_can_be_removed_again) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> delay_us(0, 25'000);
  auto node = client();
  ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
  for (int round = 0; round < 8; ++round) {
    const auto claimed = run(node.claim({.token = "remove-" + std::to_string(round)}));
    ASSERT_TRUE(claimed.has_value()) << claimed.error().to_log();
    bool answered = false;
    asio::co_spawn(io_, node.remove(claimed->id, false),
                   [&](std::exception_ptr, const Result<void>&) { answered = true; });
    const auto kill_at =
        std::chrono::steady_clock::now() + std::chrono::microseconds(delay_us(random));
    while (std::chrono::steady_clock::now() < kill_at) io_.poll();
    program_.kill();
    run_until([&] { return answered; }, 5s);
    ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
    EXPECT_TRUE(run(node.remove(claimed->id, false)).has_value());
    EXPECT_EQ(run(node.instance(claimed->id)).error().code, ErrorCode::not_found);
    EXPECT_FALSE(
        std::filesystem::exists(folders_.root() / "data/volume/instances" / claimed->id.str()));
    expect_nothing_half_made();
  }
}

TEST_F(ProgramTest, killed_at_its_first_start_the_second_one_makes_everything) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> delay_ms(50, 1'500);
  for (int round = 0; round < 3; ++round) {
    // It is killed from beside, while start() waits for it to be ready.
    std::thread killer([this, delay = delay_ms(random)] {
      std::this_thread::sleep_for(milliseconds{delay});
      for (const pid_t pid : folders_.processes()) {
        const std::string name =
            os::read_file("/proc/" + std::to_string(pid) + "/comm").value_or("");
        if (name.starts_with("howdah-node")) ::kill(pid, SIGKILL);
      }
    });
    (void)program_.start(flags(0));
    killer.join();
    program_.kill();
  }
  ASSERT_EQ(program_.start(flags(0)), std::nullopt) << program_.log();
  auto node = client();
  EXPECT_TRUE(run(node.claim({.token = "after"})).has_value());
  expect_nothing_half_made();
}

TEST_F(ProgramTest, works_without_root) {
  const auto nobody = os::find_user("nobody");
  ASSERT_TRUE(os::change_owner(folders_.root(), nobody->uid, nobody->gid).has_value());
  ASSERT_EQ(program_.start({"--spares", "0", "--size-class", "nano"}, nobody), std::nullopt)
      << program_.log();
  auto node = client();
  const auto claimed = run(node.claim({.token = "mine"}));
  ASSERT_TRUE(claimed.has_value()) << claimed.error().to_log();
  EXPECT_EQ(claimed->state, InstanceState::running);
  const auto status = run(node.status());
  EXPECT_EQ(status->volume_driver, "copy");
  EXPECT_THAT(status->degraded, ::testing::Contains(::testing::StartsWith("not root")));
  ASSERT_TRUE(run(node.shutdown()).has_value());
  EXPECT_EQ(program_.wait(), 0);
  EXPECT_TRUE(folders_.processes().empty());
}

TEST_F(ProgramTest, unusable_folders_and_flags_end_it_with_code_78_and_say_why) {
  constexpr int kConfigExit = 78;
  EXPECT_EQ(program_.start({"--spares", "many"}), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("config_invalid: flag --spares"));
  EXPECT_EQ(program_.start({"--control-user", "nosuchuser"}), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("nosuchuser"));

  const os::Path data = folders_.root() / "data";
  const std::vector<std::string> users{"--control-user", "nobody", "--gate-user", "daemon"};
  std::filesystem::create_directories(data);
  std::ofstream(data / "thesis.txt") << "x";
  EXPECT_EQ(program_.start(users), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("thesis.txt"));
  std::filesystem::remove(data / "thesis.txt");

  std::ofstream(data / "howdah.json") << R"({"id":"x","format":999})";
  EXPECT_EQ(program_.start(users), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("newer Howdah"));
  std::filesystem::remove(data / "howdah.json");

  ASSERT_TRUE(os::change_owner(data, 4242, 4242).has_value());
  EXPECT_EQ(program_.start(users), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("belongs to user 4242"));
  ASSERT_TRUE(os::change_owner(data, 0, 0).has_value());

  ASSERT_TRUE(os::make_directory(folders_.root(), 0700).has_value());
  EXPECT_EQ(program_.start(users), kConfigExit);
  EXPECT_THAT(program_.log(), ::testing::HasSubstr("chmod o+x"));
}

}  // namespace
}  // namespace howdah::node
