// SPDX-License-Identifier: Apache-2.0
// T14: many clients at once at one sleeping database, and many sleeping databases at once: each is
// started once and everybody is answered. What is no login wakes nothing.
//
// The times are those of this process as client, TLS and SCRAM of all connections on one core, so
// the same herd at databases that are awake stands beside them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../e2e/harness/api.ts";
import { shared } from "../e2e/harness/howdah.ts";
import { inParallel, sleep, until } from "../e2e/harness/run.ts";
import { PORTS, portOf, query, refusal } from "../e2e/harness/sql.ts";
import { packet, prove, SSL_REQUEST, startup, Wire } from "../e2e/harness/wire.ts";
import { Reporter } from "./harness/report.ts";
import { scaled } from "./harness/scale.ts";
import { readNode, readStarts } from "./harness/sources.ts";

const CONNECTS = scaled(200, 1000);
const SLEEPERS = scaled(20, 100);
const CONNECTIONS_MAX = 500; // more than that at the same time is refused, as it must be
const LIMIT_MS = 60_000;
const PROBES = scaled(20, 200); // of each kind
const GIB = 1024 ** 3;

const report = new Reporter("T14", "Wake herds");
const howdah = shared({
  volumeSize: scaled(4, 10) * GIB,
  args: ["--rate-limit", "writes=1000:10000"],
});

async function make(fields: Record<string, unknown> = {}): Promise<Database> {
  return howdah.it.api.createDatabase({ suspendAfterSeconds: 2, sizeClass: "nano", ...fields });
}

async function instanceOf(database: Database) {
  const slug = database.username.replace("user_", "");
  return (await readNode(howdah.it)).find((instance) => instance.slug === slug)!;
}

async function asleep(databases: Database[]): Promise<void> {
  await until("all sleep", LIMIT_MS, async () => {
    const states = new Map((await readNode(howdah.it)).map(({ slug, state }) => [slug, state]));
    return databases.every(
      ({ username }) => states.get(username.replace("user_", "")) === "stopped",
    );
  });
}

interface Herd {
  ms: number;
  rows: number;
  /** Refused because more than maxConnections were there at the time, and tried again. */
  limited: number;
  errors: string[];
}

/** `count` logins at the same moment, each for one row, to the databases in turns. */
async function herd(count: number, databases: Database[]): Promise<Herd> {
  const begun = performance.now();
  const result: Herd = { ms: 0, rows: 0, limited: 0, errors: [] };
  await inParallel(count, count, async (i) => {
    const database = databases[i % databases.length]!;
    while (performance.now() - begun < LIMIT_MS) {
      try {
        await query(howdah.it, database, "SELECT 1", { port: PORTS[i % 2] });
        result.rows++;
        return;
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code !== "53300") {
          result.errors.push(`${code}: ${message}`);
          return;
        }
        result.limited++;
        await sleep(250);
      }
    }
    result.errors.push("no place became free");
  });
  result.ms = Math.round(performance.now() - begun);
  return result;
}

/** Starts of these since `before`. */
async function startsSince(before: Map<string, number>, databases: Database[]): Promise<number[]> {
  const now = await readStarts(howdah.it);
  const counts: number[] = [];
  for (const database of databases) {
    const { id } = await instanceOf(database);
    counts.push((now.get(id) ?? 0) - (before.get(id) ?? 0));
  }
  return counts;
}

test(`${CONNECTS} connects at once wake one sleeper once, and all are answered`, async (t) => {
  const database = await make({ maxConnections: CONNECTIONS_MAX });
  await query(howdah.it, database, "SELECT 1");
  await asleep([database]);
  const before = await readStarts(howdah.it);
  const woken = await herd(CONNECTS, [database]);
  assert.deepEqual(woken.errors, []);
  assert.deepEqual(await startsSince(before, [database]), [1]);
  const awake = await herd(CONNECTS, [database]);
  assert.deepEqual(awake.errors, []);
  const told = ({ ms, rows, limited }: Herd) =>
    `${rows} rows in ${ms} ms${limited > 0 ? ` (${limited} times maxConnections made wait)` : ""}`;
  t.diagnostic(`asleep ${told(woken)}; awake ${told(awake)}`);
  report.figure({
    what: `${CONNECTS} connects at once to one sleeper`,
    target: "one start, 0 errors",
    measured: `one start, 0 errors, ${told(woken)}; the same awake: ${told(awake)}`,
    met: true,
  });
  // Control of the count: the second sleep ends with a second start.
  await asleep([database]);
  await query(howdah.it, database, "SELECT 1");
  const [starts] = await startsSince(before, [database]);
  assert.ok(starts! >= 2);
  report.control({
    what: "the count of starts, after the database slept once more",
    seen: `${starts} starts`,
    failed: starts! >= 2,
  });
  await howdah.it.api.deleteDatabase(database.id);
});

test(`${SLEEPERS} sleepers woken at once are each started once`, async (t) => {
  const databases = await inParallel(SLEEPERS, 5, async () => {
    const database = await make();
    await query(howdah.it, database, "SELECT 1");
    return database;
  });
  await asleep(databases);
  await sleep(500); // what stopping wrote should not count
  const before = await readStarts(howdah.it);
  const woken = await herd(SLEEPERS, databases);
  assert.deepEqual(woken.errors, []);
  const starts = await startsSince(before, databases);
  assert.deepEqual(new Set(starts), new Set([1]));
  const awake = await herd(SLEEPERS, databases);
  t.diagnostic(`asleep ${woken.ms} ms, awake ${awake.ms} ms`);
  const limit = scaled(undefined, 4000);
  report.figure({
    what: `${SLEEPERS} sleepers woken at once, all answered`,
    target: "one start each, 0 errors; 100 within 4 s",
    measured: `one start each, 0 errors, ${woken.ms} ms; the same awake: ${awake.ms} ms`,
    met: limit === undefined || woken.ms <= limit,
  });
  await inParallel(SLEEPERS, 5, (i) => howdah.it.api.deleteDatabase(databases[i]!.id));
});

/** TLS and the start-up message: the gate asks for a proof next. */
async function introduced(database: Database, i: number): Promise<Wire> {
  const wire = await open(i);
  await wire.secure();
  const { username, database_name } = database;
  wire.send(
    startup([
      ["user", username],
      ["database", database_name],
    ]),
  );
  return wire;
}

/** What knocks without the right to come in. */
const KNOCKS: Record<string, (database: Database, i: number) => Promise<void>> = {
  "a TCP connect": async (_, i) => {
    const wire = await open(i);
    await sleep(5);
    wire.close();
  },
  SSLRequest: async (_, i) => {
    const wire = await open(i);
    wire.send(packet(SSL_REQUEST));
    await sleep(5);
    wire.close();
  },
  "a TLS handshake": async (_, i) => {
    const wire = await open(i);
    await wire.secure();
    wire.close();
  },
  "a start-up without a proof": async (database, i) => {
    const wire = await introduced(database, i);
    await wire.read();
    wire.close();
  },
  "a wrong proof": async (database, i) => {
    const wire = await introduced(database, i);
    assert.notEqual(await prove(wire, "wrong"), "accepted");
    wire.close();
  },
  "a wrong password of a driver": async (database, i) => {
    const port = PORTS[i % 2];
    await refusal(query(howdah.it, database, "SELECT 1", { port, password: "wrong" }));
  },
};

function open(i: number): Promise<Wire> {
  return Wire.open(howdah.it.connection.host, portOf(howdah.it, PORTS[i % 2]));
}

test("what is no login wakes nothing", async () => {
  const database = await make();
  await query(howdah.it, database, "SELECT 1");
  await asleep([database]);
  const before = await readStarts(howdah.it);
  for (const knock of Object.values(KNOCKS)) {
    await inParallel(PROBES, 5, (i) => knock(database, i));
  }
  await sleep(300);
  assert.deepEqual(await startsSince(before, [database]), [0]);
  assert.equal((await instanceOf(database)).state, "stopped");
  const kinds = Object.keys(KNOCKS);
  report.figure({
    what: `probes: ${kinds.join(", ")}`,
    target: "wake nothing",
    measured: `${PROBES} of each, 0 starts`,
    met: true,
  });
  await query(howdah.it, database, "SELECT 1");
  const [starts] = await startsSince(before, [database]);
  report.control({
    what: "a login with the right password, seen by the same count",
    seen: `${starts} start`,
    failed: starts === 1,
  });
  assert.equal(starts, 1);
  await howdah.it.api.deleteDatabase(database.id);
});
