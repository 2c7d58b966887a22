// SPDX-License-Identifier: Apache-2.0
#include "node/folder_id.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/random.h"

namespace howdah::node {

Result<std::string> read_folder_id(const os::Path& data_dir) {
  const os::Path path = data_dir / "howdah.json";
  HOWDAH_TRY(const std::string text, os::read_file(path, 64_KiB));
  const auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* format = object != nullptr ? object->if_contains("format") : nullptr;
  const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
  if (format == nullptr || !format->is_int64() || id == nullptr || !id->is_string() ||
      id->get_string().empty()) {
    return fail(ErrorCode::data_folder_unusable, path.string() + " is damaged",
                "restore it from a backup of the folder");
  }
  if (format->get_int64() > kFolderFormat) {
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("{} was made by a newer Howdah (format {}, this one knows {})",
                            data_dir.string(), format->get_int64(), kFolderFormat),
                "use that newer version");
  }
  return std::string(id->get_string());
}

Result<std::string> create_folder_id(const os::Path& data_dir) {
  const std::string id = crypto::make_uuid();
  const json::value content{
      {"id", id}, {"format", kFolderFormat}, {"created_at", to_rfc3339(now())}};
  HOWDAH_CHECK(
      os::write_file_atomic(data_dir / "howdah.json", json::serialize(content) + "\n", 0644));
  return id;
}

}  // namespace howdah::node
