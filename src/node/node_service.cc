// SPDX-License-Identifier: Apache-2.0
#include "node/node_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "crypto/encode.h"
#include "crypto/random.h"
#include "node/inventory.h"
#include "node/orphans.h"
#include "node/owner.h"

namespace howdah::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kAdoptionWait{2'000};  // the API serves then, however many are left
constexpr milliseconds kLeaveLimit{8'000};
constexpr milliseconds kShutDownWorkLimit{90'000};
constexpr milliseconds kStopAllLimit{300'000};
constexpr milliseconds kServerDrain{2'000};
constexpr milliseconds kCloseLimit{5'000};
// A first start has better things to do than what may be needed some day.
constexpr milliseconds kOtherTemplatesCheck{1'000};
// At once: each writes a checkpoint.
constexpr int kStopping = 8;

// What an agent before this one left running beside instances, and their control groups.
bool end_strays(const Environment& environment, const std::vector<InstanceId>& maybe_running) {
  std::vector<std::string> kept{instance::sandbox_name(environment.catalog_place())};
  for (const InstanceId& id : maybe_running) kept.push_back(id.str());
  environment.sandbox->release_others(kept);
  return true;
}

}  // namespace

NodeService::NodeService(asio::any_io_executor executor, std::unique_ptr<Environment> environment)
    : executor_(executor),
      environment_(std::move(environment)),
      transitions_(executor),
      watchers_(executor),
      background_(executor),
      journal_(executor, crypto::to_hex(crypto::random_bytes(8))),
      source_(*environment_),
      registry_({executor, *environment_, source_, journal_, transitions_, watchers_}),
      admission_(registry_, environment_->config.memory),
      templates_(executor, *environment_, transitions_),
      owner_sync_(executor, *environment_),
      maker_({executor, *environment_, source_, templates_, registry_, owner_sync_, transitions_}),
      spares_(executor, *environment_, registry_, maker_),
      roles_({executor, *environment_, registry_, background_}),
      hardener_(*environment_, background_),
      claims_({executor, *environment_, registry_, maker_, spares_, roles_, transitions_}),
      suspender_(registry_),
      storage_watch_(*environment_, registry_),
      disk_guard_(*environment_, registry_, transitions_),
      log_keeper_(*environment_, registry_),
      catalog_(*environment_),
      routes_(*this, environment_->users),
      server_(executor, router_),
      ended_(executor) {
  ended_.expires_at(Clock::time_point::max());
  registry_.set_admission(std::bind_front(&NodeService::admit, this));
  registry_.observe(std::bind_front(&NodeService::on_change, this));
  registry_.prepare_with(std::bind_front(&NodeService::prepare, this));
  registry_.look_last_with(std::bind_front(&RoleKeeper::look_last, &roles_));
  routes_.add_to(router_);
}

NodeService::~NodeService() = default;

void NodeService::on_change(const UnitPtr& unit) {
  spares_.note_change(unit);
  hardener_.note_change(unit);
  roles_.note_change(unit);
  storage_watch_.note_change(unit);
}

Task<void> NodeService::admit(Manifest manifest) {
  HOWDAH_CO_CHECK(disk_guard_.admit(manifest));
  co_return co_await admission_.admit(std::move(manifest));
}

Task<void> NodeService::grow_volume(ByteCount size_bytes) {
  co_return co_await net::offload(
      environment_->pool,
      std::bind_front(&volume::Volume::grow, environment_->volume.get(), size_bytes));
}

Task<void> NodeService::prepare(UnitPtr unit) {
  HOWDAH_CO_CHECK(co_await hardener_.prepare(unit));
  co_return co_await roles_.prepare(unit);
}

Task<void> NodeService::start() {
  using namespace asio::experimental::awaitable_operators;
  auto [catalog, made] =
      co_await (catalog_.start() && templates_.ensure(environment_->pg_major_default()));
  HOWDAH_CO_CHECK(catalog);
  HOWDAH_CO_CHECK(made);
  background_.spawn("catalog", catalog_.keep());
  HOWDAH_CO_CHECK(co_await take_inventory());
  background_.spawn("node", spares_.run());
  background_.spawn("node", make_other_templates());
  background_.spawn("node", suspender_.run());
  background_.spawn("node", storage_watch_.run());
  if (environment_->config.disk_guard) background_.spawn("disk", disk_guard_.run());
  background_.spawn("node", log_keeper_.run());
  background_.spawn("node", owner_sync_.run());
  background_.spawn("node", roles_.run());

  const std::string path = environment_->folder.api_socket().string();
  HOWDAH_CO_TRY(auto acceptor, net::listen_unix(executor_, path, 0660));
  if (environment_->users.privileged) {
    HOWDAH_CO_CHECK(os::change_owner(path, 0, environment_->users.control.gid));
  }
  server_.serve(std::move(acceptor));
  co_return Result<void>{};
}

// The first database of another major version shall not wait for its initdb.
Task<void> NodeService::make_other_templates() {
  for (const auto& installation : environment_->installations) {
    while (!spares_.complete()) co_await net::sleep_for(kOtherTemplatesCheck);
    co_await net::sleep_for(kOtherTemplatesCheck);
    // Where there is no room for it, whoever asks for that major is told.
    if (!maker_.check_space()) co_return Result<void>{};
    HOWDAH_CO_CHECK(co_await templates_.ensure(installation.major));
  }
  co_return Result<void>{};
}

Task<void> NodeService::take_inventory() {
  HOWDAH_CO_TRY(const Inventory inventory,
                co_await net::offload(environment_->pool,
                                      std::bind_front(&read_inventory, std::cref(*environment_))));
  for (const InstanceId& id : inventory.half_made) {
    log::info("node", "removing {}, which was not finished", id.str());
    const auto discarded = co_await maker_.discard(id);
    if (!discarded) log::error("node", "cannot remove it: {}", discarded.error().to_log());
  }
  const auto removed = co_await net::offload(
      environment_->pool, [&] { return remove_orphans(find_orphans(*environment_, inventory)); });
  if (!removed) log::warn("orphans", "{}", removed.error().to_log());
  for (const uid_t uid : inventory.kept_uids) registry_.keep_uid(uid);
  for (const Manifest& manifest : inventory.instances) {
    registry_.add(manifest);
    if (!manifest.is_spare()) spares_.note_use(manifest.pg_major);
  }
  const auto awake_until = Clock::now() + environment_->config.adoption_grace;
  for (const InstanceId& id : inventory.maybe_running) {
    const UnitPtr unit = registry_.find(id);
    if (!unit) continue;
    unit->keep_awake_until(awake_until);
    unit->begin_adopt();
  }
  const auto give_up = Clock::now() + kAdoptionWait;
  while (transitions_.size() > 0 && Clock::now() < give_up) {
    co_await net::sleep_for(milliseconds{2});
  }
  std::size_t running = 0;
  for (const Manifest& manifest : inventory.instances) {
    const UnitPtr unit = registry_.find(manifest.id);
    running += unit->state() == InstanceState::running;
    if (!manifest.owner_durable) HOWDAH_CO_CHECK(co_await settle_owner(unit));
    if (manifest.is_spare()) spares_.offer(unit);
  }
  log::info("node", "{} instances, of which {} run", inventory.instances.size(), running);
  co_await net::offload(environment_->pool, std::bind_front(&end_strays, std::cref(*environment_),
                                                            inventory.maybe_running));
  co_return Result<void>{};
}

// Where it does not run, the machine may have lost power since it was made.
Task<void> NodeService::settle_owner(UnitPtr unit) {
  const auto user = environment_->user_of(unit->manifest().uid);
  if (user && unit->state() == InstanceState::stopped) {
    HOWDAH_CO_CHECK(co_await net::offload(
        environment_->pool,
        std::bind_front(&give_to_user, environment_->place_of(unit->id()).data(), *user)));
  }
  owner_sync_.note(std::move(unit));
  co_return Result<void>{};
}

nodeapi::NodeStatus NodeService::status(os::DiskSpace space) const {
  nodeapi::NodeStatus status;
  status.node_id = environment_->folder.node_id;
  status.version = HOWDAH_VERSION;
  status.volume_driver = environment_->volume->driver();
  status.volume_size_bytes = space.size_bytes;
  status.volume_free_bytes = space.free_bytes;
  status.volume_can_grow = environment_->volume->alone();
  status.volume_state = to_string(disk_guard_.state());
  status.volume_ballast_bytes = disk_guard_.ballast_bytes();
  status.volume_refuse_bytes = disk_guard_.thresholds().refuse;
  status.volume_suspend_bytes = disk_guard_.thresholds().suspend;
  status.instances_held_back = disk_guard_.held_back_count();
  for (const auto& one : environment_->installations) {
    status.postgres.push_back({one.major, one.version, one.bin_directory.string()});
  }
  for (const auto& [major, count] : registry_.claimed_majors()) {
    if (count == 0 || environment_->has_major(major)) continue;
    status.missing_postgres.push_back({major, static_cast<std::int64_t>(count)});
  }
  status.pg_major_default = environment_->pg_major_default();
  status.instances = static_cast<std::int64_t>(registry_.claimed_count());
  status.instances_running = static_cast<std::int64_t>(registry_.claimed_running_count());
  status.spares_ready = static_cast<std::int64_t>(spares_.ready_count());
  status.degraded = environment_->degraded;
  status.catalog_socket_directory = catalog_.socket_directory();
  return status;
}

// Nothing is known of a volume that is closed.
asio::awaitable<os::DiskSpace> NodeService::volume_space() {
  const auto space = co_await net::offload(
      environment_->pool, std::bind_front(&volume::Volume::space, environment_->volume.get()));
  co_return space.value_or(os::DiskSpace{0, 0});
}

Task<instance::LogPiece> NodeService::read_log(InstanceId id, instance::LogRange range) {
  if (!registry_.find(id)) co_return fail(ErrorCode::not_found, "there is no such instance");
  const os::Path log = environment_->place_of(id).log();
  co_return co_await net::offload(environment_->pool,
                                  std::bind_front(&instance::read_log, log, range));
}

Task<void> NodeService::remove(InstanceId id, bool force) {
  UnitPtr unit = registry_.find(id);
  if (!unit) co_return Result<void>{};
  co_return co_await maker_.remove(std::move(unit), force);
}

Task<os::Path> NodeService::set_aside(InstanceId id) {
  HOWDAH_CO_TRY(UnitPtr unit, registry_.require(id));
  co_return co_await maker_.set_aside(std::move(unit));
}

asio::awaitable<void> NodeService::wait_shut_down() {
  while (!shut_down_done_) co_await ended_.async_wait(net::kToken);
}

// Waits for transitions, claims and removals that are under way.
asio::awaitable<void> NodeService::end_work(milliseconds limit) {
  const auto give_up = Clock::now() + limit;
  while (transitions_.size() > 0 && Clock::now() < give_up) {
    co_await net::sleep_for(milliseconds{5});
  }
}

asio::awaitable<void> NodeService::leave() {
  closing_ = true;
  journal_.close();
  co_await background_.stop();
  co_await end_work(kLeaveLimit);
  co_await server_.stop(kServerDrain);
  co_await transitions_.stop();
  co_await watchers_.stop();
}

asio::awaitable<void> NodeService::abandon_start() {
  closing_ = true;
  co_await background_.stop();
  const auto stopped = co_await catalog_.stop_if_started();
  if (!stopped) log::error("catalog", "cannot stop: {}", stopped.error().to_log());
  co_await leave();
  // Not where instances of an earlier agent run.
  (void)environment_->volume->close();
}

Task<void> NodeService::shut_down() {
  log::info("node", "shutting down: {} instances run", registry_.active().size());
  closing_ = true;
  journal_.close();
  co_await background_.stop();
  co_await end_work(kShutDownWorkLimit);
  Result<void> result = co_await stop_instances();
  const auto catalog = co_await catalog_.stop();
  if (!catalog && result) result = catalog;
  if (result) co_await net::offload(environment_->pool, [this] { return end_groups(); });
  const auto closed = co_await close_volume();
  if (!closed && result) result = closed;
  if (!result) log::error("node", "shutdown: {}", result.error().to_log());
  shut_down_done_ = true;
  ended_.cancel();
  co_return result;
}

// With all that let go of their instance's lock.
bool NodeService::end_groups() {
  environment_->sandbox->release_others({});
  environment_->sandbox->close();
  return true;
}

Task<void> NodeService::stop_instances() {
  auto left =
      std::make_shared<std::vector<UnitPtr>>(registry_.active().begin(), registry_.active().end());
  auto failed = std::make_shared<std::size_t>(0);
  net::TaskGroup workers(executor_);
  for (int worker = 0; worker < kStopping; ++worker) {
    workers.spawn("node", stop_some(left, failed));
  }
  co_await workers.stop(kStopAllLimit);
  if (*failed == 0 && left->empty()) co_return Result<void>{};
  co_return fail(ErrorCode::timeout,
                 fmt::format("{} instances did not stop", *failed + left->size()));
}

asio::awaitable<void> NodeService::stop_some(std::shared_ptr<std::vector<UnitPtr>> left,
                                             std::shared_ptr<std::size_t> failed) {
  while (!left->empty()) {
    const UnitPtr unit = std::move(left->back());
    left->pop_back();
    const auto stopped = co_await unit->ensure_stopped("shutdown", true);
    if (!stopped || unit->pid()) ++*failed;
  }
}

Task<void> NodeService::close_volume() {
  const auto give_up = Clock::now() + kCloseLimit;
  while (true) {
    auto closed = co_await net::offload(
        environment_->pool, std::bind_front(&volume::Volume::close, environment_->volume.get()));
    if (closed || closed.error().code != ErrorCode::conflict || Clock::now() >= give_up) {
      co_return closed;
    }
    co_await net::sleep_for(milliseconds{50});
  }
}

}  // namespace howdah::node
