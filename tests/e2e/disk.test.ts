// SPDX-License-Identifier: Apache-2.0
// A full disk hurts whoever fills it, and nobody else; room comes back, or is made, while all of it
// runs (T11 of docs/reliability.md; its figures and its control are in tests/chaos/t11_disk_full).
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  type DiskFullResult,
  MIB,
  playDiskFull,
  VOLUME_SIZE,
  volumeOf,
} from "./harness/disk_full.ts";
import { Howdah } from "./harness/howdah.ts";
import { IS_ROOT } from "./harness/paths.ts";
import { until } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const EXIT_FULL = 75;
const HOG_ALARMS = [
  /disk: .*(free of|of the volume|suspended)/,
  /instance: .*(PostgreSQL|cannot start)/,
];
const IMAGE = { args: ["--volume-driver", "btrfs", "--spares", "1"], volumeSize: VOLUME_SIZE };

function say(t: { diagnostic(text: string): void }, result: DiskFullResult): void {
  const { committed, catalogChanges, lost, failures, gapMsMax, healMs, hogCodes, freeMin } = result;
  t.diagnostic(
    `neighbours: ${committed} commits, ${failures.length} failed, ${lost} lost, ` +
      `longest gap ${Math.round(gapMsMax)} ms; catalog: ${catalogChanges} changes; ` +
      `hog: ${JSON.stringify(hogCodes)}; least free ${Math.round(freeMin / MIB)} MiB; ` +
      `healed in ${Math.round(healMs)} ms`,
  );
}

test("a hog that fills the volume is suspended; its neighbours commit all the time; it heals", {
  skip: !IS_ROOT,
}, async (t) => {
  const result = await playDiskFull({
    start: { ...IMAGE, allowedAlarms: HOG_ALARMS },
    hogMs: 7_000,
    relieve: (howdah) => howdah.cli(["volume", "grow", "+400M"]),
    after: async (howdah, hog) => {
      await until("the audit log tells of it", 30_000, async () => {
        const audit = await howdah.api.expect(200, "GET", "/api/audit?limit=200");
        const actions = audit.data.map((row: { action: string }) => row.action);
        const told = ["database.hold_back", "database.let_go_on", "volume.grow"];
        return told.every((action) => actions.includes(action));
      });
      const rows = await query(howdah, hog, "SELECT count(*)::int AS n FROM hog");
      assert.ok(rows[0]!.n > 1000, "what the hog had committed is there");
    },
  });
  say(t, result);
  assert.deepEqual(result.failures, []);
  assert.equal(result.lost, 0);
  assert.ok(result.committed > 500);
  assert.ok((result.hogCodes["53100"] ?? 0) > 0, JSON.stringify(result.hogCodes));
  assert.ok(result.healMs < 60_000);
});

test("the volume is shown, and grows while databases are used; its image stays whole", {
  skip: !IS_ROOT,
}, async () => {
  const howdah = await Howdah.start(IMAGE);
  try {
    const made = await howdah.api.createDatabase();
    const image = path.join(howdah.dataDir, "volume.img");
    const ballast = fs.statSync(path.join(howdah.dataDir, "volume/.howdah-ballast"));
    assert.equal(ballast.size, 64 * MIB);
    assert.ok(ballast.blocks * 512 >= ballast.size, "it holds its blocks");
    const reserve = fs.statSync(path.join(howdah.dataDir, "node/reserve"));
    assert.ok(reserve.blocks * 512 >= 64 * MIB, "the catalog has a reserve of its own");

    const shown = await howdah.cli(["volume", "show"]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^\[#+\.+!+X+\]$/m);
    const before = await volumeOf(howdah);
    const grown = await howdah.cli(["volume", "grow", "+300M"]);
    assert.equal(grown.code, 0, grown.stderr);
    const after = await volumeOf(howdah);
    assert.equal(after.size_bytes - before.size_bytes, 300 * MIB);
    assert.ok(after.free_bytes - before.free_bytes > 280 * MIB);
    const { size, blocks } = fs.statSync(image);
    assert.equal(size, VOLUME_SIZE + 300 * MIB);
    assert.ok(blocks * 512 >= size, "it stays preallocated");
    await query(howdah, made, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");

    for (const wrong of ["100M", "+1000T", "much"]) {
      const refused = await howdah.cli(["volume", "grow", wrong]);
      assert.notEqual(refused.code, 0, wrong);
      assert.match(refused.stderr, /what to do/, wrong);
      if (wrong === "+1000T") assert.equal(refused.code, EXIT_FULL);
    }
    assert.equal(fs.statSync(image).size, VOLUME_SIZE + 300 * MIB);
    for (const body of [{}, { addBytes: 0 }, { addBytes: 1, sizeBytes: 1 }, { sizeBytes: "1" }]) {
      await howdah.api.problem(400, "POST", "/api/volume/grow", { body });
    }
    await howdah.restart();
    assert.equal((await volumeOf(howdah)).size_bytes, after.size_bytes);

    // As a crash in the middle of a growth leaves it.
    await howdah.stop();
    const fd = fs.openSync(image, "r+");
    fs.writeSync(fd, Buffer.alloc(MIB), 0, MIB, VOLUME_SIZE + 399 * MIB);
    fs.closeSync(fd);
    await howdah.up();
    assert.equal((await volumeOf(howdah)).size_bytes - after.size_bytes, 100 * MIB);
    const rows = await query(howdah, made, "SELECT count(*)::int AS n FROM t");
    assert.deepEqual(rows, [{ n: 1000 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("without an image of its own a volume cannot grow, and says so", async () => {
  const howdah = await Howdah.start({ args: ["--volume-driver", "copy"] });
  try {
    const problem = await howdah.api.problem(501, "POST", "/api/volume/grow", {
      body: { addBytes: MIB },
    });
    assert.match(JSON.stringify(problem), /disk/);
    assert.equal((await volumeOf(howdah)).state, "ok");
  } finally {
    await howdah.end();
  }
});
