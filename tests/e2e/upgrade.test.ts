// SPDX-License-Identifier: Apache-2.0
// A catalog of an older version is saved, then migrated, and everything goes on as it was; one of a
// newer version, made by a row such as that version would add, is refused. Failing and concurrent
// migrations are in src/control/catalog/catalog_pgtest.cc.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah } from "./harness/howdah.ts";
import { catalogPrograms, migrationFiles, rollCatalogBack } from "./harness/older_catalog.ts";
import { program } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";
import { query, refusal } from "./harness/sql.ts";

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

/** The migrations that a dump of the catalog knows. */
async function versionsIn(programs: string, dump: string): Promise<number[]> {
  const args = ["-f", "-", "--data-only", "-n", "howdah", "-t", "schema_migrations", dump];
  const text = await runOk(path.join(programs, "pg_restore"), args);
  return [...text.matchAll(/^(\d+)\t/gm)].map((match) => Number(match[1]));
}

const NOW = migrationFiles().length;
// The first that kept databases, and the one before this.
for (const version of [2, NOW - 1]) {
  test(`a catalog of migration ${version} is saved, migrated, and nothing is lost`, async () => {
    const howdah = await Howdah.start();
    try {
      const { api } = howdah;
      const [made, walled, gone] = [
        await api.createDatabase({ friendlyName: "made" }),
        await api.createDatabase({ friendlyName: "walled" }),
        await api.createDatabase({ friendlyName: "gone" }),
      ];
      for (const database of [made, walled, gone]) {
        await query(howdah, database, "CREATE TABLE t AS SELECT 42 AS n");
      }
      const rule = { ipAddress: "203.0.113.9" };
      await api.expect(201, "POST", `/api/databases/${walled.id}/whitelist`, { body: rule });
      await api.deleteDatabase(gone.id);
      const { key } = (await api.expect(201, "POST", "/api/keys", { body: { name: "ci" } })).data;
      const programs = catalogPrograms(howdah);
      assert.equal(await howdah.stop(), EXIT_OK);
      await rollCatalogBack(howdah, programs, version);
      const before = dumps(howdah);

      await howdah.up();
      const saved = dumps(howdah).filter((name) => !before.includes(name));
      assert.equal(saved.length, 1, "one dump, from before the migration");
      const file = path.join(howdah.dataDir, "backups/catalog", saved[0]!);
      const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
      assert.deepEqual(await versionsIn(programs, file), upTo(version));
      const text = await runOk(path.join(programs, "pg_restore"), ["-f", "-", file]);
      for (const secret of [made.password, key]) {
        assert.ok(!text.includes(secret), "the catalog holds no secret in clear");
      }
      const known = await catalogSql(howdah, "SELECT version FROM howdah.schema_migrations");
      assert.deepEqual(known.trim().split("\n").map(Number), upTo(NOW));

      // Databases, passwords, keys, rules, tombstones: each as it was.
      const list = await howdah.api.expect(200, "GET", "/api/databases", { key });
      const names = list.data.map((row: { friendly_name: string }) => row.friendly_name);
      assert.deepEqual(names.sort(), ["made", "walled"]);
      assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
      const wrong = { password: "x".repeat(24) };
      assert.equal((await refusal(query(howdah, made, "SELECT 1", wrong))).code, "28P01");
      assert.equal((await refusal(query(howdah, walled, "SELECT 1"))).code, "28000");
      await howdah.api.expect(200, "POST", `/api/databases/${gone.id}/undelete`);
      assert.deepEqual(await query(howdah, gone, "SELECT n FROM t"), [{ n: 42 }]);
      const strings = `/api/databases/${made.id}/connection-strings/reveal`;
      const revealed = (await howdah.api.expect(200, "POST", strings)).data;
      assert.equal(revealed.password, made.password, "what was sealed is opened");

      // And what the new version brings works on what the old one made.
      const rotate = `/api/databases/${made.id}/rotate-password`;
      const { data } = await howdah.api.expect(200, "POST", rotate, { body: {} });
      const fresh = { password: data.password };
      assert.deepEqual(await query(howdah, made, "SELECT n FROM t", fresh), [{ n: 42 }]);
      assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }], "in its grace");
      await howdah.end();
    } finally {
      howdah.removeByForce();
    }
  });
}
