// SPDX-License-Identifier: Apache-2.0
// Keeps the route file in step with the table, without holding up who changes the table. Changes
// are saved in order; what queues up while the disk is busy is saved together.
// Owned by the gate, used on its one thread; run() must be running.
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "gate/route_file.h"
#include "gate/route_table.h"
#include "net/task.h"

namespace howdah::gate {

class RouteSaver {
 public:
  RouteSaver(asio::any_io_executor executor, asio::thread_pool& pool, os::Path path);

  // Fills the empty table from the file. Blocks; before run(). A file that cannot be read at all
  // is an error; a damaged one gives what it can.
  Result<void> load(RouteTable& table);

  // The table has just applied `update`.
  void save(RouteUpdate update);
  // Everything up to here is on disk.
  std::uint64_t saved_version() const { return saved_version_; }
  // Called each time saved_version() has changed.
  void on_saved(std::function<void()> observer) { on_saved_ = std::move(observer); }

  // table: the one that load() filled.
  Task<void> run(const RouteTable& table);
  // What is queued is still saved; then run() ends.
  void stop();

 private:
  asio::awaitable<Result<void>> save_queued(const RouteTable& table);

  asio::thread_pool& pool_;
  RouteFile file_;
  std::vector<RouteUpdate> queue_;
  bool queue_overflowed_ = false;  // the whole table must be saved
  std::uint64_t saved_version_ = 0;
  std::function<void()> on_saved_;
  asio::steady_timer changed_;
  bool stopping_ = false;
};

}  // namespace howdah::gate
