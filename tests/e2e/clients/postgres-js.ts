// SPDX-License-Identifier: Apache-2.0
import type postgres from "postgres";
import * as s from "./scenario.ts";

const { sql } = (await s.snippet()) as { sql: postgres.Sql };

await s.scenario({
  database: async () => (await sql`SELECT current_database() AS name`)[0]!.name,
  migrate: async () => {
    await sql.unsafe(s.CREATE_THINGS);
    await sql.unsafe(s.ADD_NOTE);
  },
  insertEach: (names) =>
    sql.begin(async (session) => {
      for (const name of names) await session`INSERT INTO things (name) VALUES (${name})`;
    }),
  insertBatch: (names) => sql`INSERT INTO things ${sql(names.map((name) => ({ name })))}`,
  insertBig: (name, { body, blob }) =>
    sql`INSERT INTO things ${sql({ name, body, blob: Buffer.from(blob) })}`,
  readBig: async (name) =>
    (await sql<s.Big[]>`SELECT body, blob FROM things WHERE name = ${name}`)[0]!,
  count: async (prefix) =>
    (await sql`SELECT count(*)::int AS n FROM things WHERE name LIKE ${`${prefix}-%`}`)[0]!.n,
  cancelled: async () => {
    const running = sql.unsafe(s.SLEEP);
    return s.cancelling(
      () => running,
      async () => running.cancel(),
    );
  },
  close: () => sql.end(),
});
