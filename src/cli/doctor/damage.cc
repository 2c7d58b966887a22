// SPDX-License-Identifier: Apache-2.0
// Pages that PostgreSQL found damaged, as its logs tell: a checksum that does not match is an error
// for whoever reads the page, and nobody else hears of it.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "instance/server_log.h"

namespace howdah::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr ByteCount kTailSize = 256_KiB;  // of each log; older damage is not told any more
constexpr std::size_t kShownMax = 5;

// As control/logs/log_entry.cc reads them: time, process, SQLSTATE, then the message.
constexpr std::string_view kSqlState = " XX001 ";
constexpr std::string_view kMessage = "\tERROR:  ";

// "tenant_k3v9x2ab", as its users know it; the instance's id where that cannot be told.
std::string name_of(const os::Path& directory) {
  const auto text = os::read_file(directory / "instance.json", 64_KiB);
  const auto manifest =
      text ? parse_json(*text) : Result<json::value>(std::unexpected(text.error()));
  const auto* slug =
      manifest && manifest->is_object() ? manifest->get_object().if_contains("slug") : nullptr;
  if (slug == nullptr || !slug->is_string()) return directory.filename().string();
  return "tenant_" + std::string(slug->get_string());
}

void look(const os::Path& directory, const std::string& name, std::vector<Damage>& found) {
  instance::LogRange tail;
  tail.size_max = kTailSize;
  const auto piece = instance::read_log(directory / "postgres.log", tail);
  if (!piece) return;  // not ours to read
  std::string told = damage_in(piece->text);
  if (!told.empty()) found.push_back({name, std::move(told)});
}

}  // namespace

std::string damage_in(std::string_view log) {
  std::string last;
  for (std::size_t begin = 0; begin < log.size();) {
    const std::size_t end = std::min(log.find('\n', begin), log.size());
    const std::string_view line = log.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t message = line.find(kMessage);
    const std::size_t state = line.find(kSqlState);
    if (message == std::string_view::npos || state == std::string_view::npos || state > message) {
      continue;
    }
    // "2026-01-02 03:04:05": a tenant may have written the rest, so it is cut and cleaned.
    std::string text = fmt::format("{} UTC: {}", line.substr(0, 19),
                                   line.substr(message + kMessage.size()).substr(0, 120));
    std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    last = std::move(text);
  }
  return last;
}

Findings judge_damage(const std::vector<Damage>& found) {
  Findings findings;
  for (const Damage& one : found) {
    if (findings.size() == kShownMax) {
      findings.push_back({Status::note, "damage",
                          fmt::format("{} more of the same", found.size() - kShownMax), "", ""});
      break;
    }
    findings.push_back({Status::fail, "damage", fmt::format("{}: {}", one.name, one.text),
                        "the disk has changed its data; who reads that page gets an error",
                        "\"Damaged data\" in docs/operations.md; check the disk"});
  }
  return findings;
}

Findings check_damage(const Subject& subject) {
  std::vector<Damage> found;
  look(subject.layout.data / "catalog", "the catalog", found);
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(subject.layout.data / "volume" / "instances", error)) {
    look(entry.path(), name_of(entry.path()), found);
  }
  return judge_damage(found);
}

}  // namespace howdah::cli::doctor
