// SPDX-License-Identifier: Apache-2.0
import type pg from "pg";
import { DataSource, EntitySchema, Like, type QueryRunner, Table, TableColumn } from "typeorm";
import * as s from "./scenario.ts";

interface Thing {
  id?: number;
  name: string;
  body?: string;
  blob?: Uint8Array;
  note?: string;
}

const Things = new EntitySchema<Thing>({
  name: "Thing",
  tableName: "things",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    name: { type: "text", unique: true },
    body: { type: "text", nullable: true },
    blob: { type: "bytea", nullable: true },
    note: { type: "text", default: "none" },
  },
});

// TypeORM tells the order by the number at the end of the name.
class Things1700000000001 {
  async up(runner: QueryRunner): Promise<void> {
    const columns = [
      { name: "id", type: "serial", isPrimary: true },
      { name: "name", type: "text", isUnique: true },
      { name: "body", type: "text", isNullable: true },
      { name: "blob", type: "bytea", isNullable: true },
    ];
    await runner.createTable(new Table({ name: "things", columns }));
  }
  async down(): Promise<void> {}
}
class Note1700000000002 {
  async up(runner: QueryRunner): Promise<void> {
    const note = new TableColumn({ name: "note", type: "text", default: "'none'" });
    await runner.addColumn("things", note);
  }
  async down(): Promise<void> {}
}

const { pool } = (await s.snippet()) as { pool: pg.Pool };
const { host, port, user, database, ssl } = pool.options;
const db = new DataSource({
  type: "postgres",
  host,
  port,
  username: user,
  password: pool.options.password as string,
  database,
  ssl: ssl as { ca: string },
  entities: [Things],
  migrations: [Things1700000000001, Note1700000000002],
});
const things = db.getRepository(Things);

await s.scenario({
  database: async () => (await db.query("SELECT current_database() AS name"))[0].name,
  migrate: async () => {
    await db.initialize();
    await db.runMigrations();
  },
  insertEach: (names) =>
    db.transaction(async (session) => {
      for (const name of names) await session.save(Things, { name });
    }),
  insertBatch: (names) => things.insert(names.map((name) => ({ name }))),
  insertBig: (name, { body, blob }) => things.save({ name, body, blob }),
  readBig: async (name) => (await things.findOneByOrFail({ name })) as s.Big,
  count: (prefix) => things.countBy({ name: Like(`${prefix}-%`) }),
  cancelled: () =>
    s.cancelling(
      () => db.query(s.SLEEP),
      () => db.query(s.CANCEL_SLEEP),
    ),
  close: () => db.destroy(),
});
