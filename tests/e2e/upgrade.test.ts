// SPDX-License-Identifier: Apache-2.0
// A catalog that a newer version of Howdah wrote, made by a row such as that version would add. How
// an older one is dumped and migrated is in src/control/catalog/catalog_pgtest.cc.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah } from "./harness/howdah.ts";
import { program } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const EXIT_UNSUPPORTED = 7;
const EXIT_OK = 0;
const FREE_PORTS = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];

function catalogSql(howdah: Howdah, sql: string): Promise<string> {
  const sockets = path.join(howdah.runtimeDir, "i/catalog");
  const place = ["-h", sockets, "-U", "howdah_admin", "-d", "postgres_control"];
  return runOk("psql", [...place, "-XAtqc", sql]);
}

function dumps(howdah: Howdah): string[] {
  return fs
    .readdirSync(path.join(howdah.dataDir, "backups/catalog"))
    .filter((name) => name.endsWith(".dump"));
}

test("a catalog of a newer version is refused and left alone", async () => {
  const howdah = await Howdah.start({ allowedAlarms: [/written by a newer Howdah/] });
  try {
    const made = await howdah.api.createDatabase();
    await query(howdah, made, "CREATE TABLE t AS SELECT 42 AS n");

    // As a newer version leaves it.
    const row = "INSERT INTO howdah.schema_migrations (version, name, checksum, applied_by)";
    await catalogSql(howdah, `${row} VALUES (9999, 'from the future', 'x', 'howdahd 99.0')`);
    assert.equal(await howdah.stop(), EXIT_OK);
    const before = dumps(howdah);
    const args = ["up", "--data-dir", howdah.dataDir, "--no-sample", ...FREE_PORTS];
    const refused = await run(program("howdah"), args, { timeoutMs: 120_000 });
    assert.equal(refused.code, EXIT_UNSUPPORTED, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /newer Howdah \(howdahd 99\.0/);
    assert.match(refused.stderr, /run that version again/);
    assert.match(refused.stderr, /operations\.md/);
    assert.deepEqual(dumps(howdah), before);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});
