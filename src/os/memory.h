// SPDX-License-Identifier: Apache-2.0
// How much memory there is, and what a process takes of it (proc(5)).
#pragma once
#include <sys/types.h>

#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::os {

// What the process costs: its own pages, and its share of those it has in common with others.
// Errors: not_found when it has ended, io_error without the right to look.
// Cost: the kernel walks its page tables, about 1 ms for a small one.
Result<ByteCount> proportional_set_size(pid_t pid);

struct MemoryInfo {
  ByteCount total_bytes;
  ByteCount available_bytes;  // could be had without swapping
};
// What this process may still take: the machine's memory, or less where a control group (version 1
// or 2, its own or one above) limits it, as in a container.
struct MemoryPlaces {
  Path meminfo = "/proc/meminfo";
  Path own_groups = "/proc/self/cgroup";
  Path groups = "/sys/fs/cgroup";
};
// What stays free of it for the platform and for sessions that grow: 1/32, 64 MiB to 1 GiB. With
// less than that left no further instance is started.
ByteCount memory_reserve(ByteCount total_bytes);
Result<MemoryInfo> memory_info(const MemoryPlaces& places = {});

// What a daemon may take: a part of the machine's memory, 512 MiB to 8 GiB.
ByteCount daemon_memory_max(ByteCount total_bytes, unsigned part);
// From now on this process gets no more private memory than that part of the machine's: a request
// that would need more fails (std::bad_alloc) and ends its own task, where else the kernel would
// choose a process to kill. Programs that it starts are not bound by it. Returns: the bytes.
// Address sanitizer's own memory does not fit: with it nothing is capped.
Result<ByteCount> cap_own_memory(unsigned part);

// "Name:   123 kB" in a text of such lines. Empty: there is no such line.
std::optional<ByteCount> parse_kb_line(std::string_view text, std::string_view name);

}  // namespace howdah::os
