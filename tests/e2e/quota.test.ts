// SPDX-License-Identifier: Apache-2.0
// A storage limit per database: who fills it may read and make room, and nobody else notices.
import assert from "node:assert/strict";
import { test } from "node:test";
import type pg from "pg";
import type { Database } from "./harness/api.ts";
import { Howdah } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, PORTS, postmasterOf, query, refusal } from "./harness/sql.ts";

const MIB = 1024 ** 2;
const LIMIT = 128 * MIB;
// Two looks at the fastest growth, and the room for those that ask to write.
const SLACK = 64 * MIB;

async function stats(howdah: Howdah, database: Database) {
  return (await howdah.api.expect(200, "GET", `/api/databases/${database.id}/stats`)).data;
}

async function stateIs(howdah: Howdah, database: Database, state: string): Promise<void> {
  await until(`storage_state is ${state}`, 30_000, async () => {
    return (await stats(howdah, database)).storage_state === state;
  });
}

interface Refusal {
  code: string;
  message: string;
}

/** Writes 4 MiB at a time until it is refused; the refusal. */
async function fill(session: pg.Client): Promise<Refusal> {
  const sql = `INSERT INTO hog SELECT g, repeat(md5(g::text), 128) FROM generate_series(1, 1000) g`;
  // Ended between two statements, only the event says why.
  let told: Refusal | undefined;
  session.once("error", (error) => {
    told = error as Error & Refusal;
  });
  try {
    await session.query("ALTER TABLE hog ALTER t SET STORAGE PLAIN");
    for (let round = 0; round < 500; round++) await session.query(sql);
  } catch (error) {
    const refusal = error as Refusal;
    return refusal.code ? refusal : (told ?? refusal);
  }
  throw new Error("never refused");
}

for (const driver of ["btrfs", "copy"]) {
  test(`${driver}: at its limit a database reads, makes room, and disturbs nobody`, async (t) => {
    if (driver === "btrfs" && process.getuid?.() !== 0) return t.skip("needs root");
    const howdah = await Howdah.start({ args: ["--volume-driver", driver] });
    try {
      const made = await howdah.api.createDatabase({ storageLimitBytes: LIMIT });
      const neighbour = await howdah.api.createDatabase();
      await query(howdah, neighbour, "CREATE TABLE t AS SELECT 1 AS n");
      const { data } = await howdah.api.expect(200, "GET", `/api/databases/${made.id}`);
      assert.equal(data.storage_limit_bytes, LIMIT);
      await until("it is measured", 10_000, async () => {
        return (await stats(howdah, made)).storage_bytes > 0;
      });
      const fresh = await stats(howdah, made);
      assert.ok(
        fresh.storage_bytes > 20 * MIB && fresh.storage_bytes < 80 * MIB,
        fresh.storage_bytes,
      );
      assert.equal(fresh.storage_limit_pretty, "128 MB");

      // A logical database that the owner made counts like the first one.
      const place = driver === "copy" ? { database: "further" } : {};
      if (place.database) await query(howdah, made, `CREATE DATABASE ${place.database}`);
      const hog = await connect(howdah, made, place);
      await hog.query("CREATE TABLE hog (n int, t text)");
      const postmaster = await postmasterOf(hog);
      const refused = await fill(hog);
      // Ended in the middle of a statement, or refused at the beginning of the next.
      assert.ok(["25006", "57P01"].includes(refused.code), `${refused.code} ${refused.message}`);
      await hog.end().catch(() => {});
      await stateIs(howdah, made, "read_only");
      const full = await stats(howdah, made);
      t.diagnostic(`stopped at ${full.storage_pretty} of ${full.storage_limit_pretty}`);
      assert.ok(full.storage_bytes <= LIMIT + SLACK, `${full.storage_bytes}`);

      for (const port of PORTS) {
        const [row] = await query(howdah, made, "SELECT count(*)::int AS n FROM hog", {
          port,
          ...place,
        });
        assert.ok(row!.n > 1000, "what was committed can be read");
        const sql = "INSERT INTO hog VALUES (1, 'x')";
        assert.equal((await refusal(query(howdah, made, sql, { port, ...place }))).code, "25006");
        await query(howdah, neighbour, "INSERT INTO t VALUES (2)", { port });
      }
      const session = await connect(howdah, made, place);
      assert.equal(await postmasterOf(session), postmaster, "the instance went on");
      await session.query("SET default_transaction_read_only = off");
      await session.query("TRUNCATE hog");
      await session.end();
      await stateIs(howdah, made, "ok");
      await query(howdah, made, "INSERT INTO hog VALUES (1, 'x')", place);

      const again = await connect(howdah, made, place);
      await fill(again);
      await again.end().catch(() => {});
      await stateIs(howdah, made, "read_only");
      await howdah.restart();
      await query(howdah, made, "SELECT 1");
      await stateIs(howdah, made, "read_only");
    } finally {
      await howdah.end();
    }
  });
}

test("who opts out of the limit is stopped at the hard one, again and again", async (t) => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase({ storageLimitBytes: LIMIT });
    await query(howdah, made, "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off");
    await query(howdah, made, "CREATE TABLE hog (n int, t text)");
    for (let attempt = 0; attempt < 3; attempt++) {
      const session = await connect(howdah, made);
      const refused = await fill(session);
      // Ended by the agent, or the kernel refused (disk quota exceeded).
      assert.ok(["57P01", "53100"].includes(refused.code), `${refused.code} ${refused.message}`);
      await session.end().catch(() => {});
    }
    const { storage_bytes } = await stats(howdah, made);
    t.diagnostic(`stopped at ${Math.round(storage_bytes / MIB)} MiB`);
    assert.ok(storage_bytes <= LIMIT + 8 * SLACK, `${storage_bytes}`);
    const [row] = await query(howdah, made, "SELECT count(*)::int AS n FROM hog");
    assert.ok(row!.n > 0);
    // It may be ended, too, when a look comes at that moment.
    await until("the table is emptied", 10_000, async () => {
      return query(howdah, made, "TRUNCATE hog").then(
        () => true,
        () => false,
      );
    });
    await stateIs(howdah, made, "ok");
  } finally {
    await howdah.end();
  }
});

test("a limit that is too small or no number is refused", async () => {
  const howdah = await Howdah.start();
  try {
    for (const storageLimitBytes of [0, 100 * MIB - 1, "1 GB", 1.5, 2 ** 53]) {
      const body = { friendlyName: "a", ownerEmail: "a@example.org", storageLimitBytes };
      const problem = await howdah.api.problem(400, "POST", "/api/databases", { body });
      assert.deepEqual(
        problem.errors?.map((error) => error.pointer),
        ["/storageLimitBytes"],
      );
    }
    const exact = await howdah.api.createDatabase({ storageLimitBytes: 100 * MIB });
    await howdah.api.deleteDatabase(exact.id);
  } finally {
    await howdah.end();
  }
});
