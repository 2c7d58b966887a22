// SPDX-License-Identifier: Apache-2.0
import type pg from "pg";
import { DataTypes, Op, Sequelize } from "sequelize";
import * as s from "./scenario.ts";

const { pool } = (await s.snippet()) as { pool: pg.Pool };
const { host, port, user, database, ssl } = pool.options;
const db = new Sequelize(database!, user!, pool.options.password as string, {
  dialect: "postgres",
  host,
  port,
  dialectOptions: { ssl },
  logging: false,
});

const columns = {
  id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
  name: { type: DataTypes.TEXT, allowNull: false, unique: true },
  body: DataTypes.TEXT,
  blob: DataTypes.BLOB,
};
const note = { type: DataTypes.TEXT, allowNull: false, defaultValue: "none" };
const things = db.define("thing", { ...columns, note }, { tableName: "things", timestamps: false });

await s.scenario({
  database: async () => {
    const [rows] = await db.query("SELECT current_database() AS name");
    return (rows[0] as { name: string }).name;
  },
  migrate: async () => {
    const schema = db.getQueryInterface();
    await schema.createTable("things", columns);
    await schema.addColumn("things", "note", note);
  },
  insertEach: (names) =>
    db.transaction(async (transaction) => {
      for (const name of names) await things.create({ name }, { transaction });
    }),
  insertBatch: (names) => things.bulkCreate(names.map((name) => ({ name }))),
  insertBig: (name, { body, blob }) => things.create({ name, body, blob }),
  readBig: async (name) =>
    (await things.findOne({ where: { name }, rejectOnEmpty: true })).get() as s.Big,
  count: (prefix) => things.count({ where: { name: { [Op.like]: `${prefix}-%` } } }),
  cancelled: () =>
    s.cancelling(
      () => db.query(s.SLEEP),
      () => db.query(s.CANCEL_SLEEP),
    ),
  close: () => db.close(),
});
