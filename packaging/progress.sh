# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Progress of anything that takes over two seconds, for ./run, ./test and packaging/install.
# Sourced, not run. On a terminal one line that is rewritten; elsewhere plain lines, one every 20 s,
# so that a CI log stays readable and never looks stuck.

HOWDAH_LOGS=${HOWDAH_LOGS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/logs}

# step TITLE COMMAND...: runs COMMAND with its output in $HOWDAH_LOGS/<title>.log, without input.
# Returns its exit code; on failure the end of the log is shown. STEP_SECONDS holds its time.
step() {
  local title=$1 log pid started shown=0 code=0
  shift
  mkdir -p "$HOWDAH_LOGS"
  log=$HOWDAH_LOGS/$(tr -cs 'a-zA-Z0-9\n' '-' <<<"$title").log
  started=$SECONDS
  "$@" </dev/null >"$log" 2>&1 &
  pid=$!
  # A stop of the script stops the step too.
  # shellcheck disable=SC2064
  trap "kill $pid 2>/dev/null; wait $pid 2>/dev/null; exit 130" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.25
    progress_line "$title" "$log" "$((SECONDS - started))" "$shown" && shown=$((SECONDS - started))
  done
  wait "$pid" || code=$?
  trap - INT TERM
  STEP_SECONDS=$((SECONDS - started))
  progress_end "$title" "$log" "$code"
  return "$code"
}

# progress_line TITLE LOG ELAPSED SHOWN: true where a line was printed.
progress_line() {
  local last
  if [[ -t 2 ]]; then
    (($3 >= 2)) || return 1
    last=$(tail -c 400 "$2" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-50)
    printf '\r\033[K%s  %s s  \033[2m%s\033[0m' "$1" "$3" "$last" >&2
    return 0
  fi
  (($3 - $4 >= 20)) || return 1
  last=$(tail -c 400 "$2" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-70)
  printf '%s: %s s  %s\n' "$1" "$3" "$last" >&2
}

progress_end() {
  [[ -t 2 ]] && printf '\r\033[K' >&2
  if (($3 == 0)); then
    ((STEP_SECONDS < 2)) || printf '%s: done in %s s\n' "$1" "$STEP_SECONDS" >&2
    return 0
  fi
  printf '%s: failed after %s s (exit code %s). The end of %s:\n' \
    "$1" "$STEP_SECONDS" "$3" "$2" >&2
  tail -n "${HOWDAH_FAILURE_LINES:-30}" "$2" | sed 's/^/  /' >&2
}
