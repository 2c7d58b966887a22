// SPDX-License-Identifier: Apache-2.0
// Keeps instances awake while sessions use them.
//
// The first session of an instance makes the node agent start and hold it; all sessions that come
// meanwhile wait for that one call. Holds are renewed together; the last session's end releases
// the hold a moment later, so that clients which connect for each query cost no call each.
// Without a node agent an instance that runs is still served: its socket is tried directly.
// Owned by the gate, used on its one thread; run() must be running.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/id.h"
#include "gate/metrics.h"
#include "net/task_group.h"
#include "nodeapi/client.h"

namespace howdah::gate {

struct WakerSettings {
  std::string holder;               // "gate:<id>"
  std::string instances_directory;  // RUN/i
  std::chrono::seconds hold_ttl{60};
  milliseconds renew_interval{20'000};
  milliseconds linger{500};       // from the last session's end to the release
  milliseconds wake_max{30'000};  // a session waits this long at most
  // An agent that has not answered for so long may hang: see whether the instance answers.
  milliseconds probe_interval{2'000};
  std::size_t waiting_max = 4096;  // sessions waiting for any instance
};

class Waker {
 public:
  Waker(asio::any_io_executor executor, nodeapi::Client& node, WakerSettings settings,
        Metrics& metrics);
  ~Waker();

  // One session's need of an instance. Must not outlive the waker.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

   private:
    friend class Waker;
    Lease(Waker* waker, InstanceId id) : waker_(waker), id_(std::move(id)) {}

    Waker* waker_ = nullptr;
    InstanceId id_;
  };

  Lease use(InstanceId id);

  // Waits until the instance accepts connections, as far as can be told, and is held; at once when
  // it is known to be. Errors: unavailable (no node agent), timeout, instance_failed and what else
  // the agent says; too_many_connections when too many sessions wait.
  Task<void> ensure_running(const Lease& lease);
  // It was thought to run but does not answer: the next ensure_running() asks the agent again.
  void doubt(const Lease& lease);

  std::string socket_path(const InstanceId& id) const;

  // Renews and releases, until stop().
  Task<void> run();
  // Releases every hold, at most for `limit`, and awaits what is under way.
  asio::awaitable<void> stop(milliseconds limit);

 private:
  using Clock = std::chrono::steady_clock;
  struct Call;  // one request about one instance that is under way
  struct Waiting;
  struct Instance {
    std::int64_t uses = 0;
    bool held = false;
    Clock::time_point idle_since;
    std::shared_ptr<Call> call;
  };

  void end_use(const InstanceId& id);
  std::shared_ptr<Call> start_acquire(const InstanceId& id, Instance& instance);
  asio::awaitable<void> acquire(InstanceId id, std::shared_ptr<Call> call);
  asio::awaitable<void> release(InstanceId id, std::shared_ptr<Call> call);
  void finish(const InstanceId& id, const std::shared_ptr<Call>& call, Result<void> outcome);
  Task<void> wait_for(InstanceId id, std::shared_ptr<Call> call, Clock::time_point give_up);
  void release_idle();
  asio::awaitable<void> renew();
  Clock::time_point next_release() const;

  asio::any_io_executor executor_;
  nodeapi::Client& node_;
  WakerSettings settings_;
  Metrics& metrics_;
  std::map<InstanceId, Instance> instances_;  // used, held, or being asked about
  std::size_t waiting_ = 0;
  asio::steady_timer changed_;
  net::TaskGroup calls_;
  bool stopping_ = false;
};

}  // namespace howdah::gate
