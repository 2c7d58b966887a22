// SPDX-License-Identifier: Apache-2.0
// Machines that lack something: loop devices and btrfs, memory, disk; and one whose disk has
// reflinks. Each starts as well as it can and says once what is missing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { removeByForce } from "./harness/leftovers.ts";
import { IS_ROOT, program, ROOT } from "./harness/paths.ts";
import { run, until } from "./harness/run.ts";
import { connect, query } from "./harness/sql.ts";

const skip = !IS_ROOT && "needs root: it mounts";
const EXIT_UNSUPPORTED = 7;
const EXIT_RETRY = 75;

/** A folder with a `howdah` that runs on another machine: `setup` in its own mount namespace. */
function machineBin(base: string, setup: string): string {
  const bin = path.join(base, "bin");
  fs.mkdirSync(bin);
  const inside = `sh -c '${setup} && exec "$@"' sh ${program("howdah")} "$@"`;
  const exec = `exec unshare -m --propagation slave ${inside}`;
  fs.writeFileSync(path.join(bin, "howdah"), `#!/bin/sh\n${exec}\n`, { mode: 0o755 });
  return bin;
}

async function onMachine(
  setup: (base: string) => string,
  args: string[],
  job: (howdah: Howdah, base: string) => Promise<void>,
): Promise<void> {
  const base = makeBase();
  const dataDir = path.join(base, "data");
  const howdah = await Howdah.start({ dataDir, args, bin: machineBin(base, setup(base)) });
  try {
    await job(howdah, base);
    await howdah.end();
  } finally {
    howdah.removeByForce();
    fs.rmSync(base, { recursive: true, force: true });
  }
}

function countOf(text: string, word: RegExp): number {
  return [...text.matchAll(new RegExp(word, "g"))].length;
}

test("in a container without loop devices: copies, said once, and everything works", { skip }, () =>
  onMachine(
    () => "mount --bind /dev/null /dev/loop-control",
    [],
    async (howdah) => {
      await until("the summary is shown", 5_000, () => /is serving/.test(howdah.output));
      assert.equal(countOf(howdah.output, /copy driver/), 1, howdah.output);
      assert.match(howdah.output, /loop/);
      const made = await howdah.api.createDatabase();
      assert.deepEqual(await query(howdah, made, "SELECT 1 AS one"), [{ one: 1 }]);
      const status = JSON.parse((await howdah.cli(["status", "-o", "json"])).stdout);
      assert.match(status.volume, /^copy/);
      assert.ok(!fs.existsSync(path.join(howdah.dataDir, "volume.img")), "no image is left");
    },
  ),
);

test("on a disk with reflinks: no image, and clones that share their blocks", {
  skip,
}, async () => {
  const base = makeBase();
  const disk = path.join(base, "disk.img");
  const point = path.join(base, "mnt");
  fs.mkdirSync(point);
  execFileSync("fallocate", ["-l", "3G", disk]);
  execFileSync("mkfs.xfs", ["-q", "-K", "-m", "reflink=1", disk]);
  execFileSync("mount", ["-o", "loop", disk, point]);
  const dataDir = path.join(point, "data");
  try {
    // The harness asks for a size, which only an image can keep.
    const howdah = await Howdah.start({ dataDir, args: ["--volume-driver", "reflink"] });
    try {
      const made = await howdah.api.createDatabase({ suspendAfterSeconds: 1 });
      await query(howdah, made, "CREATE TABLE t AS SELECT 42 AS n");
      const status = JSON.parse((await howdah.cli(["status", "-o", "json"])).stdout);
      assert.match(status.volume, /^reflink/);
      assert.ok(!fs.existsSync(path.join(dataDir, "volume.img")));
      await howdah.restart();
      assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
      howdah.killEverything({ deep: false });
      await howdah.up();
      assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
      await howdah.end();
    } finally {
      howdah.removeByForce();
    }
  } finally {
    removeByForce(dataDir);
    execFileSync("umount", [point]);
    fs.rmSync(base, { recursive: true, force: true });
  }
});

const KIB = 1024;
const MIB = 1024 * KIB;
function meminfo(totalBytes: number, availableBytes: number): string {
  return `MemTotal: ${totalBytes / KIB} kB\nMemAvailable: ${availableBytes / KIB} kB\n`;
}

test(
  "short of memory: idle databases make room, then a start is refused and can be tried later",
  {
    skip,
  },
  () =>
    onMachine(
      (base) => {
        fs.writeFileSync(path.join(base, "meminfo"), meminfo(4096 * MIB, 2048 * MIB));
        return `mount --bind ${base}/meminfo /proc/meminfo`;
      },
      ["--spares", "0", "--size-class", "nano"],
      async (howdah, base) => {
        howdah.allowedAlarms.push(/memory_full/);
        // Written in place: the mount shows this file.
        const say = (availableBytes: number) =>
          fs.writeFileSync(path.join(base, "meminfo"), meminfo(4096 * MIB, availableBytes));
        const { api } = howdah;
        const busy = await api.createDatabase();
        const idle = await api.createDatabase();
        const session = await connect(howdah, busy);
        await query(howdah, idle, "CREATE TABLE t AS SELECT 42 AS n");
        const stateOf = async (id: string) =>
          (await api.expect(200, "GET", `/api/databases/${id}`)).data.status as string;

        say(100 * MIB);
        const create = () =>
          api.call("POST", "/api/databases", {
            body: { friendlyName: "one more", ownerEmail: "you@example.org" },
          });
        const refused = await create();
        assert.equal(refused.status, 503, JSON.stringify(refused.body));
        assert.equal(refused.body.code, "memory_full");
        assert.match(refused.body.detail, /memory left/);
        assert.match(refused.body.hint, /later/);
        const cli = await howdah.cli(["db", "create", "another"]);
        assert.equal(cli.code, EXIT_RETRY, cli.stderr);
        // The gate keeps its hold for a moment after a session; each attempt looks again.
        await until("the idle one made room", 20_000, async () => {
          assert.equal((await create()).status, 503);
          return (await stateOf(idle.id)) === "suspended";
        });
        const error = await query(howdah, idle, "SELECT 1").catch((e: unknown) => e);
        assert.equal((error as { code?: string }).code, "53200", String(error));
        const alive = await session.query("SELECT 1 AS one");
        assert.deepEqual(alive.rows, [{ one: 1 }], "a session is never ended for it");

        say(2048 * MIB);
        assert.deepEqual(await query(howdah, idle, "SELECT n FROM t"), [{ n: 42 }]);
        await api.createDatabase();
        await session.end();
      },
    ),
);

test("a machine that is too small is refused before anything is made", { skip }, async () => {
  const base = makeBase();
  fs.writeFileSync(path.join(base, "meminfo"), meminfo(128 * MIB, 100 * MIB));
  const bin = machineBin(base, `mount --bind ${base}/meminfo /proc/meminfo`);
  const dataDir = path.join(base, "data");
  try {
    const ports = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];
    const args = ["up", "--data-dir", dataDir, ...ports];
    const refused = await run(path.join(bin, "howdah"), args);
    assert.equal(refused.code, EXIT_UNSUPPORTED, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /memory/);
    assert.match(refused.stderr, /needs at least/);
    assert.ok(!fs.existsSync(dataDir), "nothing was made");
  } finally {
    removeByForce(dataDir);
    fs.rmSync(base, { recursive: true, force: true });
  }
});

/** What packaging/build.sh says on a machine with this memory, in its folder of its own. */
async function buildSays(command: string, available: number, limit?: [number, number]) {
  const base = makeBase();
  try {
    fs.writeFileSync(path.join(base, "meminfo"), meminfo(16384 * MIB, available));
    if (limit) {
      fs.writeFileSync(path.join(base, "memory.max"), `${limit[0]}\n`);
      fs.writeFileSync(path.join(base, "memory.current"), `${limit[1]}\n`);
    }
    const sources = "source packaging/progress.sh; source packaging/build.sh; nproc() { echo 8; }";
    const script = `${sources}; ${command}`;
    const env = { HOWDAH_MEMINFO: path.join(base, "meminfo"), HOWDAH_CGROUP: base };
    return await run("bash", ["-c", script], { cwd: ROOT, env });
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
  }
}

test("a build uses fewer compilers on a small machine; one too small refuses it", async () => {
  const jobs = async (...machine: [number, [number, number]?]) =>
    Number((await buildSays("build_jobs", ...machine)).stdout);
  assert.equal(await jobs(16384 * MIB), 8);
  assert.equal(await jobs(4096 * MIB), 3);
  assert.equal(await jobs(1024 * MIB), 1);
  assert.equal(await jobs(16384 * MIB, [3072 * MIB, 512 * MIB]), 2, "a container's limit counts");
  const refused = await buildSays("check_room", 512 * MIB);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /of memory are available; the compiler needs/);
  assert.equal((await buildSays("check_room", 4096 * MIB)).code, 0);
});
