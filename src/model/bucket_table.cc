// SPDX-License-Identifier: Apache-2.0
#include "model/bucket_table.h"

#include <algorithm>
#include <cmath>

namespace howdah {
namespace {

// The finaliser of SplitMix64: every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

}  // namespace

std::uint64_t seeded_hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = mix(seed ^ text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(text.size(), sizeof word);
    for (std::size_t i = 0; i < size; ++i) {
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    }
    hash = mix(hash + 0x9E3779B97F4A7C15ULL + mix(word ^ seed));
    text.remove_prefix(size);
  }
  return hash;
}

BucketTable::BucketTable(Rate rate, std::size_t slots, std::uint64_t seed)
    : rate_(rate), seed_(seed), sets_(std::max<std::size_t>(1, (slots + kWays - 1) / kWays)) {}

void BucketTable::refill(Bucket& bucket, Time now) const {
  const std::chrono::duration<double> passed = now - bucket.at;
  if (passed.count() <= 0) return;
  bucket.tokens = std::min(rate_.burst, bucket.tokens + passed.count() * rate_.per_second);
  bucket.at = now;
}

BucketTable::Bucket& BucketTable::bucket_of(std::string_view party, Time now) {
  const std::uint64_t tag = std::max<std::uint64_t>(1, seeded_hash(party, seed_));
  Set& set = sets_[tag % sets_.size()];
  Bucket* fullest = &set.front();
  for (Bucket& bucket : set) {
    if (bucket.tag == 0)
      bucket = {0, rate_.burst + 1, now};  // before any that is taken
    else
      refill(bucket, now);
    if (bucket.tag == tag) return bucket;
    if (bucket.tokens > fullest->tokens) fullest = &bucket;
  }
  *fullest = {tag, rate_.burst, now};
  return *fullest;
}

BucketTable::Outcome BucketTable::outcome_of(const Bucket& bucket) const {
  Outcome outcome;
  outcome.allowed = bucket.tokens >= 1;
  outcome.remaining = static_cast<std::int64_t>(bucket.tokens);
  if (bucket.tokens < 1) {
    outcome.wait_ms =
        static_cast<std::int64_t>(std::ceil(1000 * (1 - bucket.tokens) / rate_.per_second));
  }
  return outcome;
}

BucketTable::Outcome BucketTable::look(std::string_view party, Time now) {
  return outcome_of(bucket_of(party, now));
}

BucketTable::Outcome BucketTable::take(std::string_view party, Time now) {
  Bucket& bucket = bucket_of(party, now);
  Outcome outcome = outcome_of(bucket);
  if (!outcome.allowed) return outcome;
  bucket.tokens -= 1;
  outcome = outcome_of(bucket);
  outcome.allowed = true;
  return outcome;
}

}  // namespace howdah
