// SPDX-License-Identifier: Apache-2.0
// Extensions: the allow list, installing and removing, and tenants that lay traps.
// Logical databases made by SQL.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, query, refusal } from "./harness/sql.ts";

const howdah = shared();

function pathOf(database: Database): string {
  return `/api/databases/${database.id}/extensions`;
}

async function listed(database: Database, name: string): Promise<Json> {
  const body = await howdah.it.api.expect(200, "GET", pathOf(database));
  return body.data.find((row: Json) => row.name === name);
}

function install(database: Database, body: Json, status = 201): Promise<Json> {
  return howdah.it.api.expect(status, "POST", pathOf(database), { body });
}

test("an extension is installed for its users, used, listed and removed", async () => {
  const made = await howdah.it.api.createDatabase();
  assert.deepEqual((await listed(made, "pg_trgm")).installed, []);
  const { data } = await install(made, { name: "pg_trgm" });
  assert.equal(data.installed[0].database, made.database_name);
  assert.equal(data.installed[0].owner, made.username, "trusted: it belongs to the owner");
  const rows = await query(howdah.it, made, "SELECT similarity('word', 'words')::text AS s");
  assert.equal(rows.length, 1);
  await howdah.it.api.problem(409, "POST", pathOf(made), { body: { name: "pg_trgm" } });
  await howdah.it.api.expect(200, "DELETE", `${pathOf(made)}/pg_trgm`);
  assert.deepEqual((await listed(made, "pg_trgm")).installed, []);
  await howdah.it.api.problem(404, "DELETE", `${pathOf(made)}/pg_trgm`);

  const audit = await howdah.it.api.expect(200, "GET", "/api/audit");
  const actions = audit.data
    .filter((row: Json) => row.database_id === made.id)
    .map((row: Json) => row.action);
  assert.ok(actions.includes("extension.create") && actions.includes("extension.delete"));
  await howdah.it.api.deleteDatabase(made.id);
});

test("what could leave the instance or read its files is refused with the reason", async () => {
  const made = await howdah.it.api.createDatabase();
  for (const [name, why] of [
    ["dblink", /connections/],
    ["postgres_fdw", /connections/],
    ["file_fdw", /files/],
    ["plpython3u", /language/],
    ["pg_nothing", /allow list/],
  ] as const) {
    const problem = await howdah.it.api.problem(422, "POST", pathOf(made), { body: { name } });
    assert.match(problem.detail, why);
  }
  const preload = { body: { name: "pg_stat_statements" } };
  assert.match(
    (await howdah.it.api.problem(501, "POST", pathOf(made), preload)).detail,
    /shared_preload_libraries/,
  );
  // Nor by SQL.
  assert.equal((await refusal(query(howdah.it, made, "CREATE EXTENSION dblink"))).code, "42501");
  await howdah.it.api.deleteDatabase(made.id);
});

test("traps that a tenant lays in public are not sprung with the platform's rights", async () => {
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  await session.query(`
    CREATE TABLE sprung (who text);
    CREATE FUNCTION public.trap() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        INSERT INTO public.sprung VALUES (current_user);
      END IF;
      RETURN true;
    END $$;
    CREATE FUNCTION public.name_eq(name, name) RETURNS bool LANGUAGE sql
      AS 'SELECT public.trap()';
    CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.name_eq);
    CREATE FUNCTION public.text_eq(text, text) RETURNS bool LANGUAGE sql
      AS 'SELECT public.trap()';
    CREATE OPERATOR public.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = public.text_eq);
    CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE sql
      AS 'SELECT public.trap()::text';
    ALTER DATABASE ${made.database_name} SET search_path = public;
    ALTER DATABASE ${made.database_name} SET default_transaction_read_only = on;
    ALTER DATABASE ${made.database_name} SET check_function_bodies = off;
  `);
  for (const name of ["citext", "hstore", "ltree", "bloom", "unaccent", "cube", "earthdistance"]) {
    await install(made, { name });
  }
  assert.deepEqual((await session.query("SELECT who FROM sprung")).rows, []);
  const left = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'howdah%'";
  assert.deepEqual((await session.query(left)).rows, [], "nothing is left of how it was made");
  await session.end();
  await howdah.it.api.deleteDatabase(made.id);
});

test("an object that has the name of one of the extension's is kept, and told", async () => {
  const made = await howdah.it.api.createDatabase();
  await query(
    howdah.it,
    made,
    "CREATE FUNCTION public.similarity(text, text) RETURNS real LANGUAGE sql AS 'SELECT 7::real'",
  );
  const problem = await howdah.it.api.problem(409, "POST", pathOf(made), {
    body: { name: "pg_trgm" },
  });
  assert.match(problem.detail, /similarity/);
  const rows = await query(howdah.it, made, "SELECT similarity('a', 'b') AS s");
  assert.deepEqual(rows, [{ s: 7 }]);
  await query(howdah.it, made, "CREATE SCHEMA roomy");
  const { data } = await install(made, { name: "pg_trgm", schema: "roomy" });
  assert.equal(data.installed[0].schema, "roomy");
  await howdah.it.api.deleteDatabase(made.id);
});

test("what uses an extension keeps it", async () => {
  const made = await howdah.it.api.createDatabase();
  await install(made, { name: "hstore" });
  await query(howdah.it, made, "CREATE TABLE t (h hstore)");
  const problem = await howdah.it.api.problem(409, "DELETE", `${pathOf(made)}/hstore`);
  assert.match(problem.detail, /table public\.t /);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a sleeping database is woken by a change, and by nothing else", async () => {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1 });
  await install(made, { name: "citext" });
  await query(howdah.it, made, "CREATE DATABASE made_by_sql");
  await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}/logical-databases`);
  const status = async () =>
    (await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}`)).data.status;
  await until("it is suspended", 20_000, async () => (await status()) === "suspended");
  assert.equal((await listed(made, "citext")).installed.length, 1);
  const kinds = await howdah.it.api.expect(
    200,
    "GET",
    `/api/databases/${made.id}/logical-databases`,
  );
  const rows = Object.fromEntries(kinds.data.map((row: Json) => [row.name, row]));
  assert.equal(rows[made.database_name].kind, "main");
  assert.equal(rows[`${made.database_name}_shadow`].kind, "shadow");
  assert.equal(rows.made_by_sql.kind, "user");
  assert.equal(rows.made_by_sql.owner, made.username);
  assert.ok(rows.made_by_sql.size_bytes > 1_000_000);
  assert.equal(await status(), "suspended");
  const { data } = await install(made, { name: "hstore", database: "made_by_sql" });
  assert.equal(data.installed[0].database, "made_by_sql");
  await howdah.it.api.deleteDatabase(made.id);
});

test("the command line adds, lists and removes extensions", async () => {
  const made = await howdah.it.api.createDatabase({ friendlyName: "extended" });
  const added = await howdah.it.cli(["extension", "add", "extended", "citext"]);
  assert.equal(added.code, 0, added.stderr);
  const list = await howdah.it.cli(["extension", "list", "extended"]);
  assert.match(list.stdout, new RegExp(`citext +\\S+ +${made.database_name} \\S+ in public`));
  assert.equal((await howdah.it.cli(["extension", "add", "extended", "dblink"])).code, 2);
  const removed = await howdah.it.cli(["extension", "remove", "extended", "citext"]);
  assert.equal(removed.code, 0, removed.stderr);
  const databases = await howdah.it.cli(["db", "databases", "extended"]);
  assert.match(databases.stdout, new RegExp(`${made.database_name}_shadow +\\S+ +shadow`));
  await howdah.it.api.deleteDatabase(made.id);
});
