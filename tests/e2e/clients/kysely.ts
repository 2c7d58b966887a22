// SPDX-License-Identifier: Apache-2.0
import { type Generated, Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type pg from "pg";
import * as s from "./scenario.ts";

interface Things {
  id: Generated<number>;
  name: string;
  body: string | null;
  blob: Uint8Array | null;
  note: Generated<string>;
}

const { pool } = (await s.snippet()) as { pool: pg.Pool };
const db = new Kysely<{ things: Things }>({ dialect: new PostgresDialect({ pool }) });

const migrations: Record<string, Migration> = {
  "1_things": {
    up: (any: Kysely<unknown>) =>
      any.schema
        .createTable("things")
        .addColumn("id", "serial", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull().unique())
        .addColumn("body", "text")
        .addColumn("blob", "bytea")
        .execute(),
  },
  "2_note": {
    up: (any: Kysely<unknown>) =>
      any.schema
        .alterTable("things")
        .addColumn("note", "text", (column) => column.notNull().defaultTo("none"))
        .execute(),
  },
};

await s.scenario({
  database: async () =>
    (await sql<{ name: string }>`SELECT current_database() AS name`.execute(db)).rows[0]!.name,
  migrate: async () => {
    const provider = { getMigrations: async () => migrations };
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error) throw error;
  },
  insertEach: (names) =>
    db.transaction().execute(async (session) => {
      for (const name of names) await session.insertInto("things").values({ name }).execute();
    }),
  insertBatch: (names) =>
    db
      .insertInto("things")
      .values(names.map((name) => ({ name })))
      .execute(),
  insertBig: (name, { body, blob }) =>
    db.insertInto("things").values({ name, body, blob }).execute(),
  readBig: async (name) =>
    (await db
      .selectFrom("things")
      .select(["body", "blob"])
      .where("name", "=", name)
      .executeTakeFirstOrThrow()) as s.Big,
  count: async (prefix) => {
    const counted = db.selectFrom("things").select((by) => by.fn.countAll().as("n"));
    return Number((await counted.where("name", "like", `${prefix}-%`).executeTakeFirstOrThrow()).n);
  },
  cancelled: () =>
    s.cancelling(
      () => sql.raw(s.SLEEP).execute(db),
      () => sql.raw(s.CANCEL_SLEEP).execute(db),
    ),
  close: () => db.destroy(),
});
