// SPDX-License-Identifier: Apache-2.0
#include "node/templates.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/log.h"
#include "instance/template.h"

namespace howdah::node {
namespace {

// An empty data directory, whatever was there before.
Result<void> make_room(volume::Volume& volume, const std::string& path,
                       std::optional<os::UserIds> owner) {
  HOWDAH_CHECK(volume.remove(path));
  HOWDAH_CHECK(volume.create_directory(path + "/data"));
  if (owner) {
    HOWDAH_CHECK(os::change_owner(volume.root() / path / "data", owner->uid, owner->gid));
  }
  return {};
}

}  // namespace

Task<std::string> Templates::ensure(int pg_major) {
  const auto ready = ready_.find(pg_major);
  if (ready != ready_.end()) co_return ready->second;
  co_return co_await flights_.run(pg_major, std::bind_front(&Templates::prepare, this, pg_major));
}

Task<std::string> Templates::prepare(int pg_major) {
  HOWDAH_CO_TRY(auto installation,
                instance::choose_installation(environment_.installations, pg_major));
  const instance::InstancePlace place = environment_.template_place(installation.major);
  const std::string path = "templates/" + place.directory.filename().string();
  if (!instance::template_is_ready(place)) {
    log::info("node", "making the template for PostgreSQL {}", installation.version);
    const auto begin = std::chrono::steady_clock::now();
    // initdb wants a user with a name, which those of instances do not have.
    const auto owner =
        environment_.users.privileged ? std::optional(environment_.users.control) : std::nullopt;
    HOWDAH_CO_CHECK(co_await instance::end_unfinished_build(environment_.pool, place,
                                                            {owner ? owner->uid : ::getuid()}));
    HOWDAH_CO_CHECK(co_await net::offload(
        environment_.pool,
        std::bind_front(&make_room, std::ref(*environment_.volume), path, owner)));
    auto built = co_await instance::build_template(
        environment_.pool, {std::move(installation), place, owner, environment_.users.agent_name});
    HOWDAH_CO_CHECK(built);
    (void)os::remove_tree(place.socket_directory);
    log::info(
        "node", "made the template in {} ms",
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count());
  }
  ready_[pg_major] = path + "/data";
  co_return path + "/data";
}

}  // namespace howdah::node
