// SPDX-License-Identifier: Apache-2.0
// How often a key may call, and how often an address may fail to authenticate. Kept in memory, in
// tables of constant size; callers on the control socket are exempt. Pure; on the loop's thread.
//
// Headers are those of draft-ietf-httpapi-ratelimit-headers-08 (README.md):
//   RateLimit-Policy: "write";q=2000;w=20      q: burst; w: seconds in which it comes back whole
//   RateLimit: "write";r=1999;t=1              r: calls left; t: seconds until there is one more
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "control/principal.h"
#include "http/message.h"
#include "model/bucket_table.h"

namespace howdah::control {

struct RateLimitConfig {
  Rate reads{50'000, 100'000};
  Rate writes{100, 2'000};
  Rate failures{10, 1'000};
};
// "writes=100:2000,reads=50000:100000,failures=10:1000": calls per second and burst; parts that are
// left out keep their defaults. Errors: config_invalid.
Result<RateLimitConfig> parse_rate_limits(std::string_view text);

class RateLimits {
 public:
  static constexpr std::size_t kKeys = 4'096;
  static constexpr std::size_t kAddresses = 4'096;

  explicit RateLimits(const RateLimitConfig& config);

  struct Verdict {
    bool allowed = true;
    std::string_view policy;  // "read", "write"
    std::int64_t remaining = 0;
    std::int64_t wait_ms = 0;
  };
  // Of a caller who may make the call. Empty: exempt.
  std::optional<Verdict> take(const Principal& caller, http::Method method);
  // A call was not authenticated. Not allowed: its address has failed too often.
  Verdict fail_from(const http::Request& request);
  // A valid key came from an address that has failed too often: allowed only where that key came
  // from there before, so that guessing is limited and regular callers beside it are not shut out.
  Verdict check_address(const Principal& caller, const http::Request& request);

  void add_headers(http::Response& response, const Verdict& verdict) const;
  // 429 as a problem, with Retry-After.
  http::Response refusal(const Verdict& verdict, const http::Request& request) const;

 private:
  struct Policy {
    BucketTable table;
    std::string header;  // of RateLimit-Policy
  };
  std::uint64_t good_mark(const Principal& caller, const std::string& party) const;

  std::uint64_t seed_;
  Policy reads_, writes_, failures_;
  std::vector<std::uint64_t> good_;  // hashes of address and key that were seen together
};

}  // namespace howdah::control
