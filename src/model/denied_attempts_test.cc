// SPDX-License-Identifier: Apache-2.0
#include "model/denied_attempts.h"

#include <gtest/gtest.h>

#include <set>

namespace howdah {
namespace {

constexpr std::chrono::seconds kSecond{1};
const Timestamp kNow{std::chrono::milliseconds{1'767'000'000'000}};

DeniedAttempt attempt(const std::string& address, Timestamp at = kNow,
                      const std::string& branch = "b1") {
  return {BranchId(branch), address, 1, 0, at, at};
}

TEST(DeniedAttempts, attempts_of_one_address_are_one_with_a_count_and_two_times) {
  DeniedAttempts denied(10);
  denied.add(attempt("203.0.113.9", kNow + kSecond));
  denied.add(attempt("203.0.113.9"));
  denied.add({BranchId("b1"), "203.0.113.9", 0, 3, kNow, kNow + 2 * kSecond});
  denied.add(attempt("203.0.113.9", kNow, "b2"));
  const auto taken = denied.take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].direct_count, 2);
  EXPECT_EQ(taken[0].pooled_count, 3);
  EXPECT_EQ(taken[0].first_at, kNow);
  EXPECT_EQ(taken[0].last_at, kNow + 2 * kSecond);
  EXPECT_EQ(taken[1].branch_id, BranchId("b2"));
  EXPECT_TRUE(denied.empty());
}

TEST(DeniedAttempts, addresses_beyond_the_limit_are_counted_together) {
  DeniedAttempts denied(3);
  for (int i = 0; i < 1000; ++i) denied.add(attempt("10.0.0." + std::to_string(i)));
  denied.add(attempt("10.0.0.1"));
  EXPECT_EQ(denied.size(), 4u);
  std::int64_t sum = 0, together = 0;
  for (const auto& one : denied.take(100)) {
    sum += one.direct_count;
    if (one.address.empty()) together = one.direct_count;
  }
  EXPECT_EQ(sum, 1001) << "none is lost";
  EXPECT_EQ(together, 997);
}

TEST(DeniedAttempts, a_flood_of_some_addresses_does_not_keep_others_waiting) {
  DeniedAttempts denied(100);
  denied.add(attempt("9.9.9.9"));
  std::set<std::string> seen;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 4; ++i) denied.add(attempt("1.1.1." + std::to_string(i)));
    for (const auto& one : denied.take(2)) seen.insert(one.address);
  }
  EXPECT_TRUE(seen.contains("9.9.9.9"));
}

}  // namespace
}  // namespace howdah
