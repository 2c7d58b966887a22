// SPDX-License-Identifier: Apache-2.0
// Every process killed, as by a power cut of the whole machine, and started again: nothing is lost
// and nobody has to do anything.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { Howdah } from "./harness/howdah.ts";
import { Ledger, lost } from "./harness/ledger.ts";
import { run } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

async function killAndStart(howdah: Howdah, deep: boolean): Promise<void> {
  const { api } = howdah;
  const databases: Database[] = [];
  for (let i = 0; i < 3; i++) {
    const made = await api.createDatabase({ friendlyName: `kept ${i}` });
    databases.push(made);
  }
  const key = await api.expect(201, "POST", "/api/keys", {
    body: { name: "kept", scopes: ["read"] },
  });
  const ledgers = await Promise.all(
    databases.map((database) => new Ledger(howdah, database).begin()),
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.ok(howdah.killEverything({ deep }) >= 5);
  await Promise.all(ledgers.map((ledger) => ledger.stop()));

  await howdah.up();
  for (const ledger of ledgers) {
    const { acknowledged } = ledger;
    assert.ok(acknowledged.length > 10, `only ${acknowledged.length} rows were written`);
    assert.deepEqual(lost(acknowledged, await ledger.present()), []);
  }
  const list = await howdah.api.expect(200, "GET", "/api/databases");
  assert.equal(list.count, databases.length);
  await howdah.api.expect(200, "GET", "/api/databases", { key: key.data.key });
  const fresh = await howdah.api.createDatabase({ friendlyName: "after" });
  assert.deepEqual(await query(howdah, fresh, "SELECT 1 AS one"), [{ one: 1 }]);
}

test("after kill -9 of every process everything is there again", async () => {
  const howdah = await Howdah.start();
  try {
    await killAndStart(howdah, false);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("the same when mounts, loop devices and /run are gone, as after a real reboot", async () => {
  const howdah = await Howdah.start();
  try {
    await killAndStart(howdah, true);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("a kill in the middle of the very first start is no harm to the next", async () => {
  const howdah = await Howdah.start();
  try {
    await howdah.stop();
    fs.rmSync(howdah.dataDir, { recursive: true });
    for (const delayMs of [150, 600, 1500]) {
      const starting = howdah.up().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      howdah.killEverything({ deep: false });
      await starting;
    }
    await howdah.up();
    const made = await howdah.api.createDatabase();
    assert.deepEqual(await query(howdah, made, "SELECT 1 AS one"), [{ one: 1 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("a plain stop and start keeps databases, passwords and the CA", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    await query(howdah, made, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
    const ca = fs.readFileSync(howdah.connection.ca_certificate, "utf8");
    await howdah.restart();
    assert.equal(fs.readFileSync(howdah.connection.ca_certificate, "utf8"), ca);
    const rows = await query(howdah, made, "SELECT count(*)::int AS n FROM t");
    assert.deepEqual(rows, [{ n: 1000 }]);
    const folder = path.join(howdah.dataDir, "volume/instances");
    await howdah.stop();
    if (fs.existsSync(folder)) {
      for (const name of fs.readdirSync(folder)) {
        const data = path.join(folder, name, "data");
        const tool = "/usr/lib/postgresql/15/bin/pg_controldata";
        const { stdout } = await run(tool, ["-D", data]);
        assert.match(stdout, /cluster state:\s+shut down/, name);
      }
    }
  } finally {
    howdah.removeByForce();
  }
});
