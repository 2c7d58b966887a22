// SPDX-License-Identifier: Apache-2.0
#include "control/extensions/extension.h"

#include <fmt/format.h>

#include <set>

#include "base/json.h"
#include "model/allowed_extensions.h"

namespace howdah::control {
namespace {

constexpr std::size_t kNameMax = 63;

std::string text_of(const json::object& object, std::string_view field) {
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object shown(const std::string& name, const ExtensionView& view) {
  const AllowedExtension* allowed = find_allowed_extension(name);
  const auto available = view.available.find(name);
  const bool known = available != view.available.end();
  json::array installed;
  for (const InstalledExtension& one : view.installed) {
    if (one.name != name) continue;
    installed.push_back(json::object{{"database", one.database},
                                     {"version", one.version},
                                     {"schema", one.schema},
                                     {"owner", one.owner}});
  }
  return {
      {"name", name},
      {"description", allowed != nullptr ? json::value(allowed->what) : json::value(nullptr)},
      {"allowed", allowed != nullptr},
      {"needs_preload", allowed != nullptr && allowed->needs_preload},
      {"available_version", known ? json::value(available->second.version) : json::value(nullptr)},
      {"trusted", known ? json::value(available->second.trusted) : json::value(nullptr)},
      {"installed", std::move(installed)},
      {"sampled_at", view.at ? json::value(to_rfc3339(*view.at)) : json::value(nullptr)}};
}

}  // namespace

json::object to_json(const ExtensionView& view) {
  json::array available, installed;
  for (const auto& [name, one] : view.available) {
    available.push_back(
        json::object{{"name", name}, {"version", one.version}, {"trusted", one.trusted}});
  }
  for (const InstalledExtension& one : view.installed) {
    installed.push_back(json::object{{"database", one.database},
                                     {"name", one.name},
                                     {"version", one.version},
                                     {"schema", one.schema},
                                     {"owner", one.owner}});
  }
  return {{"available", std::move(available)}, {"installed", std::move(installed)}};
}

ExtensionView extension_view_from_json(const json::value& value) {
  ExtensionView view;
  const auto each = [&value](const char* list, auto take) {
    const json::object* object = value.if_object();
    const json::value* found = object != nullptr ? object->if_contains(list) : nullptr;
    if (found == nullptr || !found->is_array()) return;
    for (const json::value& one : found->get_array()) {
      if (one.is_object()) take(one.get_object());
    }
  };
  each("available", [&](const json::object& one) {
    const json::value* trusted = one.if_contains("trusted");
    view.available[text_of(one, "name")] = {
        text_of(one, "version"), trusted != nullptr && trusted->is_bool() && trusted->get_bool()};
  });
  each("installed", [&](const json::object& one) {
    view.installed.push_back({text_of(one, "database"), text_of(one, "name"),
                              text_of(one, "version"), text_of(one, "schema"),
                              text_of(one, "owner")});
  });
  return view;
}

json::array shown_extensions(const ExtensionView& view) {
  std::set<std::string> names;
  for (const AllowedExtension& one : kAllowedExtensions) names.emplace(one.name);
  for (const InstalledExtension& one : view.installed) names.insert(one.name);
  json::array rows;
  for (const std::string& name : names) rows.push_back(shown(name, view));
  return rows;
}

Result<void> check_allowed_extension(std::string_view name) {
  const AllowedExtension* allowed = find_allowed_extension(name);
  if (allowed == nullptr) {
    const std::string_view why = why_refused(name);
    return fail(ErrorCode::unprocessable,
                why.empty() ? fmt::format("the extension {} is not on the allow list", name)
                            : fmt::format("the extension {} is not allowed: it {}", name, why),
                "see which are: GET /api/databases/{id}/extensions");
  }
  if (allowed->needs_preload) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} works only when the server loads it at its start "
                            "(shared_preload_libraries), which Howdah does not do yet",
                            name));
  }
  return {};
}

Result<NewExtension> read_new_extension(const json::value& body) {
  JsonReader in(body);
  NewExtension wanted;
  wanted.name = in.required_string("name", 1, kNameMax);
  wanted.database = in.optional_string("database", 1, kNameMax).value_or("");
  wanted.schema = in.optional_string("schema", 1, kNameMax).value_or("public");
  if (wanted.schema.starts_with("pg_") || wanted.schema == "information_schema") {
    in.reject("schema", "must be a schema of yours, not one of the system's");
  }
  HOWDAH_CHECK(in.finish());
  HOWDAH_CHECK(check_allowed_extension(wanted.name));
  return wanted;
}

}  // namespace howdah::control
