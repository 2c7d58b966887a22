// SPDX-License-Identifier: Apache-2.0
// Idle databases sleep and wake on connect, also when howdahd and the catalog are down.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { sleep, until } from "./harness/run.ts";
import { connect, PORTS, query } from "./harness/sql.ts";

const howdah = shared();

async function statusOf(database: Database): Promise<string> {
  const body = await howdah.it.api.expect(200, "GET", `/api/databases/${database.id}`);
  return body.data.status;
}

async function asleep(fields: Record<string, unknown> = {}): Promise<Database> {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1, ...fields });
  await query(howdah.it, made, "CREATE TABLE t AS SELECT 42 AS n");
  await until("it is suspended", 20_000, async () => (await statusOf(made)) === "suspended");
  return made;
}

for (const port of PORTS) {
  test(`an idle database is suspended and wakes for a connect on the ${port} port`, async (t) => {
    const made = await asleep();
    const started = performance.now();
    assert.deepEqual(await query(howdah.it, made, "SELECT n FROM t", { port }), [{ n: 42 }]);
    t.diagnostic(`woken and answered in ${Math.round(performance.now() - started)} ms`);
    await until("it is active", 5_000, async () => (await statusOf(made)) === "active");
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("an open session keeps its database awake", async () => {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1 });
  const session = await connect(howdah.it, made);
  await sleep(4000);
  assert.equal(await statusOf(made), "active");
  assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1);
  await session.end();
  await until("it is suspended", 20_000, async () => (await statusOf(made)) === "suspended");
  await howdah.it.api.deleteDatabase(made.id);
});

test("showing, listing and asking for stats wakes nothing", async () => {
  const made = await asleep();
  for (const path of ["", "/stats", "/connection-strings"]) {
    await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}${path}`);
  }
  await howdah.it.api.expect(200, "GET", "/api/databases");
  await howdah.it.api.call("GET", "/metrics");
  await howdah.it.api.call("GET", "/health", { key: null });
  assert.equal(await statusOf(made), "suspended");
  await howdah.it.api.deleteDatabase(made.id);
});

test("200 connects at once on both ports wake it once and are all answered", async (t) => {
  const made = await asleep({ maxConnections: 200 });
  const begun = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      query<{ n: number; started: string }>(
        howdah.it,
        made,
        "SELECT n, pg_postmaster_start_time()::text AS started FROM t",
        { port: PORTS[i % 2] },
      ),
    ),
  );
  t.diagnostic(`all answered in ${Math.round(performance.now() - begun)} ms`);
  assert.equal(new Set(answers.map(([row]) => row!.started)).size, 1);
  assert.ok(answers.every(([row]) => row!.n === 42));
  await howdah.it.api.deleteDatabase(made.id);
});

test("a suspended database can be deleted", async () => {
  const made = await asleep();
  await howdah.it.api.deleteDatabase(made.id);
  await assert.rejects(query(howdah.it, made, "SELECT 1"));
});

test("0 means never", async () => {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 0 });
  await query(howdah.it, made, "SELECT 1");
  await sleep(3000);
  assert.equal(await statusOf(made), "active");
  await howdah.it.api.deleteDatabase(made.id);
});

test("with howdahd and the catalog down, logins work and sleepers wake", async () => {
  const made = await asleep();
  const running = await howdah.it.api.createDatabase();
  // Stopped, not killed: the supervisor would start them again at once.
  const [control] = howdah.it.pidsOf("howdahd");
  const catalog = howdah.it.catalogPids();
  assert.ok(catalog.length > 0);
  const halted = [control!, ...catalog];
  for (const pid of halted) process.kill(pid, "SIGSTOP");
  try {
    for (const port of PORTS) {
      assert.deepEqual(await query(howdah.it, running, "SELECT 1 AS n", { port }), [{ n: 1 }]);
    }
    assert.deepEqual(await query(howdah.it, made, "SELECT n FROM t"), [{ n: 42 }]);
    const wrong = query(howdah.it, running, "SELECT 1", { password: "wrong" });
    await assert.rejects(wrong, { code: "28P01" });
  } finally {
    for (const pid of halted) process.kill(pid, "SIGCONT");
  }
  await until("howdahd answers again", 20_000, async () => {
    try {
      return (await howdah.it.api.call("GET", "/health", { key: null })).status === 200;
    } catch {
      return false;
    }
  });
  for (const { id } of [made, running]) await howdah.it.api.deleteDatabase(id);
});
