#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgbench by the variables of the .env snippet: its own tables, prepared statements, pipelines.
# It can neither read values back nor cancel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# bench TRANSACTIONS OPTION...: runs the script of standard input in one session.
bench() {
  cat >"$folder/script"
  pgbench -n -t "$1" "${@:2}" -f "$folder/script" >"$folder/out" 2>&1 || {
    cat "$folder/out" >&2
    return 1
  }
}

count() {
  echo "$1 $(psql -XqAt -c "SELECT count(*) FROM things WHERE name LIKE '$1-%'")"
}

bench 1 <<'SQL'
CREATE TABLE things (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea);
ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none';
SQL
pgbench -i -s 1 -q >"$folder/out" 2>&1
for mode in simple extended prepared; do
  pgbench -n -M "$mode" -c 4 -j 2 -t 25 >"$folder/out" 2>&1
  grep -q '100/100' "$folder/out"
done
echo "database $(psql -XqAt -c 'SELECT current_database()')"

bench 10 -M prepared <<'SQL'
BEGIN;
INSERT INTO things (name) VALUES ('committed-' || nextval('things_id_seq') || '-ünï');
COMMIT;
SQL
count committed
bench 5 <<'SQL'
BEGIN;
INSERT INTO things (name) VALUES ('rolled-' || nextval('things_id_seq'));
ROLLBACK;
SQL
count rolled
{
  printf '%s\n' '\startpipeline'
  for ((i = 0; i < 100; i++)); do
    echo "INSERT INTO things (name) VALUES ('batch-' || nextval('things_id_seq'));"
  done
  printf '%s\n' '\endpipeline'
} | bench 10 -M extended
count batch
