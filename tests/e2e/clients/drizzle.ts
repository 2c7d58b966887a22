// SPDX-License-Identifier: Apache-2.0
// drizzle-kit makes and applies the migrations by the snippet, which is its configuration; the
// application connects by the same credentials.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { count, eq, like, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { customType, pgTable, serial, text } from "drizzle-orm/pg-core";
import type pg from "pg";
import * as s from "./scenario.ts";

const folder = path.dirname(process.env.HOWDAH_SNIPPET!);
const KIT = path.resolve(import.meta.dirname, "../node_modules/drizzle-kit/bin.cjs");
const schemaWith = (more: string) => `
import { customType, pgTable, serial, text } from "drizzle-orm/pg-core";
const bytea = customType({ dataType: () => "bytea" });
export const things = pgTable("things", {
  id: serial("id").primaryKey(),
  name: text("name").notNull().unique(),
  body: text("body"),
  blob: bytea("blob"),
  ${more}
});
`;

function kit(command: string): void {
  execFileSync(process.execPath, [KIT, command], { cwd: folder, stdio: "pipe" });
}

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const things = pgTable("things", {
  id: serial("id").primaryKey(),
  name: text("name").notNull().unique(),
  body: text("body"),
  blob: bytea("blob"),
  note: text("note").notNull().default("none"),
});
const { default: config } = await s.snippet();
const db = drizzle({ connection: config.dbCredentials as pg.PoolConfig });

await s.scenario({
  database: async () =>
    (await db.execute(sql`SELECT current_database() AS name`)).rows[0]!.name as string,
  migrate: async () => {
    fs.copyFileSync(process.env.HOWDAH_SNIPPET!, path.join(folder, "drizzle.config.ts"));
    fs.mkdirSync(path.join(folder, "src"));
    for (const note of ["", 'note: text("note").notNull().default("none"),']) {
      fs.writeFileSync(path.join(folder, "src/schema.ts"), schemaWith(note));
      kit("generate");
    }
    try {
      kit("migrate");
    } catch (error) {
      await db.execute(sql`SELECT 1`); // drizzle-kit does not say why
      throw error;
    }
  },
  insertEach: (names) =>
    db.transaction(async (session) => {
      for (const name of names) await session.insert(things).values({ name });
    }),
  insertBatch: (names) => db.insert(things).values(names.map((name) => ({ name }))),
  insertBig: (name, big) => db.insert(things).values({ name, ...big }),
  readBig: async (name) =>
    (await db.select().from(things).where(eq(things.name, name)))[0] as s.Big,
  count: async (prefix) => {
    const rows = db.select({ n: count() }).from(things);
    return (await rows.where(like(things.name, `${prefix}-%`)))[0]!.n;
  },
  cancelled: () =>
    s.cancelling(
      () => db.execute(s.SLEEP),
      () => db.execute(s.CANCEL_SLEEP),
    ),
  close: () => db.$client.end(),
});
