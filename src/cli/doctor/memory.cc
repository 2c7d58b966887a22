// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/units.h"
#include "cli/doctor/doctor.h"
#include "instance/size_class.h"

namespace howdah::cli::doctor {
namespace {

constexpr ByteCount kMemoryMin = 512_MiB;

}  // namespace

Finding judge_memory(const os::MemoryInfo& memory) {
  const std::string text = fmt::format("{} of {} available", to_pretty(memory.available_bytes),
                                       to_pretty(memory.total_bytes));
  const ByteCount reserve = os::memory_reserve(memory.total_bytes);
  const ByteCount one = instance::expected_memory(instance::default_size_class(memory.total_bytes));
  if (memory.available_bytes < reserve + one) {
    return {Status::fail, "memory", text,
            fmt::format("sleeping databases are not started any more (that takes {}): clients get "
                        "memory_full, SQLSTATE 53200",
                        to_pretty(reserve + one)),
            "end other programs or sessions, choose smaller size classes, or add memory: \"Out of "
            "memory\" in docs/operations.md"};
  }
  if (memory.total_bytes < kMemoryMin) {
    return {Status::warn, "memory", text, "there is room for a few small databases only",
            fmt::format("give the machine {} or more", to_pretty(kMemoryMin))};
  }
  return {Status::ok, "memory", text, "", ""};
}

Finding judge_swap(const std::string& meminfo, const std::string& overcommit) {
  const ByteCount total = os::parse_kb_line(meminfo, "SwapTotal").value_or(0);
  const ByteCount free = os::parse_kb_line(meminfo, "SwapFree").value_or(0);
  const ByteCount limit = os::parse_kb_line(meminfo, "CommitLimit").value_or(0);
  const ByteCount committed = os::parse_kb_line(meminfo, "Committed_AS").value_or(0);
  const bool strict = overcommit.starts_with("2");
  const std::string text =
      fmt::format("{}, overcommit {}", total == 0 ? "no swap" : to_pretty(total) + " of swap",
                  strict ? "strict" : "as the kernel comes");
  if (strict && limit > 0 && committed > limit / 10 * 9) {
    return {Status::warn, "swap", text,
            fmt::format("{} of {} are promised already: starts of databases fail with \"cannot "
                        "allocate memory\"",
                        to_pretty(committed), to_pretty(limit)),
            "raise vm.overcommit_ratio, or add swap"};
  }
  if (total > 0 && free < total / 2) {
    return {Status::warn, "swap", fmt::format("{}, {} used", text, to_pretty(total - free)),
            "databases whose pages are swapped out are slow",
            "end other programs, choose smaller size classes, or add memory"};
  }
  return {Status::ok, "swap", text, "", ""};
}

Findings check_memory(const Subject&) {
  Findings found;
  const auto memory = os::memory_info();
  if (memory) {
    found.push_back(judge_memory(*memory));
  } else {
    found.push_back({Status::warn, "memory", memory.error().message,
                     "starts are not refused when it is short", "is /proc mounted?"});
  }
  found.push_back(judge_swap(os::read_file("/proc/meminfo").value_or(""),
                             os::read_file("/proc/sys/vm/overcommit_memory").value_or("")));
  return found;
}

}  // namespace howdah::cli::doctor
