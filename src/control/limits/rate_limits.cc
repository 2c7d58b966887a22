// SPDX-License-Identifier: Apache-2.0
#include "control/limits/rate_limits.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cmath>

#include "crypto/random.h"
#include "net/fair_places.h"

namespace howdah::control {
namespace {

constexpr std::string_view kRead = "read";
constexpr std::string_view kWrite = "write";
constexpr std::string_view kFailure = "authentication";
constexpr std::int64_t kRateMax = 1'000'000'000;

std::string policy_header(std::string_view name, const Rate& rate) {
  return fmt::format("\"{}\";q={};w={}", name, static_cast<std::int64_t>(rate.burst),
                     static_cast<std::int64_t>(std::ceil(rate.burst / rate.per_second)));
}

std::string party_of(const http::Request& request) {
  error_code error;
  const auto address = asio::ip::make_address(request.remote_address, error);
  return error ? request.remote_address : net::party_of(address);
}

std::unexpected<Error> wrong(std::string_view part) {
  return fail(ErrorCode::config_invalid,
              fmt::format("flag --rate-limit: '{}' is not of the form NAME=PER_SECOND:BURST", part),
              "for example writes=100:2000,reads=50000:100000,failures=10:1000");
}

std::optional<double> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < 1 || value > kRateMax) return std::nullopt;
  return static_cast<double>(value);
}

Result<void> read_part(std::string_view part, RateLimitConfig& config) {
  const std::size_t equals = part.find('=');
  const std::size_t colon = part.find(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals) {
    return wrong(part);
  }
  const std::string_view name = part.substr(0, equals);
  const auto rate = number(part.substr(equals + 1, colon - equals - 1));
  const auto burst = number(part.substr(colon + 1));
  Rate* target = name == "reads"      ? &config.reads
                 : name == "writes"   ? &config.writes
                 : name == "failures" ? &config.failures
                                      : nullptr;
  if (!rate || !burst || target == nullptr) return wrong(part);
  *target = {*rate, *burst};
  return {};
}

}  // namespace

Result<RateLimitConfig> parse_rate_limits(std::string_view text) {
  RateLimitConfig config;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    HOWDAH_CHECK(read_part(part, config));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return config;
}

RateLimits::RateLimits(const RateLimitConfig& config)
    : seed_(crypto::random_number()),
      reads_{{config.reads, kKeys, seed_}, policy_header(kRead, config.reads)},
      writes_{{config.writes, kKeys, seed_}, policy_header(kWrite, config.writes)},
      failures_{{config.failures, kAddresses, seed_}, policy_header(kFailure, config.failures)},
      good_(kAddresses) {}

std::optional<RateLimits::Verdict> RateLimits::take(const Principal& caller, http::Method method) {
  if (caller.local || caller.key_id.empty()) return std::nullopt;
  const bool reads = method == http::Method::get || method == http::Method::head;
  Policy& policy = reads ? reads_ : writes_;
  const auto taken = policy.table.take(caller.key_id, BucketTable::Time::clock::now());
  return Verdict{taken.allowed, reads ? kRead : kWrite, taken.remaining, taken.wait_ms};
}

RateLimits::Verdict RateLimits::fail_from(const http::Request& request) {
  if (request.local_peer) return {};
  const auto taken = failures_.table.take(party_of(request), BucketTable::Time::clock::now());
  return {taken.allowed, kFailure, taken.remaining, taken.wait_ms};
}

std::uint64_t RateLimits::good_mark(const Principal& caller, const std::string& party) const {
  return seeded_hash(party, seeded_hash(caller.key_id, seed_));
}

RateLimits::Verdict RateLimits::check_address(const Principal& caller,
                                              const http::Request& request) {
  if (caller.local || caller.key_id.empty() || request.local_peer) return {};
  const std::string party = party_of(request);
  const std::uint64_t mark = good_mark(caller, party);
  std::uint64_t& slot = good_[mark % good_.size()];
  if (slot == mark) return {};
  const auto seen = failures_.table.look(party, BucketTable::Time::clock::now());
  if (!seen.allowed) return {false, kFailure, 0, seen.wait_ms};
  slot = mark;
  return {};
}

void RateLimits::add_headers(http::Response& response, const Verdict& verdict) const {
  const Policy& policy = verdict.policy == kRead    ? reads_
                         : verdict.policy == kWrite ? writes_
                                                    : failures_;
  response.headers["RateLimit-Policy"] = policy.header;
  response.headers["RateLimit"] = fmt::format("\"{}\";r={};t={}", verdict.policy, verdict.remaining,
                                              (verdict.wait_ms + 999) / 1000);
}

http::Response RateLimits::refusal(const Verdict& verdict, const http::Request& request) const {
  const std::int64_t wait_s = std::max<std::int64_t>(1, (verdict.wait_ms + 999) / 1000);
  const bool failures = verdict.policy == kFailure;
  Error error{ErrorCode::rate_limited,
              failures ? "too many calls from this address were not authenticated"
                       : fmt::format("this key makes too many {} calls", verdict.policy),
              fmt::format("try again in {} s; the header RateLimit-Policy names the limit", wait_s),
              {},
              {},
              {}};
  http::Response response = http::problem_response(error, request.path, request.request_id);
  response.headers["Retry-After"] = std::to_string(wait_s);
  add_headers(response, verdict);
  return response;
}

}  // namespace howdah::control
