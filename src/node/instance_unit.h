// SPDX-License-Identifier: Apache-2.0
// One instance and its state machine: stopped -> starting -> running -> stopping -> stopped, and
// failed after a start that did not work.
//
// At most one transition is under way; it runs in the agent's task group, so that it goes on when
// the caller that asked for it is gone, and any number of callers wait for its end. Each change of
// state is one journal entry. A sleeping instance costs memory only.
// Owner: Registry, through shared pointers: a transition keeps its unit alive. One thread.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/task_group.h"
#include "net/turns.h"
#include "node/holds.h"
#include "node/journal.h"
#include "node/postmaster.h"
#include "node/restart_budget.h"

namespace howdah::node {

using nodeapi::InstanceState;

class InstanceUnit : public std::enable_shared_from_this<InstanceUnit> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // What a unit works with; all of it outlives the unit's transitions.
  struct Services {
    asio::any_io_executor executor;
    PostmasterSource& source;
    Journal& journal;
    Holds& holds;
    net::TaskGroup& transitions;
    net::TaskGroup& watchers;  // one task for each running instance
    // Makes a manifest durable.
    std::function<Task<void>(Manifest)> save;
    // After each change of state, with the one before.
    std::function<void(InstanceUnit&, InstanceState)> on_change;
    std::vector<milliseconds> restart_delays = RestartBudget::default_delays();
    // Before each start. An error: it is not started, and did not fail. Empty: always.
    std::function<Task<void>(Manifest)> admit = {};
    // Starts wait for their turn. null: all at once.
    net::Turns* turns = nullptr;
    // Awaited at each start, before it is running. An error is logged.
    std::function<Task<void>(std::shared_ptr<InstanceUnit>)> prepare = {};
    // Awaited at each clean stop, before the postmaster is told. An error is logged.
    std::function<Task<void>(std::shared_ptr<InstanceUnit>)> look_last = {};
  };

  InstanceUnit(Services& services, Manifest manifest);
  InstanceUnit(const InstanceUnit&) = delete;
  InstanceUnit& operator=(const InstanceUnit&) = delete;

  const Manifest& manifest() const { return manifest_; }
  // Changes the manifest, on the disk first. One change at a time; what it changes of the settings
  // takes effect at the next start.
  Task<void> update(std::function<void(Manifest&)> change);
  const InstanceId& id() const { return manifest_.id; }
  InstanceState state() const { return state_; }
  bool retiring() const { return retiring_; }
  std::optional<pid_t> pid() const;
  const std::string& last_failure() const { return last_failure_; }
  // null: it does not run, or is about to stop.
  std::shared_ptr<Postmaster> serving() const;

  // What it takes on the volume, kept by StorageWatch.
  struct Storage {
    bool measured = false;
    ByteCount bytes = 0;
    bool full = false;         // its limit is reached
    std::optional<bool> told;  // what the postmaster that serves was told of it
    std::int64_t bound = -1;   // the limit that the file system was given last; -1: none yet
    TimePoint due{};           // when it is to be measured again

    // Kept by DiskGuard. How often it was suspended since the volume had room; 0: it may write.
    int held_back = 0;
    TimePoint refused_until{};  // it is not started before that
    // With pg_wal: what it took some seconds ago, and last.
    std::optional<ByteCount> size_before, size_last;
    TimePoint rolled_at{};
    void note_size(ByteCount taken);
    ByteCount growth() const;  // between the two
    void forget_growth() { size_before = size_last; }
    // Whether it may only read.
    bool closed() const { return full || held_back > 0; }
  };
  Storage& storage() { return storage_; }
  const Storage& storage() const { return storage_; }
  Timestamp last_activity() const { return last_activity_; }

  // It begins to be without work now: after its start, or the end of the last hold.
  void note_activity();
  // When it may be suspended, unless somebody holds it then.
  TimePoint suspend_due() const;
  TimePoint idle_since() const { return idle_since_; }
  void keep_awake_until(TimePoint time) { awake_until_ = time; }
  TimePoint awake_until() const { return awake_until_; }

  // Success: it runs. Starts it where needed and waits; one start serves all callers.
  // reason: for the journal. Errors: instance_failed, timeout, not_found (it is being removed).
  Task<void> ensure_running(std::string reason);
  // Success: it does not run. Errors: instance_held when somebody holds it and not force.
  Task<void> ensure_stopped(std::string reason, bool force);
  // Begins a clean stop unless it is held, does not run or is in a transition. Does not wait.
  void suspend(std::string reason);
  // Stops it in the quickest way; from then on every start is refused, unless revive() is called.
  // Errors: instance_held as above.
  Task<void> retire(bool force);
  void revive() { retiring_ = false; }
  // Looks for a postmaster of an earlier agent; until it is known it is `starting`.
  void begin_adopt();
  // A postmaster that runs already.
  void attach(std::shared_ptr<Postmaster> postmaster, std::string reason);

 private:
  void set_state(InstanceState state, std::string reason);
  bool held() const;
  asio::awaitable<void> wait_change();
  void begin_start(std::string reason, bool automatic);
  void begin_stop(std::string reason, bool kill);
  Task<void> run_start(std::shared_ptr<InstanceUnit> self);
  Task<void> run_adopt(std::shared_ptr<InstanceUnit> self);
  Task<void> run_stop(std::shared_ptr<InstanceUnit> self, std::string reason, bool kill);
  Task<void> watch(std::shared_ptr<InstanceUnit> self, std::shared_ptr<Postmaster> postmaster);
  Task<void> read_log_tail(std::shared_ptr<InstanceUnit> self, std::string what);
  Task<void> restart_later(std::shared_ptr<InstanceUnit> self, milliseconds delay);
  void start_failed(Error error);
  void start_refused(Error error);
  void died(const instance::ExitReport& report);
  bool schedule_restart();

  Services& services_;
  Manifest manifest_;
  InstanceState state_ = InstanceState::stopped;
  bool retiring_ = false;
  std::shared_ptr<Postmaster> postmaster_;

  // Of the start that is under way or was last.
  std::uint64_t start_number_ = 0;
  std::string start_reason_;
  bool start_automatic_ = false;
  std::optional<Error> start_error_;

  RestartBudget restarts_;
  std::string last_failure_;
  Storage storage_;
  Timestamp last_activity_;
  TimePoint idle_since_{};
  TimePoint awake_until_{};
  bool updating_ = false;
  asio::steady_timer changed_;
};

// What happened to a postmaster, in words: "ended with exit code 1", "was killed by signal 9".
std::string describe_exit(const instance::ExitReport& report);

}  // namespace howdah::node
