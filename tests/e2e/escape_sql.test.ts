// SPDX-License-Identifier: Apache-2.0
// T10, as SQL user, through the gate and the API, on every major: what a tenant's client tries, and
// what it leaves in its database for the platform to stumble over. The many probes of one instance,
// with their controls, are src/instance/escape_pgtest.cc.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { placeServersForNow } from "./harness/servers.ts";
import { connect, query, refusal } from "./harness/sql.ts";

const servers = placeServersForNow();
const MAJORS = [13, 14, 15, 16, 17, 18];
const databases = new Map<number, Database>();

const howdah = shared(
  {
    args: [...servers.values()].flatMap((folder) => ["--postgres-dir", folder]),
    volumeSize: 3 * 1024 ** 3,
  },
  {
    first: async ({ api }) => {
      for (const pgVersion of MAJORS) {
        databases.set(pgVersion, await api.createDatabase({ pgVersion }));
      }
    },
  },
);

/** Attached to a logical database, each does harm to a superuser's session that does not care. */
const ATTACHED = [
  "role = 'OWNER'",
  "search_path = public",
  "default_transaction_read_only = on",
  "statement_timeout = 1",
  "lock_timeout = 1",
  "local_preload_libraries = 'nothing_of_this_name'",
  "exit_on_error = on",
  "row_security = on",
  "check_function_bodies = off",
  "debug_print_parse = on",
  "client_min_messages = debug5",
  "standard_conforming_strings = off",
];

for (const major of MAJORS) {
  const made = () => databases.get(major)!;
  const path = () => `/api/databases/${made().id}`;

  test(`${major}: the platform's roles are nobody's login`, async () => {
    for (const user of ["howdah_admin", "howdah_monitor"]) {
      const { code } = await refusal(query(howdah.it, made(), "SELECT 1", { user }));
      assert.equal(code, "28P01", user);
    }
  });

  test(`${major}: no file, no program, no other role, through the gate`, async () => {
    for (const sql of [
      "COPY (SELECT 1) TO PROGRAM 'true'",
      "CREATE TEMP TABLE t (a text); COPY t FROM '/etc/passwd'",
      "SELECT pg_read_file('PG_VERSION')",
      "SELECT lo_import('/etc/passwd')",
      "GRANT pg_execute_server_program TO CURRENT_USER",
      "ALTER ROLE CURRENT_USER CREATEROLE",
      "SET ROLE howdah_monitor",
      "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)",
      "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION howdah_guard_extensions()",
      "ALTER EVENT TRIGGER howdah_guard_extensions DISABLE",
    ]) {
      assert.equal((await refusal(query(howdah.it, made(), sql))).code, "42501", sql);
    }
  });

  test(`${major}: extensions by SQL: those of the list, in further databases too`, async () => {
    await query(howdah.it, made(), "CREATE DATABASE derived TEMPLATE template0");
    const there = await query<{ name: string }>(
      howdah.it,
      made(),
      "SELECT name FROM pg_available_extensions WHERE name IN ('pltcl', 'dblink', 'file_fdw')",
    );
    for (const database of [made().database_name, "derived"]) {
      await query(howdah.it, made(), "CREATE EXTENSION citext", { database });
      for (const { name } of there) {
        const sql = `CREATE EXTENSION ${name}`;
        assert.equal((await refusal(query(howdah.it, made(), sql, { database }))).code, "42501");
      }
    }
    if (there.some(({ name }) => name === "pltcl")) {
      const { message } = await refusal(query(howdah.it, made(), "CREATE EXTENSION pltcl"));
      assert.match(message, /pltcl is not allowed/);
    }
    await query(howdah.it, made(), "DROP DATABASE derived");
  });

  test(`${major}: it sees no name of the others`, async () => {
    const [row] = await query<{ seen: string }>(
      howdah.it,
      made(),
      `SELECT concat((SELECT string_agg(datname, ' ') FROM pg_database),
                     (SELECT string_agg(rolname, ' ') FROM pg_roles),
                     (SELECT string_agg(concat(usename, client_addr), ' ') FROM pg_stat_activity))
              AS seen`,
    );
    assert.match(row!.seen, new RegExp(made().database_name));
    for (const [other, { database_name }] of databases) {
      const slug = database_name.slice("tenant_".length);
      if (other !== major) assert.ok(!row!.seen.includes(slug), row!.seen);
    }
  });

  test(`${major}: nothing that it attaches to its database disturbs the platform`, async () => {
    const { database_name, username } = made();
    // From elsewhere: some of these end its own next session.
    const session = await connect(howdah.it, made(), { database: "postgres" });
    for (const setting of ATTACHED) {
      const value = setting.replace("OWNER", username);
      await session.query(`ALTER DATABASE ${database_name} SET ${value}`);
    }
    const hurt = await refusal(query(howdah.it, made(), "SELECT pg_sleep(1)"));
    assert.ok(hurt.code, "control: its own sessions suffer");
    const body = { name: "hstore" };
    const { data } = await howdah.it.api.expect(201, "POST", `${path()}/extensions`, { body });
    assert.equal(
      data.installed.find((row: Json) => row.database === database_name).schema,
      "public",
    );
    await howdah.it.api.expect(200, "DELETE", `${path()}/extensions/hstore`);
    await session.query(`ALTER DATABASE ${database_name} RESET ALL`);
    await session.end();
    assert.deepEqual(await query(howdah.it, made(), "SELECT 1 AS n"), [{ n: 1 }]);
  });

  test(`${major}: sizes and counters come from the monitor`, async () => {
    await until("a sample", 10_000, async () => {
      const { data } = await howdah.it.api.expect(200, "GET", `${path()}/stats`);
      return data.size_bytes > 1_000_000 && typeof data.details.instance_size_bytes === "number";
    });
    const logical = await howdah.it.api.expect(200, "GET", `${path()}/logical-databases`);
    assert.ok(logical.data.every((row: Json) => row.size_bytes > 1_000_000));
  });
}
