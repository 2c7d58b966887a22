// SPDX-License-Identifier: Apache-2.0
#include "node/catalog_instance.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "instance/control_file.h"
#include "instance/hardening_store.h"
#include "instance/server_log.h"
#include "instance/template.h"
#include "node/catalog_store.h"
#include "node/owner.h"

namespace howdah::node {
namespace {

constexpr milliseconds kRestartDelayMin{50};
constexpr milliseconds kRestartDelayMax{5'000};
// It ran for this long: the next end is a new story.
constexpr std::chrono::seconds kStable{60};
// howdahd's pool, jobs, a dump and a person with psql.
constexpr std::int64_t kConnections = 60;
// Of CPU and disk, against 100 of a small database: everybody waits for it.
constexpr std::int64_t kWeight = 1'000;
// A manifest has a slug; the catalog is nobody's database, so nothing ever asks for this one.
constexpr const char* kNoSlug = "0catalog";
constexpr std::string_view kStart = "start the catalog";

os::Path making_mark(const instance::InstancePlace& place) {
  return place.directory.string() + ".making";
}

// All that the platform knows is in there: without the mark it was no half-made one.
Result<void> check_half_made(const instance::InstancePlace& place) {
  if (!std::filesystem::exists(place.data()) || std::filesystem::exists(making_mark(place))) {
    return {};
  }
  return fail(
      ErrorCode::data_folder_unusable,
      fmt::format("{} has a catalog but its instance.json is missing", place.directory.string()),
      "restore the folder from a backup");
}

// An empty data directory, whatever was there before.
Result<void> make_room(const instance::InstancePlace& place, std::optional<os::UserIds> owner) {
  HOWDAH_CHECK(os::write_file_atomic(making_mark(place), ""));
  HOWDAH_CHECK(os::remove_tree(place.directory));
  HOWDAH_CHECK(os::make_directory(place.directory, 0711));
  HOWDAH_CHECK(os::make_directory(place.data(), 0700));
  if (owner) HOWDAH_CHECK(os::change_owner(place.data(), owner->uid, owner->gid));
  return {};
}

// It was made by a user with a name, since initdb wants one, and gets its own uid now.
Result<void> give_away(const os::Path& data, std::optional<os::UserIds> owner) {
  if (!owner) return {};
  HOWDAH_CHECK(give_to_user(data, *owner));
  return sync_file_system(data);
}

Result<void> finish_making(const instance::InstancePlace& place, const Manifest& manifest) {
  HOWDAH_CHECK(write_manifest(place.directory, manifest));
  return os::remove_tree(making_mark(place));
}

}  // namespace

CatalogInstance::CatalogInstance(Environment& environment)
    : environment_(environment), place_(environment.catalog_place()) {}

std::string CatalogInstance::socket_directory() const {
  return place_.socket_directory.string();
}

Task<void> CatalogInstance::start() {
  auto manifest = read_manifest(place_.directory);
  if (!manifest && manifest.error().code != ErrorCode::not_found) {
    co_return std::unexpected(std::move(manifest).error().within("read the catalog's manifest"));
  }
  if (!manifest) co_return co_await make();
  manifest_ = std::move(*manifest);
  HOWDAH_CO_TRY(process_, co_await instance::InstanceProcess::adopt(
                              environment_.pool, place_, environment_.user_of(manifest_.uid)));
  adopted_ = process_ != nullptr;
  log_begin_bytes_ = instance::log_size(place_.log());
  if (adopted_) {
    log::info("catalog", "adopted, pid {}", process_->pid());
    co_return Result<void>{};
  }
  co_return co_await launch();
}

Task<void> CatalogInstance::make() {
  log::info("catalog", "making the catalog's instance");
  const auto begin = std::chrono::steady_clock::now();
  const auto maker =
      environment_.users.privileged ? std::optional(environment_.users.control) : std::nullopt;
  manifest_.id = InstanceId("catalog");
  manifest_.slug = kNoSlug;
  manifest_.token = "catalog";
  const instance::PostgresInstallation installation = environment_.catalog_installation();
  manifest_.pg_major = installation.major;
  manifest_.hardening = instance::hardening_id();
  manifest_.uid = environment_.catalog_uid();
  manifest_.size_class = instance::SizeClass::small;
  manifest_.max_connections = kConnections;
  manifest_.suspend_after_s = 0;
  manifest_.created_at = now();
  manifest_.owner_durable = true;

  HOWDAH_CO_CHECK(check_half_made(place_));
  // It may have been the instance's own server, or still the one that makes it.
  HOWDAH_CO_CHECK(co_await instance::end_unfinished_build(
      environment_.pool, place_, {maker ? maker->uid : ::getuid(), manifest_.uid}));
  HOWDAH_CO_CHECK(
      co_await net::offload(environment_.pool, std::bind_front(&make_room, place_, maker)));
  HOWDAH_CO_CHECK(co_await instance::build_template(
      environment_.pool, {installation, place_, maker, environment_.users.agent_name}));
  HOWDAH_CO_CHECK(co_await net::offload(
      environment_.pool,
      std::bind_front(&give_away, place_.data(), environment_.user_of(manifest_.uid))));
  HOWDAH_CO_TRY(const auto control, instance::read_control_file(place_.data()));
  manifest_.system_identifier = control.system_identifier;
  HOWDAH_CO_CHECK(co_await launch());
  HOWDAH_CO_CHECK(co_await prepare_catalog(place_));
  HOWDAH_CO_CHECK(
      co_await net::offload(environment_.pool, std::bind_front(&finish_making, place_, manifest_)));
  log::info(
      "catalog", "made it in {} ms",
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count());
  co_return Result<void>{};
}

instance::StartRequest CatalogInstance::start_request() const {
  instance::StartRequest request = environment_.start_request(manifest_, place_);
  // A gate never needs the catalog, so it has no way in.
  request.config.gate_users.clear();
  request.config.roles.clear();
  // The platform's own work must not end where a tenant's would.
  request.limits.memory_max = 0;
  request.limits.cpu_weight = request.limits.io_weight = kWeight;
  return request;
}

Task<void> CatalogInstance::launch() {
  instance::StartRequest request = start_request();
  auto installation = instance::choose_installation(environment_.installations, manifest_.pg_major);
  if (!installation) co_return std::unexpected(std::move(installation).error().within(kStart));
  request.installation = *std::move(installation);
  HOWDAH_CO_TRY(process_,
                co_await instance::InstanceProcess::start(environment_.pool, std::move(request)));
  log_begin_bytes_ = instance::log_size(place_.log());
  log::info("catalog", "started, pid {}", process_->pid());
  co_return Result<void>{};
}

Task<void> CatalogInstance::keep() {
  milliseconds delay = kRestartDelayMin;
  while (true) {
    const auto begin = std::chrono::steady_clock::now();
    if (process_) {
      HOWDAH_CO_TRY(const instance::ExitReport report, co_await process_->wait_exit());
      process_.reset();
      log::warn("catalog", "PostgreSQL ended (exit code {}): {}", report.exit_code.value_or(-1),
                instance::last_log_lines(place_.log(), log_begin_bytes_));
    }
    if (std::chrono::steady_clock::now() - begin > kStable) delay = kRestartDelayMin;
    co_await net::sleep_for(delay);
    delay = std::min(delay * 2, kRestartDelayMax);
    const auto launched = co_await launch();
    if (!launched) log::error("catalog", "cannot start: {}", launched.error().to_log());
  }
}

Task<void> CatalogInstance::stop() {
  if (!process_) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await process_->stop());
  process_.reset();
  co_return co_await net::offload(environment_.pool, [this] {
    return environment_.sandbox->release(instance::sandbox_name(place_));
  });
}

Task<void> CatalogInstance::stop_if_started() {
  if (adopted_) co_return Result<void>{};
  co_return co_await stop();
}

}  // namespace howdah::node
