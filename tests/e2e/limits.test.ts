// SPDX-License-Identifier: Apache-2.0
// maxConnections: direct and pooled together, to the last one, and never at the platform's cost.
import assert from "node:assert/strict";
import { test } from "node:test";
import type pg from "pg";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, PORTS, query, refusal } from "./harness/sql.ts";

const howdah = shared({ args: ["--size-class", "nano"] });
const AT_ONCE = 25;

/** As many sessions as that, every other one on the pooled port. */
async function openSessions(database: Database, count: number): Promise<pg.Client[]> {
  const sessions: pg.Client[] = [];
  while (sessions.length < count) {
    const some = Math.min(AT_ONCE, count - sessions.length);
    const opening = Array.from({ length: some }, (_, i) =>
      connect(howdah.it, database, { port: PORTS[(sessions.length + i) % 2] }),
    );
    sessions.push(...(await Promise.all(opening)));
  }
  return sessions;
}

for (const maxConnections of [1, 4, 500]) {
  test(`${maxConnections} sessions of both ports together, and not one more`, async () => {
    const made = await howdah.it.api.createDatabase({ maxConnections, suspendAfterSeconds: 0 });
    const sessions = await openSessions(made, maxConnections);
    for (const port of PORTS) {
      const refused = await refusal(connect(howdah.it, made, { port }));
      assert.equal(refused.code, "53300");
      assert.match(refused.message, new RegExp(`${maxConnections}`));
    }
    // Each is a server connection that works, the last one too.
    const pids = new Set<number>();
    for (const session of sessions) {
      pids.add((await session.query("SELECT pg_backend_pid() AS pid")).rows[0].pid);
    }
    assert.equal(pids.size, maxConnections);
    // The platform's own connections have slots of their own.
    // The gate reports its sessions once a second.
    await until("the stats show every session", 5_000, async () => {
      const { data } = await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}/stats`);
      assert.notEqual(data.sampled_at, null, "the platform could log in");
      return data.active_connections === maxConnections;
    });
    await sessions.pop()!.end();
    await until("its slot is free", 5_000, async () => {
      const [row] = await query<{ n: number }>(howdah.it, made, "SELECT 1 AS n").catch(() => []);
      return row?.n === 1;
    });
    await Promise.all(sessions.map((session) => session.end()));
    await howdah.it.api.deleteDatabase(made.id);
  });
}
