// SPDX-License-Identifier: Apache-2.0
// T11: disks of 700 MB with a hog tenant. It fills them by inserts, many tables, one long
// transaction and temporary files, while neighbours and the catalog commit all the time. No
// neighbour notices, and everything is as before within 60 s of room coming back. The control has
// neither ballast nor thresholds.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type DiskFullOptions,
  type DiskFullResult,
  dropHog,
  MIB,
  playDiskFull,
  SmallDisk,
  VOLUME_SIZE,
} from "../e2e/harness/disk_full.ts";
import { IS_ROOT } from "../e2e/harness/paths.ts";
import { Reporter } from "./harness/report.ts";
import { IS_FULL, scaled } from "./harness/scale.ts";

const HEAL_MS_MAX = 60_000;
const report = new Reporter("T11", "Disk full");
const SPARES = ["--spares", "1"];
const IMAGE = { args: ["--volume-driver", "btrfs", ...SPARES], volumeSize: VOLUME_SIZE };
// What this test does is what somebody should be told.
const ALLOWED = { allowedAlarms: [/ WARN /] };

function tell(t: TestContext, name: string, result: DiskFullResult): void {
  const { committed, catalogChanges, failures, lost, gapMsMax, healMs, hogCodes, freeMin } = result;
  const codes = Object.entries(hogCodes).map(([code, count]) => `${code} ${count} times`);
  const text =
    `${name}: neighbours ${committed} commits, ${failures.length} failed, ${lost} lost, ` +
    `longest gap ${Math.round(gapMsMax)} ms; catalog ${catalogChanges} changes; ` +
    `the hog was told ${codes.join(", ")}; least free ${Math.round(freeMin / MIB)} MiB`;
  t.diagnostic(`${text}; healed in ${Math.round(healMs)} ms`);
  report.note(text);
}

async function holds(t: TestContext, name: string, options: DiskFullOptions): Promise<void> {
  const result = await playDiskFull(options);
  tell(t, name, result);
  const hurt = result.failures.length + result.lost;
  report.figure({
    what: `${name}: transactions of neighbours that failed or were lost`,
    target: "0",
    measured: `${hurt} of ${result.committed + result.catalogChanges}`,
    met: hurt === 0,
  });
  report.figure({
    what: `${name}: everything as before after room came back`,
    target: "60 s",
    measured: `${(result.healMs / 1000).toFixed(1)} s`,
    met: result.healMs <= HEAL_MS_MAX,
  });
  assert.deepEqual(result.failures, []);
  assert.equal(result.lost, 0);
  assert.ok(result.healMs <= HEAL_MS_MAX, `${result.healMs} ms`);
  assert.ok((result.hogCodes["53100"] ?? 0) > 0, JSON.stringify(result.hogCodes));
}

const hogMs = scaled(5_000, 30_000);

test("btrfs image: nobody else notices; it heals when the volume grows", {
  skip: !IS_ROOT,
}, async (t) => {
  await holds(t, "btrfs image", {
    start: { ...IMAGE, ...ALLOWED },
    hogMs,
    relieve: (howdah) => howdah.cli(["volume", "grow", "+400M"]),
  });
});

test("control: without ballast and thresholds the neighbours fail", {
  skip: !IS_ROOT,
}, async (t) => {
  const result = await playDiskFull({
    start: { ...IMAGE, ...ALLOWED, env: { HOWDAH_WITHOUT_DISK_GUARD: "1" } },
    hogMs,
    unguarded: true,
    relieve: (howdah) => howdah.cli(["volume", "grow", "+400M"]),
  });
  tell(t, "control", result);
  report.control({
    what: "neither ballast nor thresholds (HOWDAH_WITHOUT_DISK_GUARD)",
    seen: `${result.failures.length} of the neighbours' failed, such as: ${result.failures[0]}`,
    failed: result.failures.length > 0,
  });
  assert.ok(result.failures.length > 0, "the test would not notice");
});

for (const [type, driver] of [
  ["xfs", "reflink"],
  ["ext4", "copy"],
] as const) {
  test(`${driver} on ${type}: the same, and dropping a table heals it`, {
    skip: !IS_ROOT || !IS_FULL,
  }, async (t) => {
    const disk = new SmallDisk(type);
    try {
      await holds(t, `${driver} on ${type}`, {
        start: {
          args: ["--volume-driver", driver, ...SPARES],
          dataDir: disk.dataDir,
          ...ALLOWED,
        },
        hogMs,
        relieve: async (howdah, filler, hog) => {
          await howdah.cli(["db", "delete", filler.database_name, "--purge", "--yes"]);
          await dropHog(howdah, hog);
        },
      });
    } finally {
      disk.remove();
    }
  });
}
