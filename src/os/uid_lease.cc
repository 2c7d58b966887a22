// SPDX-License-Identifier: Apache-2.0
#include "os/uid_lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace howdah::os {
namespace {

constexpr std::chrono::milliseconds kLockLimit{10'000};
constexpr uid_t kUidEnd = 4'000'000'000;  // well below the ids that mean "nobody" or "unchanged"

using Lease = LeasedUids;

// [begin, end) of ids that others use.
struct Taken {
  std::uint64_t begin;
  std::uint64_t end;
};

Result<std::vector<Lease>> read_leases(const Path& file) {
  const auto text = read_file(file);
  if (!text && text.error().code == ErrorCode::not_found) return std::vector<Lease>();
  if (!text) return std::unexpected(text.error());
  const auto damaged = [&](std::string_view why) {
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("{} cannot be understood: {}", file.string(), why),
                "restore it from a backup; without it two data folders may share uids");
  };
  const auto value = parse_json(*text);
  if (!value) return damaged(value.error().message);
  JsonReader in(*value);
  const json::value* list = in.optional_value("leases");
  if (!in.optional_integer("format", 1, 1)) in.reject("format", "must be 1");
  if (const auto read = in.finish(); !read) return damaged(read.error().message);
  if (list == nullptr || !list->is_array()) return damaged("leases is not a list");
  std::vector<Lease> leases;
  for (const json::value& item : list->get_array()) {
    JsonReader entry(item);
    Lease lease;
    lease.first =
        static_cast<uid_t>(entry.optional_integer("first", kUidFirst, kUidEnd).value_or(0));
    lease.folder_id = entry.required_string("folder_id", 1, 200);
    lease.path = entry.required_string("path", 1, 4096);
    if (lease.first == 0) entry.reject("first", "is required");
    if (const auto read = entry.finish(); !read) return damaged(read.error().message);
    leases.push_back(std::move(lease));
  }
  return leases;
}

Result<void> write_leases(const Path& file, const std::vector<Lease>& leases) {
  json::array list;
  for (const Lease& lease : leases) {
    list.push_back(
        json::object{{"first", lease.first}, {"folder_id", lease.folder_id}, {"path", lease.path}});
  }
  const json::value value{{"format", 1}, {"leases", std::move(list)}};
  return write_file_atomic(file, json::serialize(value) + "\n", 0644);
}

// The number in the colon-separated field, counted from 0.
std::optional<std::uint64_t> number_in(std::string_view line, int field) {
  for (; field > 0; --field) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return std::nullopt;
    line.remove_prefix(colon + 1);
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// passwd(5), group(5), subuid(5). A file that is missing takes nothing.
std::vector<Taken> taken_ids(const Path& etc) {
  std::vector<Taken> taken;
  for (const char* name : {"passwd", "group", "subuid", "subgid"}) {
    const bool ranges = std::string_view(name).starts_with("sub");
    const std::string text = read_file(etc / name).value_or("");
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      const auto first = number_in(line, ranges ? 1 : 2);
      const auto count = ranges ? number_in(line, 2) : std::optional<std::uint64_t>(1);
      if (first && count) taken.push_back({*first, *first + *count});
    }
  }
  return taken;
}

bool free_of(uid_t first, const std::vector<Taken>& taken) {
  const std::uint64_t end = std::uint64_t{first} + kUidRangeSize;
  return std::none_of(taken.begin(), taken.end(),
                      [&](const Taken& other) { return other.begin < end && first < other.end; });
}

bool still_there(const Lease& lease) {
  return folder_id_at(lease.path) == lease.folder_id;
}

// A range that is not listed, the lowest first.
std::optional<uid_t> unlisted(const std::vector<Lease>& leases, const std::vector<Taken>& taken) {
  for (std::uint64_t first = kUidFirst; first + kUidRangeSize <= kUidEnd; first += kUidRangeSize) {
    const auto candidate = static_cast<uid_t>(first);
    const bool listed = std::any_of(leases.begin(), leases.end(), [&](const Lease& lease) {
      return lease.first < first + kUidRangeSize &&
             first < std::uint64_t{lease.first} + kUidRangeSize;
    });
    if (!listed && free_of(candidate, taken)) return candidate;
  }
  return std::nullopt;
}

// The list is in the order of leasing: the first that is gone is the oldest.
std::optional<uid_t> take_abandoned(std::vector<Lease>& leases, const std::vector<Taken>& taken) {
  for (auto lease = leases.begin(); lease != leases.end(); ++lease) {
    if (still_there(*lease) || !free_of(lease->first, taken)) continue;
    const uid_t first = lease->first;
    leases.erase(lease);
    return first;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> folder_id_at(const Path& data_dir) {
  const auto text = read_file(data_dir / "howdah.json", 64_KiB);
  if (!text) return std::nullopt;
  const auto value = parse_json(*text);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
  if (id == nullptr || !id->is_string()) return std::nullopt;
  return std::string(id->get_string());
}

Result<UidRange> lease_uids(const UidLeaseRequest& request) {
  HOWDAH_TRY(const UniqueFd locked,
             wait_for_lock(request.lease_file.string() + ".lock", kLockLimit));
  HOWDAH_TRY(std::vector<Lease> leases, read_leases(request.lease_file));
  const std::string path = request.data_dir.string();

  const auto mine = [&](const Lease& lease) { return lease.folder_id == request.folder_id; };
  for (Lease& lease : leases) {
    if (mine(lease) && lease.path == path) return UidRange{lease.first};
  }
  for (Lease& lease : leases) {
    if (!mine(lease)) continue;
    if (still_there(lease)) {
      return fail(ErrorCode::data_folder_unusable,
                  fmt::format("{} is a copy of {}, which is still there", path, lease.path),
                  "move or delete one of the two: both would run under the same users");
    }
    lease.path = path;  // moved
    HOWDAH_CHECK(write_leases(request.lease_file, leases));
    return UidRange{lease.first};
  }

  const std::vector<Taken> taken = taken_ids(request.etc);
  std::optional<uid_t> first;
  if (leases.size() >= kUidLeasesMax) first = take_abandoned(leases, taken);
  if (!first) first = unlisted(leases, taken);
  if (!first) return fail(ErrorCode::unsupported, "this host has no free range of uids left");
  leases.push_back({*first, request.folder_id, path});
  HOWDAH_CHECK(write_leases(request.lease_file, leases));
  return UidRange{*first};
}

Result<std::vector<LeasedUids>> uid_leases(const Path& lease_file) {
  return read_leases(lease_file);
}

Result<void> release_uids(const std::string& folder_id, const Path& lease_file) {
  std::error_code ignored;
  if (!std::filesystem::exists(lease_file, ignored)) return {};
  HOWDAH_TRY(const UniqueFd locked, wait_for_lock(lease_file.string() + ".lock", kLockLimit));
  HOWDAH_TRY(std::vector<Lease> leases, read_leases(lease_file));
  const auto released =
      std::erase_if(leases, [&](const Lease& lease) { return lease.folder_id == folder_id; });
  return released == 0 ? Result<void>{} : write_leases(lease_file, leases);
}

}  // namespace howdah::os
