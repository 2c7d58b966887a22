// SPDX-License-Identifier: Apache-2.0
// kill -9 of one daemon with sessions open. The gate holds the sessions, so only its death ends
// them; howdahd and howdah-node come back under running sessions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, PORTS, postmasterOf, query } from "./harness/sql.ts";

const howdah = shared({
  // What these tests do is what somebody should be told.
  allowedAlarms: [
    /WARN {2}nodes: the node agent does not answer/,
    /WARN {2}instance: .* PostgreSQL (was killed by signal 9|died)/,
  ],
});

for (const port of PORTS) {
  test(`a session on the ${port} port survives the death of howdahd`, async () => {
    const made = await howdah.it.api.createDatabase();
    const session = await connect(howdah.it, made, { port });
    await session.query("CREATE TEMP TABLE mine (n int)");
    const killed = howdah.it.kill("howdahd");
    await session.query("INSERT INTO mine VALUES (1)");
    assert.deepEqual(await query(howdah.it, made, "SELECT 5 AS n", { port }), [{ n: 5 }]);
    await howdah.it.isBack("howdahd", killed);
    assert.equal((await session.query("SELECT count(*)::int AS n FROM mine")).rows[0].n, 1);
    await session.end();
    await howdah.it.api.deleteDatabase(made.id);
  });

  test(`a session on the ${port} port survives the death of howdah-node`, async () => {
    const made = await howdah.it.api.createDatabase();
    const session = await connect(howdah.it, made, { port });
    await session.query("CREATE TEMP TABLE mine (n int)");
    const postmaster = await postmasterOf(session);
    const killed = howdah.it.kill("howdah-node");
    await session.query("INSERT INTO mine VALUES (1)");
    await howdah.it.isBack("howdah-node", killed);
    assert.equal((await session.query("SELECT count(*)::int AS n FROM mine")).rows[0].n, 1);
    assert.equal(await postmasterOf(session), postmaster, "the instance was not adopted");
    assert.ok(howdah.it.postmasters().includes(postmaster));
    await session.end();
    const another = await howdah.it.api.createDatabase();
    assert.deepEqual(await query(howdah.it, another, "SELECT 1 AS n"), [{ n: 1 }]);
    for (const { id } of [made, another]) await howdah.it.api.deleteDatabase(id);
  });

  test(`the gate's death ends the sessions of the ${port} port, and new ones work`, async () => {
    const made = await howdah.it.api.createDatabase();
    const session = await connect(howdah.it, made, { port });
    await session.query("SELECT 1");
    const ended = new Promise<void>((resolve) => session.on("end", () => resolve()));
    const killed = howdah.it.kill("howdah-gate");
    await ended;
    await howdah.it.isBack("howdah-gate", killed);
    await until("a new session", 15_000, async () => {
      try {
        return (await query(howdah.it, made, "SELECT 1 AS n", { port })).length === 1;
      } catch {
        return false;
      }
    });
    // What the dead sessions left in the instance goes away by itself.
    await until("the old server session is gone", 15_000, async () => {
      const [row] = await query<{ n: number }>(
        howdah.it,
        made,
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE usename = current_user AND pid <> pg_backend_pid()`,
      );
      return row!.n === 0;
    });
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("a killed instance serves again at the next connect, without losing a commit", async () => {
  const made = await howdah.it.api.createDatabase();
  await query(howdah.it, made, "CREATE TABLE t AS SELECT 1 AS n");
  const session = await connect(howdah.it, made);
  const postmaster = await postmasterOf(session);
  assert.ok(howdah.it.postmasters().includes(postmaster));
  process.kill(postmaster, "SIGKILL");
  await until("the session has ended", 10_000, async () => {
    try {
      await session.query("SELECT 1");
      return false;
    } catch {
      return true;
    }
  });
  await until("it serves again", 15_000, async () => {
    try {
      return (await query<{ n: number }>(howdah.it, made, "SELECT n FROM t"))[0]?.n === 1;
    } catch {
      return false;
    }
  });
  await howdah.it.api.deleteDatabase(made.id);
});

test("creates go on after each daemon was killed once more", async () => {
  for (const daemon of ["howdah-node", "howdahd", "howdah-gate"] as const) {
    const killed = howdah.it.kill(daemon);
    await howdah.it.isBack(daemon, killed);
    const made = await until("a create", 30_000, async () => {
      try {
        return await howdah.it.api.createDatabase({ friendlyName: daemon });
      } catch {
        return undefined;
      }
    });
    const rows = await until("a row", 15_000, async () => {
      try {
        return await query(howdah.it, made, "SELECT 1 AS n");
      } catch {
        return undefined;
      }
    });
    assert.deepEqual(rows, [{ n: 1 }]);
    await howdah.it.api.deleteDatabase(made.id);
  }
});
