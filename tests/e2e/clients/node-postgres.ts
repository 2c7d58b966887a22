// SPDX-License-Identifier: Apache-2.0
import type pg from "pg";
import * as s from "./scenario.ts";

const { pool } = (await s.snippet()) as { pool: pg.Pool };

await s.scenario({
  database: async () => (await pool.query("SELECT current_database() AS name")).rows[0].name,
  migrate: async () => {
    await pool.query(s.CREATE_THINGS);
    await pool.query(s.ADD_NOTE);
  },
  insertEach: async (names) => {
    const session = await pool.connect();
    try {
      await session.query("BEGIN");
      const insert = { name: "insert", text: "INSERT INTO things (name) VALUES ($1)" };
      for (const name of names) await session.query({ ...insert, values: [name] });
      await session.query("COMMIT");
    } catch (error) {
      await session.query("ROLLBACK");
      throw error;
    } finally {
      session.release();
    }
  },
  insertBatch: (names) =>
    pool.query("INSERT INTO things (name) SELECT * FROM unnest($1::text[])", [names]),
  insertBig: (name, { body, blob }) =>
    pool.query("INSERT INTO things (name, body, blob) VALUES ($1, $2, $3)", [name, body, blob]),
  readBig: async (name) =>
    (await pool.query<s.Big>("SELECT body, blob FROM things WHERE name = $1", [name])).rows[0]!,
  count: async (prefix) => {
    const sql = "SELECT count(*)::int AS n FROM things WHERE name LIKE $1";
    return (await pool.query(sql, [`${prefix}-%`])).rows[0].n;
  },
  // The driver's own cancel is not documented; SQL is what its users do.
  cancelled: () =>
    s.cancelling(
      () => pool.query(s.SLEEP),
      () => pool.query(s.CANCEL_SLEEP),
    ),
  close: () => pool.end(),
});
