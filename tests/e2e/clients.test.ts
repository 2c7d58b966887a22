// SPDX-License-Identifier: Apache-2.0
// Every client with the API's own snippet for it, certificate verified, on both ports: it connects,
// does prepared work in a transaction, and sees its own database.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { E2E } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";
import { snippet, variableOf } from "./harness/snippets.ts";
import { connect, PORTS, verifiedUri } from "./harness/sql.ts";

const PYTHON = "/usr/bin/python3";
const JDBC = "/usr/share/java/postgresql.jar";
const NODE = process.execPath;
/** Inside tests/e2e, so that snippets find the drivers they import. */
const scratch = fs.mkdtempSync(path.join(E2E, "node_modules/.scratch-"));
let database: Database;
/** What every program prints at the end: database, sum of 0..19, the largest text. */
let expected: string;

const howdah = shared(
  {},
  {
    first: async ({ api }) => {
      database = await api.createDatabase();
      expected = `${database.database_name} 190 ünï9`;
    },
  },
);
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, text);
  return file;
}

for (const port of PORTS) {
  test(`psql on the ${port} port`, async () => {
    const command = await snippet(howdah.it, database, "psql", port);
    assert.match(command, /verify-full/);
    const sql = "SELECT current_database(), 190, 'ünï9'";
    const script = write("psql.sh", `${command} -XAt -F ' ' -c "${sql}"`);
    assert.equal((await runOk("bash", [script])).trim(), expected);
  });

  test(`node-postgres on the ${port} port`, async () => {
    const text = await snippet(howdah.it, database, "node-pg", port);
    const name = variableOf(text, /new (?:pg\.)?(?:Client|Pool)\(/);
    const file = write(
      `pg-${port}.mjs`,
      `${text}
const session = (await ${name}.connect()) ?? ${name};
await session.query("BEGIN");
await session.query("CREATE TEMP TABLE t (n int, s text) ON COMMIT DROP");
for (let i = 0; i < 20; i++) {
  const insert = { name: "insert", text: "INSERT INTO t VALUES ($1, $2)", values: [i, "ünï" + i] };
  await session.query(insert);
}
const { rows } = await session.query(
  "SELECT current_database() AS d, (SELECT sum(n) FROM t) AS n, (SELECT max(s) FROM t) AS s");
console.log(rows[0].d, rows[0].n, rows[0].s);
await session.query("COMMIT");
session.release?.();
await ${name}.end();
`,
    );
    assert.equal((await runOk(NODE, [file])).trim(), expected);
  });

  test(`postgres.js on the ${port} port`, async () => {
    const text = await snippet(howdah.it, database, "postgres.js", port);
    const name = variableOf(text, /postgres\(/);
    const file = write(
      `postgres-${port}.mjs`,
      `${text}
await ${name}.begin(async (sql) => {
  await sql\`CREATE TEMP TABLE t (n int, s text) ON COMMIT DROP\`;
  for (let i = 0; i < 20; i++) await sql\`INSERT INTO t VALUES (\${i}, \${"ünï" + i})\`;
  const [row] = await sql\`
    SELECT current_database() AS d, (SELECT sum(n) FROM t) AS n, (SELECT max(s) FROM t) AS s\`;
  console.log(row.d, row.n, row.s);
});
await ${name}.end();
`,
    );
    assert.equal((await runOk(NODE, [file])).trim(), expected);
  });

  for (const [driver, module] of [
    ["psycopg 3", "psycopg"],
    ["psycopg 2", "psycopg2"],
  ]) {
    test(`${driver} on the ${port} port`, async () => {
      const text = (await snippet(howdah.it, database, "psycopg", port)).replaceAll(
        /\bpsycopg\b/g,
        module!,
      );
      const name = variableOf(text, /psycopg2?\.connect\(/);
      const use = fs.readFileSync(path.join(E2E, "clients/connect.py"), "utf8");
      const file = write(`${module}-${port}.py`, `${text}\n${use}\nexercise(${name})\n`);
      const environment = { PYTHONIOENCODING: "utf-8" };
      assert.equal((await runOk(PYTHON, [file], { env: environment })).trim(), expected);
    });
  }

  test(`JDBC on the ${port} port`, async () => {
    const text = await snippet(howdah.it, database, "jdbc", port);
    const url = /jdbc:postgresql:[^"'\s]+/.exec(text)?.[0];
    assert.ok(url, text);
    assert.match(url, /sslmode=verify-full/);
    const program = path.join(E2E, "clients/Connect.java");
    const args = ["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", JDBC, program, url];
    assert.equal((await runOk("java", args)).trim(), expected);
  });

  test(`application_name reaches the instance on the ${port} port`, async () => {
    const target = { port, applicationName: "shop-worker" };
    const session = await connect(howdah.it, database, target);
    const { rows } = await session.query("SHOW application_name");
    assert.equal(rows[0].application_name, "shop-worker");
    await session.end();
  });

  test(`verify-full refuses a server with another CA on the ${port} port`, async () => {
    const other = write("other.crt", fs.readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8"));
    const uri = verifiedUri(howdah.it, database, { port }).replace(
      /sslrootcert=.*/,
      `sslrootcert=${encodeURIComponent(other)}`,
    );
    const { code, stderr } = await run("psql", ["-X", uri, "-c", "SELECT 1"]);
    assert.equal(code, 2);
    assert.match(stderr, /certificate/);
  });

  test(`channel binding is offered and can be required on the ${port} port`, async () => {
    const uri = `${verifiedUri(howdah.it, database, { port })}&channel_binding=require`;
    assert.equal((await runOk("psql", ["-XAt", uri, "-c", "SELECT 42"])).trim(), "42");
  });
}

test("every client that the contract names has a snippet for both ports", async () => {
  const node = ["node-pg", "postgres.js", "prisma", "drizzle"];
  const python = ["psycopg", "sqlalchemy", "django"];
  const others = ["psql", ".env", "jdbc", "pgx", "rails", "laravel", "dotnet"];
  for (const client of [...node, ...python, ...others]) {
    for (const port of PORTS) {
      const text = await snippet(howdah.it, database, client, port);
      const number = port === "direct" ? "direct_port" : "pooled_port";
      assert.ok(text.includes(String(howdah.it.connection[number])), `${client}: ${text}`);
    }
  }
});

test("the snippet of prisma names a separate shadow database", async () => {
  const text = await snippet(howdah.it, database, "prisma", "direct");
  assert.match(text, new RegExp(`${database.database_name}_shadow`));
});
