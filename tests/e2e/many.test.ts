// SPDX-License-Identifier: Apache-2.0
// A hundred databases, ten at a time, and what happens when two ask for the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { inParallel } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const howdah = shared({ volumeSize: 6 * 1024 ** 3 });
const COUNT = 100;
const AT_ONCE = 10;

test(`${COUNT} databases are made ${AT_ONCE} at a time, each answers, each is alone`, async (t) => {
  const { api } = howdah.it;
  const started = performance.now();
  const times: number[] = [];
  const made = await inParallel<Database>(COUNT, AT_ONCE, async (i) => {
    const begun = performance.now();
    const database = await api.createDatabase({ friendlyName: `number ${i}` });
    const sql = `CREATE TABLE own AS SELECT ${i} AS n; SELECT n FROM own`;
    assert.deepEqual(await query(howdah.it, database, sql), [{ n: i }]);
    times.push(performance.now() - begun);
    return database;
  });
  times.sort((a, b) => a - b);
  const half = Math.round(times[COUNT / 2]!);
  const most = Math.round(times.at(-1)!);
  t.diagnostic(
    `${COUNT} in ${Math.round(performance.now() - started)} ms, p50 ${half} ms, max ${most} ms`,
  );
  assert.equal(new Set(made.map((database) => database.database_name)).size, COUNT);
  await inParallel(COUNT, AT_ONCE, async (i) => {
    assert.deepEqual(await query(howdah.it, made[i]!, "SELECT n FROM own"), [{ n: i }]);
  });
  const list = await api.expect(200, "GET", "/api/databases");
  assert.equal(list.count, COUNT);
  await inParallel(COUNT, AT_ONCE, (i) => api.deleteDatabase(made[i]!.id));
  assert.equal((await api.expect(200, "GET", "/api/databases")).count, 0);
});
