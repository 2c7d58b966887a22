// SPDX-License-Identifier: Apache-2.0
// `howdah doctor` finds what is wrong, says what it means and what to do, and works when Howdah is
// down.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { IS_ROOT, program } from "./harness/paths.ts";
import { type RunResult, run } from "./harness/run.ts";

const EXIT_FINDINGS = 6;
const KINDS = ["ok", "note", "warn", "fail"];

interface Finding {
  name: string;
  status: string;
  text: string;
  meaning: string;
  advice: string;
}

function findings(result: RunResult): Finding[] {
  const rows = JSON.parse(result.stdout) as Finding[];
  for (const row of rows) {
    assert.ok(KINDS.includes(row.status), JSON.stringify(row));
    assert.notEqual(row.text, "");
    const bad = row.status === "warn" || row.status === "fail";
    if (bad) assert.ok(row.meaning && row.advice, `no way out: ${JSON.stringify(row)}`);
  }
  const bad = rows.some(({ status }) => status === "warn" || status === "fail");
  assert.equal(result.code, bad ? EXIT_FINDINGS : 0, result.stderr);
  return rows;
}

async function examine(howdah: Howdah): Promise<Finding[]> {
  return findings(await howdah.cli(["doctor", "-o", "json"]));
}

function the(rows: Finding[], name: string): Finding {
  const found = rows.find((row) => row.name === name);
  assert.ok(found, `no check '${name}' in ${JSON.stringify(rows)}`);
  return found;
}

test("before the first start it says what there is", async () => {
  const base = makeBase();
  try {
    const args = ["--data-dir", path.join(base, "data"), "doctor", "-o", "json"];
    const rows = findings(await run(program("howdah"), args));
    assert.equal(the(rows, "howdah").status, "note");
    assert.match(the(rows, "howdah").advice, /howdah up/);
    assert.equal(the(rows, "data folder").status, "note");
    assert.match(the(rows, "postgresql").text, /^\d+\.\d+/);
    for (const name of ["disk", "memory", "swap", "ports", "clock", "open files", "service"]) {
      the(rows, name);
    }
    assert.ok(!fs.existsSync(path.join(base, "data")), "it made nothing");
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
  }
});

test("a Howdah that serves has no faults; what is broken is found, also when it is down", {
  skip: !IS_ROOT,
}, async () => {
  const howdah = await Howdah.start();
  try {
    const healthy = await examine(howdah);
    for (const name of ["howdah", "volume", "volume image", "tls certificate", "ports"]) {
      assert.equal(the(healthy, name).status, "ok", JSON.stringify(the(healthy, name)));
    }
    assert.equal(the(healthy, "versions").status, "ok");
    assert.equal(the(healthy, "user ids").status, "ok");
    assert.equal(the(healthy, "walls").status, "ok");
    const words = await howdah.cli(["doctor"]);
    assert.match(words.stdout, /ok {4}volume/);
    for (const line of words.stdout.split("\n")) assert.ok(line.length <= 100, line);

    howdah.killEverything({ deep: false });
    const crashed = the(await examine(howdah), "leftovers");
    assert.equal(crashed.status, "warn");
    assert.match(crashed.text, /mounted|node\.sock|howdah/);
    await howdah.up();
    assert.equal(await howdah.stop(), 0);

    const dir = (...parts: string[]) => path.join(howdah.dataDir, ...parts);
    const down = await examine(howdah);
    assert.equal(the(down, "howdah").status, "note");
    assert.equal(the(down, "leftovers").status, "ok");
    assert.equal(the(down, "volume image").status, "ok");

    const certificate = fs.readFileSync(dir("tls/server.crt"));
    fs.writeFileSync(dir("tls/server.crt"), "no certificate");
    assert.equal(the(await examine(howdah), "tls certificate").status, "fail");
    fs.writeFileSync(dir("tls/server.crt"), certificate);

    const log = dir("logs/howdahd.log");
    const { atime, mtime } = fs.statSync(log);
    const later = new Date(Date.now() + 86_400_000);
    fs.utimesSync(log, later, later);
    const clock = the(await examine(howdah), "clock");
    assert.equal(clock.status, "fail");
    assert.match(clock.meaning, /set back/);
    fs.utimesSync(log, atime, mtime);

    const dump = dir("backups/catalog/catalog-20200101T000000Z.dump");
    fs.writeFileSync(dump, "old");
    const old = new Date(2020, 0, 1);
    fs.utimesSync(dump, old, old);
    const dumps = fs.readdirSync(dir("backups/catalog"));
    if (dumps.length === 1) assert.equal(the(await examine(howdah), "catalog dump").status, "warn");
    fs.rmSync(dump);

    fs.renameSync(dir("volume.img"), dir("elsewhere.img"));
    assert.equal(the(await examine(howdah), "volume image").status, "fail");
    fs.writeFileSync(dir("volume.img"), "");
    fs.truncateSync(dir("volume.img"), 1024 * 1024);
    const holes = the(await examine(howdah), "volume image");
    assert.equal(holes.status, "fail");
    assert.match(holes.advice, /fallocate -l 1048576/);
    fs.renameSync(dir("elsewhere.img"), dir("volume.img"));
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("programs that were replaced on disk are named until the restart", async () => {
  const base = makeBase();
  const names = ["howdah", "howdahd", "howdah-gate", "howdah-node"];
  for (const name of names) fs.copyFileSync(program(name), path.join(base, name));
  const howdah = await Howdah.start({ bin: base });
  try {
    assert.equal(the(await examine(howdah), "versions").status, "ok");
    fs.rmSync(path.join(base, "howdah-gate"));
    fs.copyFileSync(program("howdah-gate"), path.join(base, "howdah-gate"));
    const replaced = the(await examine(howdah), "versions");
    assert.equal(replaced.status, "warn");
    assert.match(replaced.text, /howdah-gate \(pid \d+\)/);
    await howdah.restart();
    assert.equal(the(await examine(howdah), "versions").status, "ok");
    await howdah.end();
  } finally {
    howdah.removeByForce();
    fs.rmSync(base, { recursive: true, force: true });
  }
});
