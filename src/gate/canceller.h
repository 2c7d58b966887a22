// SPDX-License-Identifier: Apache-2.0
// Forwards cancel requests to instances, each on a connection of its own, as PostgreSQL wants it.
// Bounded in number and time; what exceeds it is dropped, as the protocol allows. No answer ever
// tells whether a key was right.
#pragma once
#include "gate/cancel_registry.h"
#include "gate/metrics.h"
#include "net/task_group.h"

namespace howdah::gate {

class Canceller {
 public:
  Canceller(asio::any_io_executor executor, const CancelRegistry& registry, Metrics& metrics)
      : executor_(executor), registry_(registry), metrics_(metrics), tasks_(executor) {}

  // A client's request. Returns when the instance has taken it, so that a client which waits for
  // the end of this connection knows that the cancel was sent.
  asio::awaitable<void> serve(pgwire::CancelRequest request);
  // Stops what a session that is being cut still runs, also a statement that is on its way and
  // begins only now; without waiting.
  void cut(CancelTarget target);

  asio::awaitable<void> stop(milliseconds limit) { return tasks_.stop(limit); }

 private:
  asio::awaitable<void> forward(CancelTarget target);
  asio::awaitable<void> forward_again(CancelTarget target);

  asio::any_io_executor executor_;
  const CancelRegistry& registry_;
  Metrics& metrics_;
  net::TaskGroup tasks_;
  std::size_t open_ = 0;
};

}  // namespace howdah::gate
