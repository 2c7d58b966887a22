// SPDX-License-Identifier: Apache-2.0
// Every PostgreSQL major from 13 to 18 in one Howdah at the same time: Debian's beside those of
// --postgres-dir. And what happens when a major comes, becomes the default, and goes again.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { Howdah, makeBase, shared } from "./harness/howdah.ts";
import { runOk, until } from "./harness/run.ts";
import { placeServersForNow } from "./harness/servers.ts";
import { connect, PORTS, postmasterOf, psql, query, refusal, verifiedUri } from "./harness/sql.ts";

const servers = placeServersForNow();
const DIRS = [...servers.values()].flatMap((folder) => ["--postgres-dir", folder]);
const DEBIAN = fs.readdirSync("/usr/lib/postgresql").map(Number);
const MAJORS = [...new Set([...servers.keys(), ...DEBIAN])].sort((a, b) => a - b);
const NEWEST = MAJORS.at(-1)!;
// Client programs come from Debian only; pg_dump reads servers of its own major and older ones.
const CLIENT = Math.max(...DEBIAN);
const ANSWER_MS_MAX = 3_000;

const databases = new Map<number, Database>();
const howdah = shared(
  {
    args: DIRS,
    volumeSize: 3 * 1024 ** 3,
    allowedAlarms: [/WARN {2}instance: .* PostgreSQL (was killed by signal 9|died)/],
  },
  {
    first: async ({ api }) => {
      for (const [index, major] of MAJORS.entries()) {
        // A number or a text: both are taken.
        const pgVersion = index % 2 === 0 ? major : String(major);
        const made = await api.createDatabase({ pgVersion, suspendAfterSeconds: 1 });
        databases.set(major, made);
      }
    },
  },
);

async function versionOf(database: Database): Promise<number> {
  const [row] = await query(howdah.it, database, "SHOW server_version_num");
  return Math.floor(Number(row!.server_version_num) / 10_000);
}

test("all majors are there: 13 to 18", () => {
  assert.deepEqual(MAJORS, [13, 14, 15, 16, 17, 18]);
});

test("without pgVersion a database has the newest major", async () => {
  const made = await howdah.it.api.createDatabase();
  assert.equal(await versionOf(made), NEWEST);
  await howdah.it.api.deleteDatabase(made.id);
});

test("the catalog has a major whose pg_dump is there, and is dumped with it", async () => {
  const catalog = fs.readFileSync(path.join(howdah.it.dataDir, "catalog/data/PG_VERSION"), "utf8");
  assert.equal(Number(catalog), CLIENT);
  await howdah.it.api.expect(201, "POST", "/api/catalog/dumps");
});

for (const major of MAJORS) {
  const database = () => databases.get(major)!;
  const ask = <T extends object>(sql: string, target = {}) =>
    query<T & Record<string, unknown>>(howdah.it, database(), sql, target);

  test(`${major}: the API and the server agree on the version`, async () => {
    assert.equal(await versionOf(database()), major);
    const { data } = await howdah.it.api.expect(200, "GET", `/api/databases/${database().id}`);
    assert.equal(data.pg_version, major);
  });

  test(`${major}: another one is made without waiting for initdb`, async (t) => {
    await until("its template is ready", 60_000, () =>
      fs.existsSync(path.join(howdah.it.dataDir, `volume/templates/${major}-1/template.json`)),
    );
    const started = performance.now();
    const made = await howdah.it.api.createDatabase({ pgVersion: major });
    const ms = performance.now() - started;
    t.diagnostic(`made in ${Math.round(ms)} ms`);
    assert.ok(ms < ANSWER_MS_MAX, `${ms} ms`);
    await howdah.it.api.deleteDatabase(made.id);
  });

  for (const port of PORTS) {
    test(`${major}: a login with channel binding on the ${port} port`, async () => {
      const uri = `${verifiedUri(howdah.it, database(), { port })}&channel_binding=require`;
      const result = await psql(uri, ["-c", "SELECT current_user"]);
      assert.equal(result.stdout.trim(), database().username, result.stderr);
      const wrong = query(howdah.it, database(), "SELECT 1", { port, password: "wrong" });
      assert.equal((await refusal(wrong)).code, "28P01");
    });
  }

  test(`${major}: what initdb fixes for ever is as it shall be`, async () => {
    const [row] = await ask(
      `SELECT current_setting('data_checksums') AS checksums,
              current_setting('wal_segment_size') AS segment, datcollate AS collation,
              pg_encoding_to_char(encoding) AS encoding
       FROM pg_database WHERE datname = current_database()`,
    );
    assert.deepEqual(row, {
      checksums: "on",
      segment: "1MB",
      collation: "C.UTF-8",
      encoding: "UTF8",
    });
    const provider = major < 15 ? "'c'" : "datlocprovider";
    const sql = `SELECT ${provider} AS provider FROM pg_database
      WHERE datname = current_database()`;
    assert.deepEqual(await ask(sql), [{ provider: major < 17 ? "c" : "b" }]);
    // Code point order, and letters beyond ASCII have case.
    const [text] = await ask("SELECT 'Z' < 'a' AS points, upper('é') AS upper");
    assert.deepEqual(text, { points: true, upper: "É" });
  });

  test(`${major}: CREATE DATABASE, and the shadow database is empty and apart`, async () => {
    await ask("CREATE TABLE here (n int)");
    const shadow = { database: `${database().database_name}_shadow` };
    const tables = "SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'";
    assert.deepEqual(await ask(tables, shadow), [{ n: 0 }]);
    await ask("CREATE DATABASE further");
    await ask("CREATE TABLE mine AS SELECT 7 AS n", { database: "further" });
    assert.deepEqual(await ask("SELECT n FROM mine", { database: "further" }), [{ n: 7 }]);
    await ask("DROP DATABASE further");
  });

  test(`${major}: the owner is no superuser, makes no role and reaches no program`, async () => {
    for (const sql of [
      "CREATE ROLE another",
      "COPY (SELECT 1) TO PROGRAM 'true'",
      "SELECT pg_read_file('/etc/passwd')",
      "ALTER SYSTEM SET work_mem = '1MB'",
      "GRANT pg_execute_server_program TO CURRENT_USER",
      "SET ROLE howdah_admin",
      "CREATE EXTENSION file_fdw",
    ]) {
      const { code } = await refusal(ask(sql));
      assert.ok(["42501", "0A000"].includes(code), `${sql}: ${code}`);
    }
    const schema = `SELECT has_schema_privilege('public', 'public', 'CREATE') AS everybody,
                           has_schema_privilege('public', 'CREATE') AS owner`;
    assert.deepEqual(await ask(schema), [{ everybody: false, owner: true }]);
  });

  test(`${major}: it is suspended, keeps its rows, and wakes`, async () => {
    await ask("CREATE TABLE kept AS SELECT g AS n FROM generate_series(1, 1000) g");
    await until("it is suspended", 30_000, async () => {
      const { data } = await howdah.it.api.expect(200, "GET", `/api/databases/${database().id}`);
      return data.status === "suspended";
    });
    assert.deepEqual(await ask("SELECT sum(n)::int AS sum FROM kept"), [{ sum: 500_500 }]);
  });

  test(`${major}: after kill -9 every commit is there, in hash indexes too`, async () => {
    const session = await connect(howdah.it, database());
    await session.query("CREATE TABLE ledger (n int); CREATE INDEX ON ledger USING hash (n)");
    await session.query("CREATE UNLOGGED TABLE fast (n int)");
    for (let n = 0; n < 20; n++) await session.query("INSERT INTO ledger VALUES ($1)", [n]);
    const ended = new Promise<void>((resolve) => session.on("end", () => resolve()));
    process.kill(await postmasterOf(session), "SIGKILL");
    await ended;
    const rows = await ask("SELECT count(*)::int AS n FROM ledger");
    assert.deepEqual(rows, [{ n: 20 }]);
    assert.deepEqual(await ask("SELECT n FROM ledger WHERE n = 13"), [{ n: 13 }]);
    assert.deepEqual(await ask("SELECT count(*)::int AS n FROM fast"), [{ n: 0 }]);
  });

  test(`${major}: stats know its size and its counters`, async () => {
    const { data } = await howdah.it.api.expect(
      200,
      "GET",
      `/api/databases/${database().id}/stats`,
    );
    assert.ok(data.size_bytes > 1_000_000, JSON.stringify(data));
    for (const counter of ["xact_commit", "deadlocks", "tup_changed", "instance_size_bytes"]) {
      assert.equal(typeof data.details[counter], "number", JSON.stringify(data));
    }
  });

  if (major <= CLIENT) {
    test(`${major}: pg_dump of ${CLIENT} brings it over to the newest`, async () => {
      const folder = makeBase();
      const file = path.join(folder, "dump");
      await runOk("pg_dump", ["-F", "c", "-f", file, verifiedUri(howdah.it, database())]);
      const copy = await howdah.it.api.createDatabase();
      const to = verifiedUri(howdah.it, copy);
      await runOk("pg_restore", ["--no-owner", "--exit-on-error", "-d", to, file]);
      const sum = "SELECT sum(n)::int AS sum FROM kept";
      assert.deepEqual(await query(howdah.it, copy, sum), [{ sum: 500_500 }]);
      fs.rmSync(folder, { recursive: true });
      await howdah.it.api.deleteDatabase(copy.id);
    });
  }
}

test("after a restart of Howdah every major serves its rows again", async () => {
  await howdah.it.restart();
  for (const [major, database] of databases) {
    const [row] = await query(howdah.it, database, "SELECT sum(n)::int AS sum FROM kept");
    assert.deepEqual(row, { sum: 500_500 }, `PostgreSQL ${major}`);
  }
});

test("a major that is not installed is refused, and the answer names those that are", async () => {
  const plain = await Howdah.start();
  try {
    const missing = MAJORS.find((major) => !DEBIAN.includes(major))!;
    const body = { friendlyName: "a", ownerEmail: "a@example.org", pgVersion: missing };
    const problem = await plain.api.problem(501, "POST", "/api/databases", { body });
    assert.equal(problem.code, "unsupported");
    assert.match(`${problem.detail} ${problem.hint}`, new RegExp(`${missing}.*${DEBIAN[0]}`));
  } finally {
    await plain.end();
  }
});

test("a major comes, becomes the default, goes: what needs it says so; it returns", async () => {
  const later = Math.max(...servers.keys());
  const withLater = ["--postgres-dir", servers.get(later)!];
  const changing = await Howdah.start({
    allowedAlarms: [/WARN {2}(instance|http): .* PostgreSQL \d+ is not installed/],
  });
  try {
    const old = await changing.api.createDatabase();
    await query(changing, old, "CREATE TABLE t AS SELECT 1 AS n");
    await changing.stop();

    await changing.up(withLater);
    const made = await changing.api.createDatabase();
    await query(changing, made, "CREATE TABLE t AS SELECT 2 AS n");
    const shown = await changing.api.expect(200, "GET", `/api/databases/${made.id}`);
    assert.equal(shown.data.pg_version, later);
    const catalog = path.join(changing.dataDir, "catalog/data/PG_VERSION");
    assert.equal(Number(fs.readFileSync(catalog, "utf8")), CLIENT, "the catalog stays");
    assert.deepEqual(await query(changing, old, "SELECT n FROM t"), [{ n: 1 }]);
    await changing.stop();

    await changing.up();
    assert.deepEqual(await query(changing, old, "SELECT n FROM t"), [{ n: 1 }]);
    const refused = await refusal(query(changing, made, "SELECT n FROM t"));
    assert.equal(refused.code, "57P03");
    assert.match(refused.message, new RegExp(`PostgreSQL ${later} is not installed`));
    const doctor = await changing.cli(["doctor", "-o", "json"]);
    assert.equal(doctor.code, 6, doctor.stdout);
    assert.match(doctor.stdout, new RegExp(`1 database needs PostgreSQL ${later}`));
    assert.match(doctor.stdout, new RegExp(`install postgresql-${later}`));
    await changing.stop();

    await changing.up(withLater);
    assert.deepEqual(await query(changing, made, "SELECT n FROM t"), [{ n: 2 }]);
  } finally {
    await changing.end();
  }
});
