// SPDX-License-Identifier: Apache-2.0
#include "instance/size_class.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace howdah::instance {
namespace {

// One column of the table in the ADR. Idle memory follows shared_buffers (0.8 % of it is touched at
// start), max_connections and the lock tables (each slot is touched) and the number of processes;
// the rest is paid only when it is used.
struct Class {
  SizeClass id;
  std::string_view name;
  std::int64_t connections;  // of clients
  std::string_view shared_buffers;
  std::string_view effective_cache_size;
  std::string_view work_mem;
  std::string_view maintenance_work_mem;
  std::string_view min_wal_size;
  std::string_view max_wal_size;
  int workers;     // background workers, all of them usable by parallel queries
  int vacuumers;   // autovacuum workers
  int pred_locks;  // per transaction; running short only coarsens SERIALIZABLE
  bool jit;        // loads LLVM, some 30 MB for a session, with the first costly query
};

constexpr std::array kClasses{
    Class{SizeClass::nano, "nano", 20, "8MB", "192MB", "4MB", "32MB", "5MB", "128MB", 2, 2, 16,
          false},
    Class{SizeClass::small, "small", 20, "32MB", "768MB", "4MB", "64MB", "16MB", "512MB", 2, 2, 16,
          false},
    Class{SizeClass::medium, "medium", 100, "256MB", "3GB", "8MB", "256MB", "64MB", "2GB", 4, 3, 64,
          true},
    Class{SizeClass::large, "large", 200, "2GB", "12GB", "16MB", "1GB", "256MB", "8GB", 8, 4, 64,
          true},
    // The base that the user's own settings change.
    Class{SizeClass::custom, "custom", 20, "32MB", "768MB", "4MB", "64MB", "16MB", "512MB", 2, 2,
          16, false},
};

// Above what the settings that a user may choose can add up to in practice.
constexpr ByteCount kTunedMemoryMax = 16_GiB;

const Class& find_class(SizeClass id) {
  return *std::find_if(kClasses.begin(), kClasses.end(),
                       [id](const Class& one) { return one.id == id; });
}

}  // namespace

std::string_view to_string(SizeClass size_class) {
  return find_class(size_class).name;
}

Result<SizeClass> parse_size_class(std::string_view text) {
  for (const Class& one : kClasses) {
    if (one.name == text) return one.id;
  }
  return fail(ErrorCode::invalid_request, fmt::format("there is no size class '{}'", text),
              "use nano, small, medium, large or custom");
}

SizeClass default_size_class(ByteCount machine_memory_bytes) {
  // A hundred idle databases of the default class fit in a tenth of the machine.
  if (machine_memory_bytes < 8_GiB) return SizeClass::nano;
  if (machine_memory_bytes < 48_GiB) return SizeClass::small;
  return SizeClass::medium;
}

ByteCount expected_memory(SizeClass size_class) {
  switch (size_class) {
    case SizeClass::nano:
      return 32_MiB;
    case SizeClass::small:
    case SizeClass::custom:
      return 64_MiB;
    case SizeClass::medium:
      return 320_MiB;
    case SizeClass::large:
      return 2_GiB + 256_MiB;
  }
  return 64_MiB;
}

os::GroupLimits group_limits(SizeClass size_class, std::int64_t connections, bool tuned) {
  // Beside its sessions: its own processes, workers, and what an administrator runs on the server.
  constexpr std::int64_t kOtherProcesses = 100;
  // An idle session takes 1 to 2 MB with what the kernel keeps for it; one that works, its caches.
  constexpr ByteCount kMemoryOfConnection = 8_MiB;
  os::GroupLimits limits;
  limits.processes_max = connections + kOtherProcesses;
  switch (size_class) {
    case SizeClass::nano:
      limits.memory_max = 512_MiB;
      break;
    case SizeClass::small:
      limits.memory_max = 1_GiB;
      break;
    case SizeClass::medium:
      limits.memory_max = 4_GiB;
      limits.cpu_weight = limits.io_weight = 200;
      break;
    case SizeClass::large:
      limits.cpu_weight = limits.io_weight = 400;
      [[fallthrough]];
    case SizeClass::custom:
      limits.memory_max = kTunedMemoryMax;
  }
  if (tuned) limits.memory_max = kTunedMemoryMax;
  limits.memory_max += static_cast<ByteCount>(connections) * kMemoryOfConnection;
  return limits;
}

std::int64_t server_connections(SizeClass size_class, std::int64_t max_connections) {
  return std::max(find_class(size_class).connections, max_connections) + kConnectionReserve;
}

ByteCount wal_bytes(SizeClass size_class) {
  const std::string_view text = find_class(size_class).max_wal_size;
  ByteCount number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number * (text.ends_with("GB") ? 1_GiB : 1_MiB);
}

std::vector<Setting> size_settings(SizeClass size_class, std::int64_t max_connections,
                                   int pg_major) {
  const Class& one = find_class(size_class);
  const bool little = one.id != SizeClass::medium && one.id != SizeClass::large;
  const auto number = [](auto value) { return fmt::format("{}", value); };
  std::vector<Setting> settings{
      {"max_connections", number(server_connections(size_class, max_connections))},
      {"shared_buffers", std::string(one.shared_buffers)},
      {"effective_cache_size", std::string(one.effective_cache_size)},
      {"work_mem", std::string(one.work_mem)},
      {"maintenance_work_mem", std::string(one.maintenance_work_mem)},
      {"min_wal_size", std::string(one.min_wal_size)},
      {"max_wal_size", std::string(one.max_wal_size)},
      {"max_worker_processes", number(one.workers)},
      {"max_parallel_workers", number(one.workers)},
      {"max_parallel_workers_per_gather", number(one.workers / 2)},
      {"max_parallel_maintenance_workers", number(one.workers / 2)},
      {"autovacuum_max_workers", number(one.vacuumers)},
      {"max_pred_locks_per_transaction", number(one.pred_locks)},
      {"jit", one.jit ? "on" : "off"},
      {"huge_pages", one.id == SizeClass::large ? "try" : "off"},
  };
  if (pg_major >= 18) {
    // 18 reserves 16 slots, and its I/O workers are three more processes of 0.6 MB each.
    settings.push_back({"autovacuum_worker_slots", number(one.vacuumers)});
    if (little) settings.push_back({"io_method", "sync"});
  }
  return settings;
}

}  // namespace howdah::instance
