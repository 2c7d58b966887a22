#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# psql by the command of its snippet. The steps and the report are those of scenario.ts.
set -euo pipefail
# The command and its URL, by the shell's own quoting rules.
declare -a client
eval "client=($(cat "$HOWDAH_SNIPPET"))"
sql() {
  "${client[@]}" -XqAt "$@"
}

sql -v ON_ERROR_STOP=1 <<'SQL'
BEGIN;
CREATE TABLE things (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea);
COMMIT;
ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none';
SQL

sql -F ' ' <<'SQL' 2>/dev/null
SELECT 'database', current_database();
BEGIN;
SELECT format('INSERT INTO things (name) VALUES (%L)', 'committed-' || i || '-ünï')
  FROM generate_series(0, 9) i \gexec
COMMIT;
SELECT 'committed', count(*) FROM things WHERE name LIKE 'committed-%';
BEGIN;
INSERT INTO things (name) VALUES ('rolled-0-ünï');
INSERT INTO things (name) VALUES ('rolled-0-ünï');
\echo refused :LAST_ERROR_SQLSTATE
COMMIT;
SELECT 'rolled', count(*) FROM things WHERE name LIKE 'rolled-%';
SQL

for ((i = 0; i < 1000; i++)); do echo "batch-$i-ünï"; done |
  sql -c '\copy things (name) FROM pstdin'
sql -F ' ' -c "SELECT 'batch', count(*) FROM things WHERE name LIKE 'batch-%'"

# A backquoted command loses its last line's end.
sql -v ON_ERROR_STOP=1 <<'SQL'
\set body `cat "$HOWDAH_TEXT"`
\set blob `od -An -v -tx1 "$HOWDAH_BYTES" | tr -d ' \n'`
INSERT INTO things (name, body, blob) VALUES ('big-0', :'body' || E'\n', decode(:'blob', 'hex'));
SQL

# report NAME: length and sum of what comes in, whose last line ends with one \n more.
report() {
  local file
  file=$(mktemp)
  head -c -1 >"$file"
  printf '%s %s %s\n' "$1" "$(stat -c %s "$file")" "$(md5sum <"$file" | cut -d' ' -f1)"
  rm "$file"
}
sql -c "SELECT body FROM things WHERE name = 'big-0'" | report text
sql -c "SELECT encode(blob, 'hex') FROM things WHERE name = 'big-0'" |
  python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()) + b"\n")' |
  report bytes

# SIGINT makes psql send a cancel request; it goes on with the next -c, but shows no more rows.
timeout -s INT 2 "${client[@]}" -XqAt -c 'SELECT pg_sleep(20)' \
  -c '\echo cancelled :LAST_ERROR_SQLSTATE' \
  -c "SELECT FROM things WHERE name LIKE 'big-%'" -c '\echo alive :ROW_COUNT' 2>/dev/null ||
  (($? == 124))
