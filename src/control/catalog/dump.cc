// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/dump.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "os/process.h"

namespace howdah::control {
namespace {

namespace fs = std::filesystem;

constexpr int kDumpLimitMs = 600'000;
constexpr auto kKept = std::chrono::days(7);
constexpr std::size_t kKeptAtLeast = 7;
constexpr std::string_view kPrefix = "catalog-";
constexpr std::string_view kSuffix = ".dump";
constexpr std::string_view kPartSuffix = ".dump.part";

// "catalog-20260102T030405Z.dump": sorted by name is sorted by time.
std::string file_name(Timestamp at) {
  std::string text = to_rfc3339(at).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("{}{}Z{}", kPrefix, text, kSuffix);
}

// Empty: not a name that file_name() makes, so not our file.
std::optional<Timestamp> time_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  if (name.size() != 16) return std::nullopt;
  const std::string rfc3339 =
      fmt::format("{}-{}-{}:{}:{}", name.substr(0, 4), name.substr(4, 2), name.substr(6, 5),
                  name.substr(11, 2), name.substr(13, 3));
  return parse_rfc3339(rfc3339);
}

// Deletes the file when the dump did not get to its end.
struct Unfinished {
  os::Path path;
  bool keep = false;
  ~Unfinished() {
    if (!keep) ::unlink(path.c_str());
  }
};

Result<void> run_program(std::vector<std::string> arguments, std::string_view what,
                         std::string_view expected) {
  os::SpawnOptions options;
  options.arguments = std::move(arguments);
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.dies_with_parent = true;
  HOWDAH_TRY(const os::Output output, os::run(std::move(options), kDumpLimitMs));
  if (output.exit_code != 0) {
    return fail(ErrorCode::io_error, fmt::format("{}: exit code {}", what, output.exit_code), {},
                output.text);
  }
  if (output.text.find(expected) == std::string::npos) {
    return fail(ErrorCode::io_error, fmt::format("{}: the file holds no table", what), {},
                output.text);
  }
  return {};
}

Result<void> dump_to(const DumpSource& source, const os::Path& path) {
  // pg_dump keeps the mode of a file that exists.
  HOWDAH_CHECK(os::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  HOWDAH_CHECK(
      run_program({source.bin_directory + "/pg_dump", "--host=" + source.socket_directory,
                   "--username=" + source.user, "--dbname=" + source.database, "--format=custom",
                   "--compress=5", "--no-password", "--file=" + path.string()},
                  "dump the catalog", ""));
  // The list proves the table of contents; writing everything to nowhere reads every block.
  const std::string restore = source.bin_directory + "/pg_restore";
  HOWDAH_CHECK(
      run_program({restore, "--list", path.string()}, "list the catalog dump", "TABLE DATA"));
  return run_program({restore, "--file=/dev/null", path.string()}, "read back the catalog dump",
                     "");
}

Result<void> make_durable(const os::Path& path) {
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(path, O_RDONLY));
  if (::fsync(fd.get()) != 0) return fail_errno("sync " + path.string(), errno);
  return {};
}

Result<void> publish(const os::Path& part, const os::Path& path) {
  HOWDAH_CHECK(make_durable(part));
  if (::rename(part.c_str(), path.c_str()) != 0) {
    return fail_errno("rename " + part.string(), errno);
  }
  return os::sync_directory(path.parent_path());
}

Result<void> copy_dump(const os::Path& from, const os::Path& folder) {
  const os::Path path = folder / from.filename();
  Unfinished part{path.string() + ".part"};
  std::error_code error;
  fs::copy_file(from, part.path, fs::copy_options::overwrite_existing, error);
  if (error) return fail_errno("copy the dump to " + folder.string(), error.value());
  HOWDAH_CHECK(publish(part.path, path));
  part.keep = true;
  return {};
}

bool is_usable(const os::Path& folder) {
  std::error_code error;
  return !folder.empty() && fs::is_directory(folder, error) && ::access(folder.c_str(), W_OK) == 0;
}

Result<std::size_t> prune_folder(const os::Path& folder, Timestamp at) {
  HOWDAH_TRY(const std::vector<DumpFacts> dumps, list_dumps(folder));
  std::size_t removed = 0;
  for (std::size_t index = kKeptAtLeast; index < dumps.size(); ++index) {
    if (at - dumps[index].at <= kKept) continue;
    if (::unlink(dumps[index].path.c_str()) != 0 && errno != ENOENT) {
      return fail_errno("delete " + dumps[index].path.string(), errno);
    }
    ++removed;
  }
  return removed;
}

// Parts are left behind only by a howdahd that died: dumps run one at a time.
void remove_parts(const os::Path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && name.ends_with(kPartSuffix)) ::unlink(entry.path().c_str());
  }
}

}  // namespace

DumpFolders DumpFolders::of_data_folder(const os::Path& data_dir) {
  DumpFolders folders{data_dir / "backups" / "catalog", {}};
  if (data_dir == "/var/lib/howdah") folders.copy_folder = "/var/backups/postgresql";
  return folders;
}

Result<DumpFacts> dump_catalog(const DumpSource& source, const DumpFolders& folders, Timestamp at) {
  std::error_code error;
  fs::create_directories(folders.folder, error);
  if (error) return fail_errno("make " + folders.folder.string(), error.value());
  remove_parts(folders.folder);
  DumpFacts facts;
  facts.at = at;
  facts.path = folders.folder / file_name(at);
  Unfinished part{facts.path.string() + ".part"};
  HOWDAH_CHECK(dump_to(source, part.path));
  HOWDAH_CHECK(publish(part.path, facts.path));
  part.keep = true;
  facts.size_bytes = fs::file_size(facts.path, error);
  if (is_usable(folders.copy_folder)) {
    const auto copied = copy_dump(facts.path, folders.copy_folder);
    if (!copied) facts.warnings.push_back(copied.error().to_log());
  }
  return facts;
}

Result<std::size_t> prune_dumps(const DumpFolders& folders, Timestamp at) {
  HOWDAH_TRY(std::size_t removed, prune_folder(folders.folder, at));
  if (is_usable(folders.copy_folder)) {
    HOWDAH_TRY(const std::size_t copies, prune_folder(folders.copy_folder, at));
    removed += copies;
  }
  return removed;
}

Result<std::vector<DumpFacts>> list_dumps(const os::Path& folder) {
  std::vector<DumpFacts> dumps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto at = time_of(entry.path().filename().string());
    std::error_code ignored;
    if (at) dumps.push_back({entry.path(), *at, entry.file_size(ignored), {}});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno("list " + folder.string(), error.value());
  }
  std::ranges::sort(dumps, std::ranges::greater{}, &DumpFacts::at);
  return dumps;
}

}  // namespace howdah::control
