// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key on POST: a request that is sent again with the same key gets the answer of the
// first one, for 24 hours, whether or not howdahd ended in between. Answers are kept sealed: they
// may hold a password. Around every route (Routes::around_posts), so no feature knows of it, but
// for work whose answer a job outlives (effect.h).
// Owner: Service; on the loop's thread.
#pragma once
#include <map>
#include <string>

#include "control/idempotency/idempotency_store.h"
#include "control/platform.h"

namespace howdah::control {

class Idempotency final : public Feature {
 public:
  static constexpr std::size_t kKeySizeMax = 255;
  static constexpr std::int64_t kKeysMax = 100'000;  // of all callers, in 24 hours

  explicit Idempotency(Platform& platform) : platform_(platform) {}

  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;
  Task<void> start() override;

 private:
  // Errors: invalid_request (the key), unprocessable (another request had it), conflict (it is
  // running, or its answer is lost), limit_reached.
  Task<http::Response> run(Call call, CallHandler handler);
  Task<http::Response> carry_out(idempotency_store::Kept kept, Call call, CallHandler handler);
  Task<void> conclude(std::string id, const Result<http::Response>& result);
  Result<http::Response> replay(const idempotency_store::Kept& kept) const;
  Task<void> prune(StepRun& run, pg::Connection& connection);

  Platform& platform_;
  // howdahd is alone on its catalog, so what is not here does not run.
  std::map<std::string, std::string> running_;  // caller and key -> hash
  std::int64_t kept_ = 0;                       // about
};

}  // namespace howdah::control
