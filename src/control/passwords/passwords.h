// SPDX-License-Identifier: Apache-2.0
// Passwords of roles over time: new ones on request, those that users set by SQL as gates tell of
// them, and which are in use.
// Owner: make_features; on the loop's thread.
#pragma once
#include <map>
#include <tuple>

#include "control/passwords/rotate_job.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class Passwords final : public Feature {
 public:
  // Not yet written: more than this only while the catalog does not answer. Gates tell again.
  static constexpr std::size_t kChangesMax = 10'000;
  static constexpr std::size_t kLoginsMax = 100'000;

  Passwords(Platform& platform, RoutePublisher& routes);

  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

 private:
  Task<http::Response> rotate(Call call);
  Task<http::Response> plan(Call call, RotationWish wish);
  Task<http::Response> plan_rotation(DatabaseId id, RotationWish wish);
  Task<password_store::RolePasswords> check(DatabaseId id, RotationWish wish,
                                            pg::Connection& connection);
  Task<http::Response> resume_rotation(JobId id, std::string slug);
  Task<http::Response> answer_rotation(Job job, std::string slug);
  Task<http::Response> revoke_old(Call call, RotationWish wish);
  struct Revoked {
    std::int64_t ended = 0;
    password_store::RolePasswords before;
  };
  Task<Revoked> store_revoked(Call call, RotationWish wish, pg::Connection& connection);
  Task<http::Response> list(Call call);

  void collect_changes(std::vector<RoleChange> changes);
  void collect_logins(std::vector<LoginSeen> logins);
  using Stored = std::optional<password_store::ChangedRole>;
  Task<Stored> store_change(RoleChange change, pg::Connection& connection);
  Task<void> save_changes();
  Task<void> save_logins();
  asio::awaitable<void> change_loop();
  asio::awaitable<void> login_loop();
  Task<Published> publish_all_of(DatabaseId id);

  Platform& platform_;
  RoutePublisher& routes_;
  RotateJob rotating_;
  std::map<std::pair<BranchId, std::string>, RoleChange> changes_;
  std::map<std::tuple<BranchId, std::string, std::int64_t>, LoginSeen> logins_;
  Signal changed_;
  net::TaskGroup tasks_;
};

}  // namespace howdah::control
