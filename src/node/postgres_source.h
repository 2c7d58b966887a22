// SPDX-License-Identifier: Apache-2.0
// Real postmasters for the state machine.
#pragma once
#include "node/environment.h"
#include "node/postmaster.h"

namespace howdah::node {

// How an instance is started: everything but its moment. Errors: no_postgres when its major version
// is not installed any more.
Result<instance::StartRequest> start_request(const Environment& environment,
                                             const Manifest& manifest);

class PostgresSource : public PostmasterSource {
 public:
  explicit PostgresSource(Environment& environment) : environment_(environment) {}

  // Errors also: no_postgres when the instance's major version is not installed any more.
  Task<std::shared_ptr<Postmaster>> start(Manifest manifest) override;
  Task<std::shared_ptr<Postmaster>> adopt(Manifest manifest) override;
  asio::awaitable<std::string> log_tail(Manifest manifest) override;

 private:
  std::shared_ptr<Postmaster> wrap(std::shared_ptr<instance::InstanceProcess> process,
                                   const Manifest& manifest);

  Environment& environment_;
};

}  // namespace howdah::node
