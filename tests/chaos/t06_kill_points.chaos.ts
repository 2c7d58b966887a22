// SPDX-License-Identifier: Apache-2.0
// T6: kill -9 of any process at any moment of anything that changes state. Within 30 s everything
// is absent or complete, what was acknowledged is complete, nothing is orphaned, and never do two
// postmasters share a directory.
//
// A round prepares some operations, begins each so that the moment of the kill lies at a random
// place of its length, kills one process, and waits until all is quiet. A kill point is a pair of
// operation and process.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Howdah, shared } from "../e2e/harness/howdah.ts";
import { sleep } from "../e2e/harness/run.ts";
import { connectAsPlatform } from "../e2e/harness/sql.ts";
import { inspect, settled, TwinWatch } from "./harness/inspection.ts";
import {
  measure,
  OPERATIONS,
  type Operation,
  type OperationName,
  prepare,
} from "./harness/operations.ts";
import { Reporter } from "./harness/report.ts";
import { Random, SEED, scaled } from "./harness/scale.ts";
import { instancesFolder, readNode, readPostmasters } from "./harness/sources.ts";

const LIMIT_MS = 30_000;
// howdah is the supervisor: its daemons die with it, and somebody starts it again.
const DAEMONS = ["howdahd", "howdah-node", "howdah-gate"] as const;
const VICTIMS = [...DAEMONS, "catalog", "instance", "howdah"] as const;
type Victim = (typeof VICTIMS)[number];
const AT_ONCE = scaled(3, 6);

const report = new Reporter("T6", "Kill points");
const howdah = shared({
  volumeSize: 4 * 1024 ** 3,
  args: ["--rate-limit", "writes=1000:10000"],
  // What this test does is what somebody should be told.
  allowedAlarms: [/ WARN /],
});
const random = new Random();
const lengths = new Map<OperationName, number>();

/** The process to kill; undefined: there is none such now. */
async function pidOf(it: Howdah, victim: Victim, operations: Operation[]): Promise<number> {
  if (victim === "howdah") return it.pid;
  if (victim !== "catalog" && victim !== "instance") return it.pidsOf(victim)[0] ?? 0;
  const postmasters = readPostmasters(it);
  if (victim === "catalog") {
    return postmasters.find(({ directory }) => directory === "catalog")?.pid ?? 0;
  }
  // One that is worked on, else any: a create may be about to get it.
  const wanted = operations.map(({ instance }) => instance);
  const tenants = postmasters.filter(({ directory }) => directory !== "catalog");
  const involved = tenants.filter(({ directory }) => wanted.includes(directory));
  return random.pick(involved.length > 0 ? involved : tenants).pid;
}

interface Outcome {
  /** Only of operations that were under way at the kill. */
  points: string[];
  settledMs: number;
  acknowledged: number;
}

async function round(it: Howdah, victim: Victim, names: OperationName[]): Promise<Outcome> {
  const operations = await Promise.all(names.map((name) => prepare(it, name)));
  const outcomes = new Map<Operation, boolean>();
  // Where in its length each is hit.
  const hits = operations.map(({ name }) => random.next() * (lengths.get(name) ?? 50));
  const until = Math.max(...hits);
  const works = operations.map(async (operation, i) => {
    await sleep(until - hits[i]!);
    const begun = performance.now();
    try {
      await operation.begin();
      outcomes.set(operation, true);
      // A busy machine measures long; what was undisturbed this time corrects it.
      const usual = lengths.get(operation.name) ?? 0;
      lengths.set(operation.name, Math.min(usual, performance.now() - begun));
    } catch {
      outcomes.set(operation, false);
    }
  });
  const watch = new TwinWatch(it);
  await sleep(until);
  const pid = await pidOf(it, victim, operations);
  if (pid > 0) process.kill(pid, "SIGKILL");
  const killed = performance.now();
  const hit = operations.filter((operation) => !outcomes.has(operation));
  if (victim === "howdah") await it.up();
  await Promise.all(works);
  const judge = async () =>
    (await Promise.all(operations.map((one) => one.judge(outcomes.get(one) ?? false)))).flat();
  const left = Math.max(0, LIMIT_MS - (performance.now() - killed));
  try {
    await settled(it, left, judge);
  } catch (error) {
    const told = operations.map((one, i) => `${one.name} after ${Math.round(hits[i]!)} ms`);
    throw new Error(`${victim} killed during ${told}: ${(error as Error).message}`);
  }
  const settledMs = performance.now() - killed;
  assert.deepEqual(watch.stop(), [], "two postmasters on one directory");
  await Promise.all(operations.map((operation) => operation.clean()));
  const points = hit.map(({ name }) => `${name} / ${victim}`);
  return { points, settledMs, acknowledged: hit.filter((one) => outcomes.get(one)).length };
}

test("without any kill every operation does what it says", async (t) => {
  for (const name of OPERATIONS) lengths.set(name, await measure(howdah.it, name));
  const told = [...lengths].map(([name, ms]) => `${name} ${Math.round(ms)} ms`);
  t.diagnostic(told.join(", "));
  await settled(howdah.it, LIMIT_MS);
});

test("after each kill everything is absent or complete within 30 s", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  // In full every pair of operation and process 20 times.
  const rounds = scaled(12, 20 * Math.ceil((OPERATIONS.length * VICTIMS.length) / AT_ONCE));
  const queue: OperationName[] = [];
  const times: number[] = [];
  const points = new Map<string, number>();
  let acknowledged = 0;
  for (let i = 0; i < rounds; i++) {
    while (queue.length < AT_ONCE) queue.push(...random.shuffled(OPERATIONS));
    const victim = VICTIMS[i % VICTIMS.length]!;
    const outcome = await round(howdah.it, victim, queue.splice(0, AT_ONCE));
    times.push(outcome.settledMs);
    acknowledged += outcome.acknowledged;
    for (const point of outcome.points) points.set(point, (points.get(point) ?? 0) + 1);
  }
  times.sort((a, b) => a - b);
  const hits = [...points.values()].reduce((sum, count) => sum + count, 0);
  const worst = (times.at(-1)! / 1000).toFixed(1);
  const middle = (times[Math.floor(times.length / 2)]! / 1000).toFixed(1);
  report.figure({
    what: "absent or complete after kill -9, nothing orphaned",
    target: "within 30 s, at every point",
    measured:
      `${rounds} kills hit ${hits} operations under way (${points.size} pairs of operation and ` +
      `process); quiet again after ${middle} s (median), ${worst} s at most; ${acknowledged} ` +
      "were acknowledged all the same, and complete",
    met: true,
  });
  report.figure({
    what: "two postmasters on one directory",
    target: "never",
    measured: "0, looked for every 100 ms",
    met: true,
  });
  t.diagnostic(
    `${rounds} kills, ${hits} hits, ${points.size} points, settled ${middle} s, at most ${worst} s`,
  );
});

/** Plants something, wants to see it told, takes it away. */
async function plant(what: RegExp, make: () => Promise<() => Promise<void>>): Promise<string> {
  const undo = await make();
  try {
    const faults = await inspect(howdah.it);
    assert.ok(
      faults.some((fault) => what.test(fault)),
      `${what} is not among: ${faults.join("; ")}`,
    );
  } finally {
    await undo();
  }
  return what.source;
}

async function plantRow(sql: string, undo: string): Promise<() => Promise<void>> {
  const folder = howdah.it.socketsOf("catalog");
  const session = await connectAsPlatform(folder, "postgres_control");
  await session.query(sql);
  return async () => {
    await session.query(undo);
    await session.end();
  };
}

test("the inspection sees what is planted: it can fail", async () => {
  const it = howdah.it;
  const seen: string[] = [];
  const folder = path.join(instancesFolder(it), "i-planted00000");
  seen.push(
    await plant(/directory i-planted00000 is half-made/, async () => {
      fs.mkdirSync(path.join(folder, "data"), { recursive: true });
      return async () => fs.rmSync(folder, { recursive: true });
    }),
  );
  const sockets = it.socketsOf("i-planted00000");
  seen.push(
    await plant(/socket folder of unknown i-planted00000/, async () => {
      fs.mkdirSync(sockets);
      return async () => fs.rmdirSync(sockets);
    }),
  );
  const staging = path.join(it.dataDir, "volume/.howdah-staging/planted");
  seen.push(
    await plant(/half-made or half-deleted: planted/, async () => {
      fs.mkdirSync(staging);
      return async () => fs.rmdirSync(staging);
    }),
  );
  seen.push(
    await plant(/is being created by no job/, () =>
      plantRow(
        `INSERT INTO howdah.databases (friendly_name, owner_email)
         VALUES ('planted', 'owner@example.org')`,
        "DELETE FROM howdah.databases WHERE friendly_name = 'planted'",
      ),
    ),
  );
  await settled(it, LIMIT_MS);
  report.control({
    what: "the inspection, shown planted orphans",
    seen: `told all ${seen.length} kinds: ${seen.join(", ")}`,
    failed: true,
  });
});

test("the inspection sees a second postmaster, a lost instance and a foreign process", async () => {
  const it = howdah.it;
  const made = await it.api.createDatabase();
  const [instance] = (await readNode(it)).filter((one) => one.token !== "" && one.pid > 0);
  await plant(/postmasters \d+ and \d+ on/, async () => {
    // Something that looks like a second one, as far as the kernel shows it.
    const { spawn } = await import("node:child_process");
    const commandOf = fs.readFileSync(`/proc/${instance!.pid}/cmdline`, "utf8").split("\0");
    const child = spawn("/bin/sleep", ["60"], {
      argv0: commandOf.slice(0, -1).join(" "),
    });
    await sleep(200);
    return async () => {
      child.kill("SIGKILL");
    };
  });
  await it.api.deleteDatabase(made.id);
  await settled(it, LIMIT_MS);
});
