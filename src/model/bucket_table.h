// SPDX-License-Identifier: Apache-2.0
// Token buckets for any number of parties in a table of constant size. Pure; one thread.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace howdah {

// burst: what a party that was silent may do at once; from then on per_second.
struct Rate {
  double per_second = 0;
  double burst = 0;
};

class BucketTable {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // slots: rounded up to whole sets of kWays. seed: secret, so nobody can aim at a set.
  BucketTable(Rate rate, std::size_t slots, std::uint64_t seed);

  struct Outcome {
    bool allowed = true;
    std::int64_t remaining = 0;  // whole tokens
    std::int64_t wait_ms = 0;    // until the next token; 0 where one is left
  };
  // Takes one token, if there is one. Cost: constant, no allocation.
  Outcome take(std::string_view party, Time now);
  // The same without taking it.
  Outcome look(std::string_view party, Time now);

  const Rate& rate() const { return rate_; }

 private:
  static constexpr std::size_t kWays = 8;
  struct Bucket {
    std::uint64_t tag = 0;  // 0: free
    double tokens = 0;
    Time at;
  };
  using Set = std::array<Bucket, kWays>;

  // A party that the table does not know takes the place of the one that has used least: that
  // one loses next to nothing.
  Bucket& bucket_of(std::string_view party, Time now);
  void refill(Bucket& bucket, Time now) const;
  Outcome outcome_of(const Bucket& bucket) const;

  Rate rate_;
  std::uint64_t seed_;
  std::vector<Set> sets_;
};

// Not for secrets, but not to be predicted without the seed.
std::uint64_t seeded_hash(std::string_view text, std::uint64_t seed);

}  // namespace howdah
