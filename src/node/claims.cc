// SPDX-License-Identifier: Apache-2.0
#include "node/claims.h"

#include <utility>

#include "model/names.h"
#include "model/server_settings.h"

namespace howdah::node {
namespace {

// What a claim sets of a manifest.
void apply(const Manifest& settings, Manifest& manifest) {
  manifest.token = settings.token;
  manifest.size_class = settings.size_class;
  manifest.suspend_after_s = settings.suspend_after_s;
  manifest.max_connections = settings.max_connections;
  manifest.settings = settings.settings;
  manifest.roles = settings.roles;
  manifest.roles.front().name = owner_role(manifest.slug);
  manifest.storage_limit_bytes = settings.storage_limit_bytes;
}

// Whether an instance that runs with the settings of `now` must be started anew for `wanted`.
bool needs_restart(const Manifest& now, const Manifest& wanted) {
  return now.size_class != wanted.size_class || now.settings != wanted.settings ||
         instance::server_connections(now.size_class, now.max_connections) <
             instance::server_connections(wanted.size_class, wanted.max_connections);
}

}  // namespace

Claims::Claims(Parts parts) : parts_(parts), flights_(parts.executor, parts.tasks) {}

Task<nodeapi::Instance> Claims::claim(nodeapi::ClaimRequest request) {
  UnitPtr unit = parts_.registry.find_claimed(request.token);
  if (!unit) {
    const std::string token = request.token;
    HOWDAH_CO_TRY(unit, co_await flights_.run(
                            token, std::bind_front(&Claims::serve, this, std::move(request))));
  }
  if (unit->retiring()) {
    co_return fail(ErrorCode::conflict, "the instance of this token is being removed",
                   "try again later");
  }
  co_return parts_.registry.view(*unit);
}

Task<UnitPtr> Claims::serve(nodeapi::ClaimRequest request) {
  parts_.spares.claim_begins();
  auto unit = co_await give(std::move(request));
  parts_.spares.claim_ends();
  co_return unit;
}

Task<UnitPtr> Claims::give(nodeapi::ClaimRequest request) {
  Environment& environment = parts_.environment;
  Manifest settings;
  HOWDAH_CO_TRY(const auto installation,
                instance::choose_installation(
                    environment.installations,
                    request.pg_major == 0 ? environment.pg_major_default() : request.pg_major));
  settings.pg_major = installation.major;
  settings.size_class = environment.size_class;
  if (!request.size_class.empty()) {
    HOWDAH_CO_TRY(settings.size_class, instance::parse_size_class(request.size_class));
  }
  settings.token = request.token;
  settings.suspend_after_s = request.suspend_after_s;
  settings.max_connections = request.max_connections;
  HOWDAH_CO_CHECK(check_server_settings(request.settings));
  settings.settings = request.settings;
  // Its name is the slug's, which is known when the instance is.
  settings.roles.push_back({{}, request.owner_verifier, {}});
  settings.storage_limit_bytes = request.storage_limit_bytes;
  HOWDAH_CO_CHECK(parts_.maker.check_space());

  UnitPtr unit = parts_.spares.take(settings.pg_major);
  if (unit) {
    HOWDAH_CO_TRY(unit, co_await give_spare(std::move(unit), settings));
  } else {
    HOWDAH_CO_TRY(unit, co_await parts_.maker.make(settings));
  }
  parts_.spares.note_use(settings.pg_major);
  unit->note_activity();
  parts_.roles.note_change(unit);
  co_return unit;
}

Task<UnitPtr> Claims::give_spare(UnitPtr unit, const Manifest& settings) {
  const bool restart = needs_restart(unit->manifest(), settings);
  auto saved = co_await unit->update(std::bind_front(&apply, settings));
  if (!saved) {
    parts_.spares.offer(std::move(unit));
    co_return std::unexpected(std::move(saved).error());
  }
  parts_.registry.note_claimed(unit);
  if (restart) {
    // It is claimed whatever comes of this: the next acquire starts it too.
    HOWDAH_CO_CHECK(co_await unit->ensure_stopped("new size", true));
    HOWDAH_CO_CHECK(co_await unit->ensure_running("new size"));
  }
  co_return unit;
}

}  // namespace howdah::node
