// SPDX-License-Identifier: Apache-2.0
#include "node/uid_lease.h"

#include <fmt/format.h>
#include <sys/file.h>

#include <fcntl.h>
#include <cerrno>
#include <vector>

#include "base/json.h"
#include "node/folder_id.h"

namespace howdah::node {
namespace {

struct Lease {
  std::string folder_id;
  std::string folder;
  std::int64_t range = 0;
};

Result<Lease> lease_from_json(const json::value& value) {
  JsonReader in(value);
  Lease lease;
  lease.folder_id = in.required_string("folderId", 1, 80);
  lease.folder = in.required_string("folder", 1, 4096);
  lease.range = in.optional_integer("range", 0, kUidRangesMax - 1).value_or(0);
  HOWDAH_CHECK(in.finish());
  return lease;
}

Result<std::vector<Lease>> read_leases(const os::Path& file) {
  auto text = os::read_file(file);
  if (!text && text.error().code == ErrorCode::not_found) return std::vector<Lease>();
  HOWDAH_TRY(const std::string content, std::move(text));
  HOWDAH_TRY(const json::value value, parse_json(content));
  const json::array* array = value.if_array();
  if (array == nullptr) return fail(ErrorCode::io_error, file.string() + " is not a list");
  std::vector<Lease> leases;
  for (const json::value& item : *array) {
    HOWDAH_TRY(Lease lease, lease_from_json(item));
    leases.push_back(std::move(lease));
  }
  return leases;
}

Result<void> write_leases(const os::Path& file, const std::vector<Lease>& leases) {
  json::array array;
  for (const Lease& lease : leases) {
    array.push_back(json::object{
        {"folder_id", lease.folder_id}, {"folder", lease.folder}, {"range", lease.range}});
  }
  return os::write_file_atomic(file, json::serialize(array) + "\n", 0644);
}

UidRange range_of(const Lease& lease) {
  return {kUidFirst + static_cast<uid_t>(lease.range) * kUidsPerFolder, kUidsPerFolder};
}

// Waits for the lock: other agents keep it for milliseconds only.
Result<os::UniqueFd> lock_leases(const os::Path& file) {
  HOWDAH_TRY(os::UniqueFd fd, os::open_file(file.string() + ".lock", O_RDWR | O_CREAT));
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno("lock " + file.string(), errno);
  }
  return fd;
}

}  // namespace

Result<UidRange> lease_uids(const os::Path& lease_file, const std::string& folder_id,
                            const os::Path& data_dir) {
  HOWDAH_TRY(const os::UniqueFd lock, lock_leases(lease_file));
  HOWDAH_TRY(std::vector<Lease> leases, read_leases(lease_file));
  std::vector<bool> taken(kUidRangesMax, false);
  for (Lease& lease : leases) {
    taken[static_cast<std::size_t>(lease.range)] = true;
    if (lease.folder_id != folder_id) continue;
    if (lease.folder == data_dir.string()) return range_of(lease);
    if (read_folder_id(lease.folder).value_or("") == folder_id) {
      return fail(
          ErrorCode::data_folder_unusable,
          fmt::format("{} is a copy of {}, which is still there", data_dir.string(), lease.folder),
          "move or delete one of the two");
    }
    lease.folder = data_dir.string();
    HOWDAH_CHECK(write_leases(lease_file, leases));
    return range_of(lease);
  }
  for (std::size_t range = 0; range < taken.size(); ++range) {
    if (taken[range]) continue;
    leases.push_back({folder_id, data_dir.string(), static_cast<std::int64_t>(range)});
    HOWDAH_CHECK(write_leases(lease_file, leases));
    return range_of(leases.back());
  }
  return fail(ErrorCode::conflict, "every range of user ids is leased to a data folder",
              "remove the lines of folders that are gone from " + lease_file.string());
}

}  // namespace howdah::node
