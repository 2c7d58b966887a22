// SPDX-License-Identifier: Apache-2.0
#include "node/holds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const InstanceId kA{"i-aaaaaaaaaaaa"};
const InstanceId kB{"i-bbbbbbbbbbbb"};
const Holds::TimePoint kStart{1'000s};

TEST(Holds, one_is_held_until_its_end_and_not_at_its_end) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "session", 60}, kStart).value());
  EXPECT_TRUE(holds.held(kA, kStart + 60s - 1ns));
  EXPECT_FALSE(holds.held(kA, kStart + 60s));
  EXPECT_FALSE(holds.held(kB, kStart));
}

TEST(Holds, taking_again_renews_and_is_not_new) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "session", 60}, kStart).value());
  EXPECT_FALSE(holds.take(kA, {"gate:1", "later", 60}, kStart + 30s).value());
  EXPECT_TRUE(holds.held(kA, kStart + 89s));
  const auto shown = holds.of(kA, kStart + 31s);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].reason, "later");
}

TEST(Holds, taking_one_that_has_ended_is_new_although_it_was_not_swept) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "session", 60}, kStart).value());
  EXPECT_TRUE(holds.take(kA, {"gate:1", "session", 60}, kStart + 60s).value());
}

TEST(Holds, a_shorter_renewal_does_not_cut_a_longer_hold) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"job:1", "backup", 600}, kStart).has_value());
  EXPECT_THAT(holds.renew("job:1", {kA}, kStart, 5s), ElementsAre(kA));
  EXPECT_TRUE(holds.held(kA, kStart + 599s));
}

TEST(Holds, renewal_answers_only_those_still_held_by_that_holder) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "", 60}, kStart).has_value());
  ASSERT_TRUE(holds.take(kB, {"gate:2", "", 60}, kStart).has_value());
  EXPECT_THAT(holds.renew("gate:1", {kA, kB, InstanceId("i-unknown")}, kStart + 1s, 60s),
              ElementsAre(kA));
  EXPECT_THAT(holds.renew("gate:2", {kB}, kStart + 60s, 60s), IsEmpty());
}

TEST(Holds, release_of_one_holder_leaves_the_other) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "", 60}, kStart).has_value());
  ASSERT_TRUE(holds.take(kA, {"job:1", "", 60}, kStart).has_value());
  EXPECT_TRUE(holds.release(kA, "gate:1"));
  EXPECT_FALSE(holds.release(kA, "gate:1"));
  EXPECT_TRUE(holds.held(kA, kStart));
  EXPECT_TRUE(holds.release(kA, "job:1"));
  EXPECT_FALSE(holds.held(kA, kStart));
  EXPECT_EQ(holds.next_end(), std::nullopt);
}

TEST(Holds, expire_names_each_instance_once_and_in_order_of_end) {
  Holds holds;
  ASSERT_TRUE(holds.take(kB, {"gate:1", "", 10}, kStart).has_value());
  ASSERT_TRUE(holds.take(kA, {"gate:1", "", 20}, kStart).has_value());
  ASSERT_TRUE(holds.take(kB, {"gate:2", "", 30}, kStart).has_value());
  EXPECT_EQ(holds.next_end(), kStart + 10s);
  EXPECT_THAT(holds.expire(kStart + 9s), IsEmpty());
  EXPECT_THAT(holds.expire(kStart + 30s), ElementsAre(kB, kA));
  EXPECT_EQ(holds.next_end(), std::nullopt);
}

TEST(Holds, renewed_ones_do_not_expire_at_their_first_end) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "", 10}, kStart).has_value());
  ASSERT_THAT(holds.renew("gate:1", {kA}, kStart + 5s, 10s), ElementsAre(kA));
  EXPECT_THAT(holds.expire(kStart + 10s), IsEmpty());
  EXPECT_THAT(holds.expire(kStart + 15s), ElementsAre(kA));
}

TEST(Holds, release_all_forgets_every_holder_of_one_instance_only) {
  Holds holds;
  ASSERT_TRUE(holds.take(kA, {"gate:1", "", 10}, kStart).has_value());
  ASSERT_TRUE(holds.take(kA, {"gate:2", "", 10}, kStart).has_value());
  ASSERT_TRUE(holds.take(kB, {"gate:1", "", 10}, kStart).has_value());
  holds.release_all(kA);
  EXPECT_FALSE(holds.held(kA, kStart));
  EXPECT_THAT(holds.expire(kStart + 1h), ElementsAre(kB));
}

TEST(Holds, the_holder_over_the_limit_is_refused_and_a_known_one_is_not) {
  Holds holds;
  for (std::size_t n = 0; n < Holds::kHoldersMax; ++n) {
    ASSERT_TRUE(holds.take(kA, {"gate:" + std::to_string(n), "", 60}, kStart).has_value());
  }
  const auto refused = holds.take(kA, {"gate:more", "", 60}, kStart);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::rate_limited);
  EXPECT_TRUE(holds.take(kA, {"gate:0", "", 60}, kStart).has_value());
}

}  // namespace
}  // namespace howdah::node
