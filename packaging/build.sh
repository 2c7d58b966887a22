# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How ./run and ./test build: one preset into build/PRESET, through ccache. Sourced from the top of
# the checkout, after progress.sh.

# The precompiled header is the same text for every file, so ccache may trust its content hash.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

JOB_KB=1200000 # a compiler on the largest files
ROOM_KB=3500000 # of a new build with the packages it installs

# memory_kb: what may still be taken: the machine's memory, or less in a container that has a limit.
memory_kb() {
  local available limit used left
  available=$(awk '/^MemAvailable:/ {print $2}' "${HOWDAH_MEMINFO:-/proc/meminfo}")
  if [[ -r ${HOWDAH_CGROUP:=/sys/fs/cgroup}/memory.max ]]; then
    limit=$(<"$HOWDAH_CGROUP/memory.max") used=$(<"$HOWDAH_CGROUP/memory.current")
    if [[ $limit != max ]]; then
      left=$(((limit - used) / 1024))
      ((left < available)) && available=$left
    fi
  fi
  echo "$available"
}

# Before anything is installed or built: a machine that is too small is told so at once.
check_room() {
  local free swap
  free=$(df -Pk . | awk 'NR == 2 {print $4}')
  if [[ ! -x build/release/bin/howdah ]] && ((free < ROOM_KB)); then
    printf 'only %d MB are free on the disk of %s; building needs %d MB: %s\n' \
      $((free / 1000)) "$PWD" $((ROOM_KB / 1000)) 'free some, or check out on another disk' >&2
    return 1
  fi
  swap=$(awk '/^SwapFree:/ {print $2}' "${HOWDAH_MEMINFO:-/proc/meminfo}")
  if ((${swap:-0} + $(memory_kb) < JOB_KB)); then
    printf 'only %d MB of memory are available; the compiler needs %d MB: %s\n' \
      $(($(memory_kb) / 1000)) $((JOB_KB / 1000)) 'end other programs or add swap' >&2
    return 1
  fi
}

# Fewer compilers at once on a small machine.
build_jobs() {
  local cores jobs
  cores=$(nproc)
  jobs=$(($(memory_kb) / JOB_KB))
  echo "$((jobs < 1 ? 1 : jobs < cores ? jobs : cores))"
}

# build PRESET [TARGET...]
build() {
  local preset=$1 jobs
  shift
  jobs=$(build_jobs)
  # Configuring again is only needed for a new folder: ninja itself follows changed CMake files.
  if [[ ! -e build/$preset/build.ninja ]]; then
    step "Configuring $preset" cmake --preset "$preset" || return 1
  fi
  step "Building $preset with $jobs jobs" ninja -C "build/$preset" -j "$jobs" "$@"
}
