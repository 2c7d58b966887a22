// SPDX-License-Identifier: Apache-2.0
// A new password as a durable job: stored first, then in force at the gates, then written into the
// instances. Cut off anywhere, it goes on; the caller has the password from the first answer on.
// Owner: Passwords; on the loop's thread.
#pragma once
#include <optional>
#include <string>

#include "control/databases/credential.h"
#include "control/passwords/password_store.h"
#include "control/passwords/rotation.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class RotateJob {
 public:
  static constexpr std::string_view kKind = "password.rotate";  // as its audit row

  RotateJob(Platform& platform, RoutePublisher& routes) : platform_(platform), routes_(routes) {}

  void add_to(JobEngine& jobs);

  struct Order {
    DatabaseId database_id;
    password_store::RolePasswords present;
    RotationWish wish;
    Credential credential;  // generation: the present one + 1
    Principal caller;
    std::string request_id;
  };
  // The job, leased to this process: call JobEngine::run_now with it. Errors: conflict while other
  // work on the database is not finished.
  Task<JobId> start(Order order);

  struct Outcome {
    DatabaseId database_id;
    std::string role;
    std::int64_t generation = 0;
    std::string password;
    std::chrono::seconds grace{0};
    bool cut_sessions = false;
    // Empty: the gates were not told yet. Else what is missing for it to be in force, as a
    // sentence, or nothing.
    std::optional<std::string> missing;
  };
  // For the answer to whoever asked for the job. Errors: seal_broken.
  Result<Outcome> outcome_of(const Job& job) const;

 private:
  Task<JobId> enqueue(Order order, pg::Connection& connection);
  Task<void> store(StepRun& run, pg::Connection& connection);
  Task<void> tell_gates(StepRun& run);
  Task<void> write_inside(StepRun& run);

  Platform& platform_;
  RoutePublisher& routes_;
};

}  // namespace howdah::control
