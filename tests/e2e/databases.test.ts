// SPDX-License-Identifier: Apache-2.0
// The API's databases: create, list, show, stats, connection strings, delete, in the exact shapes
// that programs rely on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared } from "./harness/howdah.ts";
import { query, refusal, verifiedUri } from "./harness/sql.ts";

const howdah = shared();

test("a created database has the names, URLs and message that the contract fixes", async () => {
  const { connection, api } = howdah.it;
  const body = await api.expect(201, "POST", "/api/databases", {
    body: { friendlyName: "My shop", ownerEmail: "ada@example.org", maxConnections: 7 },
  });
  const made = body.data;
  assert.equal(body.success, true);
  assert.equal(body.message, "Database created successfully");
  const slug = made.database_name.replace("tenant_", "");
  assert.match(slug, /^[a-z0-9]{8}$/);
  assert.equal(made.username, `user_${slug}`);
  assert.match(made.password, /^[A-Za-z0-9]{24}$/);
  assert.equal(made.friendly_name, "My shop");
  assert.equal(made.owner_email, "ada@example.org");
  assert.equal(made.max_connections, 7);
  assert.equal(made.status, "active");
  assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const start = `postgresql://user_${slug}:${made.password}@localhost`;
  const { direct_port: direct, pooled_port: pooled } = connection;
  const database = `tenant_${slug}`;
  assert.deepEqual(
    [
      made.connection_string,
      made.connection_string_pooled,
      made.shadow_database_url,
      made.shadow_database_url_pooled,
    ],
    [
      `${start}:${direct}/${database}?sslmode=require`,
      `${start}:${pooled}/${database}?sslmode=require&pgbouncer=true`,
      `${start}:${direct}/${database}_shadow?sslmode=require&schema=public`,
      `${start}:${pooled}/${database}_shadow?sslmode=require&schema=public&pgbouncer=true`,
    ],
  );
  await api.deleteDatabase(made.id);
});

test("maxConnections is 20 where it is not given, and snake_case input is taken too", async () => {
  const { api } = howdah.it;
  const body = await api.expect(201, "POST", "/api/databases", {
    body: { friendly_name: "snake", owner_email: "snake@example.org" },
  });
  assert.equal(body.data.max_connections, 20);
  assert.equal(body.data.friendly_name, "snake");
  await api.deleteDatabase(body.data.id);
});

test("a new database answers at once, and current_database() is the name in its URL", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const [row] = await query<{ name: string; who: string }>(
    howdah.it,
    made,
    "SELECT current_database() AS name, current_user AS who",
  );
  assert.deepEqual(row, { name: made.database_name, who: made.username });
  await api.deleteDatabase(made.id);
});

test("the shadow database is another, empty database", async () => {
  const made = await howdah.it.api.createDatabase();
  await query(howdah.it, made, "CREATE TABLE kept (id int)");
  const target = { database: `${made.database_name}_shadow` };
  const tables = await query(
    howdah.it,
    made,
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    target,
  );
  assert.deepEqual(tables, []);
  await query(howdah.it, made, "DROP SCHEMA public CASCADE", target);
  assert.equal((await query(howdah.it, made, "SELECT * FROM kept")).length, 0);
  await howdah.it.api.deleteDatabase(made.id);
});

test("every database has its own system identifier and sees no other's names", async () => {
  const { api } = howdah.it;
  const made = [await api.createDatabase(), await api.createDatabase()];
  const sql = `SELECT (SELECT system_identifier FROM pg_control_system())::text AS identifier,
    (SELECT string_agg(datname, ' ') FROM pg_database) AS databases,
    (SELECT string_agg(rolname, ' ') FROM pg_roles) AS roles`;
  const seen = [];
  for (const database of made) {
    seen.push((await query<Record<string, string>>(howdah.it, database, sql))[0]!);
  }
  assert.notEqual(seen[0]!.identifier, seen[1]!.identifier);
  assert.ok(!seen[0]!.databases!.includes(made[1]!.database_name));
  assert.ok(!seen[0]!.roles!.includes(made[1]!.username));
  for (const database of made) await api.deleteDatabase(database.id);
});

test("the owner is no superuser, may not make roles, and runs no programs", async () => {
  const made = await howdah.it.api.createDatabase();
  const [rights] = await query(
    howdah.it,
    made,
    `SELECT rolsuper, rolcreaterole, rolreplication, rolbypassrls, rolcreatedb
     FROM pg_roles WHERE rolname = current_user`,
  );
  assert.deepEqual(rights, {
    rolsuper: false,
    rolcreaterole: false,
    rolreplication: false,
    rolbypassrls: false,
    rolcreatedb: true,
  });
  for (const sql of [
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CREATE ROLE mine",
    "SET ROLE howdah_admin",
  ]) {
    assert.equal((await refusal(query(howdah.it, made, sql))).code, "42501", sql);
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("list, show and stats tell the same, without the password", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase({ friendlyName: "seen" });
  const list = await api.expect(200, "GET", "/api/databases");
  assert.equal(list.count, list.data.length);
  const row = list.data.find((entry: { id: string }) => entry.id === made.id);
  const shown = (await api.expect(200, "GET", `/api/databases/${made.id}`)).data;
  assert.equal(row.friendly_name, "seen");
  assert.equal(shown.database_name, made.database_name);
  assert.ok(!JSON.stringify([list, shown]).includes(made.password));
  const stats = (await api.expect(200, "GET", `/api/databases/${made.id}/stats`)).data;
  assert.equal(stats.database_id, made.id);
  assert.equal(stats.database_name, made.database_name);
  assert.equal(stats.max_connections, 20);
  assert.ok(stats.size_bytes > 0);
  assert.match(stats.size_pretty, /\d/);
  assert.equal(typeof stats.active_connections, "number");
  await api.deleteDatabase(made.id);
});

test("connection strings are masked, and reveal shows what works", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const path = `/api/databases/${made.id}/connection-strings`;
  const strings = (await api.expect(200, "GET", path)).data;
  assert.ok(!JSON.stringify(strings).includes(made.password));
  assert.equal(strings.connection_string, made.connection_string.replace(made.password, "***"));
  assert.equal(typeof strings.note, "string");
  const revealed = (await api.expect(200, "POST", `${path}/reveal`)).data;
  assert.equal(revealed.password, made.password);
  await api.deleteDatabase(made.id);
});

test("the certificate authority can be fetched without a key and is the one on disk", async () => {
  const { api, connection } = howdah.it;
  const made = await api.createDatabase();
  const { pathname } = new URL(made.ca_certificate_url);
  const reply = await api.call("GET", pathname, { key: null });
  assert.equal(reply.status, 200);
  const { readFileSync } = await import("node:fs");
  assert.equal(String(reply.body).trim(), readFileSync(connection.ca_certificate, "utf8").trim());
  await api.deleteDatabase(made.id);
});

test("a deleted database is out of the lists and refuses its sessions", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  await query(howdah.it, made, "SELECT 1");
  await api.deleteDatabase(made.id);
  const list = await api.expect(200, "GET", "/api/databases");
  assert.ok(!list.data.some((entry: { id: string }) => entry.id === made.id));
  const again = await api.call("DELETE", `/api/databases/${made.id}`);
  assert.ok([404, 410].includes(again.status), `${again.status}`);
  const { code } = await refusal(query(howdah.it, made, "SELECT 1"));
  assert.equal(code, "3D000");
});

test("deleting a database ends its open sessions", async () => {
  const { api } = howdah.it;
  const { connect } = await import("./harness/sql.ts");
  const made = await api.createDatabase();
  const session = await connect(howdah.it, made);
  await session.query("SELECT 1");
  await api.deleteDatabase(made.id);
  await assert.rejects(session.query("SELECT 1"));
  await session.end().catch(() => {});
});

test("the psql command of the answer works as it is printed", async () => {
  const { runOk } = await import("./harness/run.ts");
  const made = await howdah.it.api.createDatabase();
  const output = await runOk("bash", ["-c", `${made.psql_command} -XAt -c 'SELECT 41 + 1'`]);
  assert.equal(output.trim(), "42");
  for (const uri of [made.connection_uri, made.connection_uri_pooled]) {
    assert.equal((await runOk("psql", ["-XAt", uri, "-c", "SELECT 42"])).trim(), "42");
  }
  const verified = verifiedUri(howdah.it, made);
  assert.equal((await runOk("psql", ["-XAt", verified, "-c", "SELECT 42"])).trim(), "42");
  await howdah.it.api.deleteDatabase(made.id);
});

test("from the call to the first row takes well under a second", async () => {
  const started = performance.now();
  const made = await howdah.it.api.createDatabase();
  await query(howdah.it, made, "SELECT 1");
  assert.ok(performance.now() - started < 1000);
  await howdah.it.api.deleteDatabase(made.id);
});
