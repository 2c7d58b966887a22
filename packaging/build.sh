# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How ./run and ./test build: one preset into build/PRESET, through ccache. Sourced from the top of
# the checkout, after progress.sh.

# The precompiled header is the same text for every file, so ccache may trust its content hash.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

# A compiler takes up to 1.2 GB on the largest files: fewer at once on a small machine.
build_jobs() {
  local cores memory_kb jobs
  cores=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  jobs=$((memory_kb / 1200000))
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
