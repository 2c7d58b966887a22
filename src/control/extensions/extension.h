// SPDX-License-Identifier: Apache-2.0
// Extensions as the API takes and shows them. Values only.
#pragma once
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace howdah::control {

namespace json = boost::json;

struct InstalledExtension {
  std::string database;  // logical
  std::string name;
  std::string version;
  std::string schema;
  std::string owner;
};

struct AvailableExtension {
  std::string version;  // that CREATE EXTENSION installs
  bool trusted = false;
};

// What an instance has.
struct ExtensionView {
  std::optional<Timestamp> at;  // empty: never looked at
  std::map<std::string, AvailableExtension> available;
  std::vector<InstalledExtension> installed;
};

// As it is kept in the catalog, without its time.
json::object to_json(const ExtensionView& view);
ExtensionView extension_view_from_json(const json::value& value);  // what does not fit is left out

// A row for each extension that is allowed, or installed although it is not (by SQL).
json::array shown_extensions(const ExtensionView& view);

struct NewExtension {
  std::string name;
  std::string database;  // empty: tenant_<slug>
  std::string schema = "public";
};
// Errors: invalid_request for a name that cannot be one; unprocessable with the reason for what is
// not on the allow list; unsupported for what the server would have to preload.
Result<NewExtension> read_new_extension(const json::value& body);
Result<void> check_allowed_extension(std::string_view name);

}  // namespace howdah::control
