// SPDX-License-Identifier: Apache-2.0
import knex, { type Knex } from "knex";
import * as s from "./scenario.ts";

// Knex takes a URL; node-postgres' snippet has it as a comment.
const { asUrl } = (await s.snippet()) as { asUrl: string };
const db = knex({ client: "pg", connection: asUrl });

const steps: Record<string, (schema: Knex.SchemaBuilder) => Knex.SchemaBuilder> = {
  "1_things": (schema) =>
    schema.createTable("things", (table) => {
      table.increments("id");
      table.text("name").notNullable().unique();
      table.text("body");
      table.binary("blob");
    }),
  "2_note": (schema) =>
    schema.alterTable("things", (table) => {
      table.text("note").notNullable().defaultTo("none");
    }),
};
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => Object.keys(steps),
  getMigrationName: (name) => name,
  getMigration: async (name) => ({
    up: async (any: Knex) => steps[name]!(any.schema),
    down: async () => {},
  }),
};

await s.scenario({
  database: async () => (await db.raw("SELECT current_database() AS name")).rows[0].name,
  migrate: () => db.migrate.latest({ migrationSource }),
  insertEach: (names) =>
    db.transaction(async (session) => {
      for (const name of names) await session("things").insert({ name });
    }),
  insertBatch: (names) =>
    db.batchInsert(
      "things",
      names.map((name) => ({ name })),
      250,
    ),
  insertBig: async (name, big) => db("things").insert({ name, ...big }),
  readBig: async (name) => db("things").first("body", "blob").where({ name }),
  count: async (prefix) =>
    Number((await db("things").count().whereLike("name", `${prefix}-%`))[0]!.count),
  // Knex cancels by pg_cancel_backend(the process id it was told when it connected), waits for the
  // end of the query and tells of the time-out, not of the server's error. Behind a pooler there is
  // no such process.
  cancelled: async () => {
    if (process.env.HOWDAH_PORT === "pooled") {
      return s.cancelling(
        () => db.raw(s.SLEEP),
        () => db.raw(s.CANCEL_SLEEP),
      );
    }
    const started = performance.now();
    try {
      await db.raw(s.SLEEP).timeout(300, { cancel: true });
    } catch (error) {
      await db.raw("SELECT 1"); // in the same session, so behind a query that was not cancelled
      const soon = performance.now() - started < 10_000;
      throw soon && error instanceof knex.KnexTimeoutError ? { code: "57014" } : error;
    }
  },
  close: () => db.destroy(),
});
