// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/session_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "crypto/encode.h"

namespace howdah::control {
namespace {

// Field 22 of /proc/PID/stat, clock ticks since boot. The program's name, field 2, may hold spaces
// and parentheses, so fields are counted behind its last one.
Result<std::string> start_of_process(pid_t pid) {
  HOWDAH_TRY(const std::string stat, os::read_file(fmt::format("/proc/{}/stat", pid), 64_KiB));
  std::size_t place = stat.rfind(')');
  for (int field = 2; field < 22 && place != std::string::npos; ++field) {
    place = stat.find(' ', place + 1);
  }
  if (place == std::string::npos) return fail(ErrorCode::not_found, "no such process");
  const std::size_t end = stat.find(' ', place + 1);
  return stat.substr(place + 1, end - place - 1);
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

SessionKeys::SessionKeys(os::Path file) : file_(std::move(file)) {}

void SessionKeys::load() {
  const auto text = os::read_file(file_, 1_MiB);
  if (!text) return;
  const auto parsed = parse_json(*text);
  if (!parsed || !parsed->is_array()) {
    log::warn("api keys", "{} is damaged: its session keys are gone", file_.string());
    return;
  }
  for (const json::value& item : parsed->get_array()) {
    if (!item.is_object() || !item.get_object().contains("pid")) continue;
    const json::object& object = item.get_object();
    boost::system::error_code no_number;
    const auto pid = object.at("pid").to_number<pid_t>(no_number);
    auto hash = crypto::from_hex(text_of(object, "hash"));
    if (no_number || !hash || hash->size() != 32) continue;
    auto process = os::Process::adopt(pid);
    const auto started = start_of_process(pid);
    if (!process || !started || *started != text_of(object, "started")) continue;
    ApiKey key;
    key.id = text_of(object, "id");
    key.prefix = text_of(object, "prefix");
    key.name = text_of(object, "name");
    key.kind = "session";
    key.scope = Scope::admin;
    key.created_by = text_of(object, "created_by");
    key.created_at = parse_rfc3339(text_of(object, "created_at")).value_or(Timestamp{});
    key.hash = std::move(*hash);
    const std::string prefix = key.prefix;
    sessions_.insert_or_assign(prefix, Session{std::move(key), std::move(*process), *started});
  }
}

Result<void> SessionKeys::add(ApiKey key, pid_t pid) {
  drop_ended();
  if (sessions_.size() >= kKeysMax) {
    return fail(ErrorCode::rate_limited, "there are too many session keys");
  }
  // Adopted first: if the start time still reads afterwards, it is of the adopted process.
  HOWDAH_TRY(os::Process process, os::Process::adopt(pid));
  HOWDAH_TRY(const std::string started, start_of_process(pid));
  const std::string prefix = key.prefix;
  sessions_.insert_or_assign(prefix, Session{std::move(key), std::move(process), started});
  return save();
}

const ApiKey* SessionKeys::find(std::string_view prefix) {
  const auto found = sessions_.find(prefix);
  if (found == sessions_.end()) return nullptr;
  if (found->second.process.running()) return &found->second.key;
  sessions_.erase(found);
  return nullptr;
}

bool SessionKeys::has(std::string_view id) const {
  return std::ranges::any_of(sessions_, [id](const auto& entry) {
    return entry.second.key.id == id && entry.second.process.running();
  });
}

void SessionKeys::drop_ended() {
  std::erase_if(sessions_, [](const auto& entry) { return !entry.second.process.running(); });
}

Result<void> SessionKeys::save() const {
  json::array items;
  for (const auto& [prefix, session] : sessions_) {
    items.push_back({{"id", session.key.id},
                     {"prefix", prefix},
                     {"name", session.key.name},
                     {"created_by", session.key.created_by},
                     {"created_at", to_rfc3339(session.key.created_at)},
                     {"hash", crypto::to_hex(session.key.hash)},
                     {"pid", session.process.pid()},
                     {"started", session.started}});
  }
  return os::write_file_atomic(file_, json::serialize(items), 0600);
}

}  // namespace howdah::control
