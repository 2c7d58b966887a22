// SPDX-License-Identifier: Apache-2.0
// The shapes of the contract, field by field as older clients know them. That each answer fits
// api/openapi.yaml is checked by the harness with every call of every test; this file keeps the
// description itself from drifting.
import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { startup, Wire } from "./harness/wire.ts";

const howdah = shared();

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PRETTY = /^\d+(\.\d+)? (B|bytes|kB|KiB|MB|MiB|GB|GiB|TB|TiB)$/;

const DATABASE = ["id", "database_name", "username", "owner_email", "friendly_name"];
const CREATED = [
  ...["id", "database_name", "username", "password", "owner_email", "friendly_name"],
  ...["max_connections", "status", "created_at", "connection_string", "connection_string_pooled"],
  ...["shadow_database_url", "shadow_database_url_pooled", "psql_command", "connection_uri"],
  ...["connection_uri_pooled", "ca_certificate_url"],
];

/** The fields stand there, in this order; more may follow or come between. */
function has(object: Json, fields: string[], what: string): void {
  const names = Object.keys(object);
  const found = names.filter((name) => fields.includes(name));
  assert.deepEqual(found, fields, `${what} has ${names.join(" ")}`);
}

test("health", async () => {
  const reply = await howdah.it.api.call("GET", "/health", { key: null });
  assert.equal(reply.status, 200);
  has(reply.body, ["status", "timestamp", "environment"], "health");
  assert.equal(reply.body.status, "ok");
  assert.match(reply.body.timestamp, TIME);
  assert.equal(typeof reply.body.environment, "string");
});

test("a created database", async () => {
  const { api } = howdah.it;
  const reply = await api.call("POST", "/api/databases", {
    body: { friendlyName: "My shop", ownerEmail: "me@example.org", maxConnections: 30 },
  });
  assert.equal(reply.status, 201);
  assert.deepEqual(Object.keys(reply.body), ["success", "message", "data", "operations"]);
  assert.equal(reply.body.success, true);
  assert.equal(reply.body.message, "Database created successfully");
  const { data } = reply.body;
  has(data, CREATED, "the database");
  const slug = data.database_name.slice("tenant_".length);
  assert.match(slug, /^[a-z0-9]{8}$/);
  assert.match(data.id, UUID);
  assert.equal(data.username, `user_${slug}`);
  assert.match(data.password, /^[A-Za-z0-9]{24}$/);
  assert.equal(data.owner_email, "me@example.org");
  assert.equal(data.friendly_name, "My shop");
  assert.equal(data.max_connections, 30);
  assert.equal(data.status, "active");
  assert.match(data.created_at, TIME);
  const { direct_port, pooled_port } = howdah.it.connection;
  const login = `postgresql://user_${slug}:${data.password}@localhost`;
  const name = `tenant_${slug}`;
  const plain = "sslmode=require";
  const shadow = "schema=public&pgbouncer=true";
  const urls: Record<string, string> = {
    connection_string: `${login}:${direct_port}/${name}?${plain}`,
    connection_string_pooled: `${login}:${pooled_port}/${name}?${plain}&pgbouncer=true`,
    shadow_database_url: `${login}:${direct_port}/${name}_shadow?${plain}&schema=public`,
    shadow_database_url_pooled: `${login}:${pooled_port}/${name}_shadow?${plain}&${shadow}`,
    connection_uri: `${login}:${direct_port}/${name}?${plain}`,
    connection_uri_pooled: `${login}:${pooled_port}/${name}?${plain}`,
  };
  for (const [field, url] of Object.entries(urls)) assert.equal(data[field], url, field);
  assert.equal(data.psql_command, `psql "${data.connection_uri}"`);
  assert.match(data.ca_certificate_url, /^https?:\/\/.+\/ca\.crt$/);
  assert.equal(reply.headers.get("location"), `/api/databases/${data.id}`);
  await api.deleteDatabase(data.id);
});

test("maxConnections is 20 unless it is given, and input is taken in snake_case too", async () => {
  const { api } = howdah.it;
  const body = { friendly_name: "snake", owner_email: "s@example.org" };
  const { data } = await api.expect(201, "POST", "/api/databases", { body });
  assert.equal(data.max_connections, 20);
  await api.deleteDatabase(data.id);
});

test("the list of databases, one of them, its statistics", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const list = await api.expect(200, "GET", "/api/databases");
  has(list, ["success", "data", "count"], "the list");
  assert.equal(list.success, true);
  assert.equal(list.count, list.data.length);
  const one = await api.expect(200, "GET", `/api/databases/${made.id}`);
  for (const database of [one.data, list.data.find(({ id }: Json) => id === made.id)]) {
    has(database, [...DATABASE, "max_connections", "status", "created_at"], "the database");
    assert.ok(!("password" in database));
  }
  const stats = (await api.expect(200, "GET", `/api/databases/${made.id}/stats`)).data;
  has(
    stats,
    ["database_id", "database_name", "size_bytes", "size_pretty", "active_connections"],
    "statistics",
  );
  assert.equal(stats.database_id, made.id);
  assert.equal(stats.max_connections, 20);
  assert.ok(Number.isInteger(stats.size_bytes) && stats.size_bytes > 0);
  assert.match(stats.size_pretty, PRETTY);
  await api.deleteDatabase(made.id);
});

test("connection strings, masked and revealed", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const path = `/api/databases/${made.id}/connection-strings`;
  const { data } = await api.expect(200, "GET", path);
  const urls = CREATED.filter((name) => /^(connection|shadow)/.test(name));
  has(data, ["database_id", "database_name", "username", ...urls, "snippets", "note"], "them");
  for (const field of urls) {
    const clear = made[field as keyof typeof made] as string;
    assert.equal(data[field], clear.replace(made.password, "***"), field);
  }
  assert.ok(!JSON.stringify(data).includes(made.password));
  assert.equal(typeof data.note, "string");
  assert.deepEqual(Object.keys(data.snippets), [
    ...["psql", ".env", "prisma", "drizzle", "node-pg", "postgres.js", "psycopg", "sqlalchemy"],
    ...["django", "jdbc", "pgx", "rails", "laravel", "dotnet"],
  ]);
  const revealed = (await api.expect(200, "POST", `${path}/reveal`)).data;
  assert.equal(revealed.password, made.password);
  for (const field of urls) assert.equal(revealed[field], made[field as keyof typeof made]);
  const { data: audit } = await api.expect(200, "GET", `/api/audit?databaseId=${made.id}`);
  assert.equal(audit[0].action, "password.reveal");
  await api.deleteDatabase(made.id);
});

test("the firewall's rows", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const path = `/api/databases/${made.id}/whitelist`;
  const body = { ipAddress: "192.0.2.0/24", description: "office" };
  const rule = (await api.expect(201, "POST", path, { body })).data;
  has(rule, ["id", "database_id", "ip_address", "description", "added_at"], "the rule");
  assert.match(rule.id, UUID);
  assert.equal(rule.database_id, made.id);
  assert.equal(rule.ip_address, "192.0.2.0/24");
  assert.equal(rule.description, "office");
  assert.match(rule.added_at, TIME);
  const list = await api.expect(200, "GET", path);
  assert.deepEqual(list, { success: true, data: [rule], count: 1 });
  await api.expect(200, "DELETE", `${path}/${rule.id}`);
  assert.equal((await api.expect(200, "GET", path)).count, 0);
  await api.deleteDatabase(made.id);
});

/** Attempts that the firewall refuses, one from each address, until they are listed. */
async function refuseFrom(addresses: string[], made: Database): Promise<void> {
  const { direct_port } = howdah.it.connection;
  for (const address of addresses) {
    const wire = await Wire.open("127.0.0.1", direct_port, address);
    assert.ok(await wire.secure());
    const login: [string, string][] = [["user", made.username]];
    wire.send(startup([...login, ["database", made.database_name]]));
    assert.equal((await wire.read())?.type, "E", address);
    wire.close();
  }
  const path = `/api/databases/${made.id}/whitelist/denied`;
  await until("all of them are listed", 10_000, async () => {
    return (await howdah.it.api.expect(200, "GET", path)).count === addresses.length;
  });
}

test("every list has pages that join without a gap or a double", async () => {
  const { api } = howdah.it;
  const made = await Promise.all([1, 2, 3, 4, 5].map(() => api.createDatabase()));
  const addresses = made.map((_, i) => `192.0.2.${i}`);
  const rules = `/api/databases/${made[0]!.id}/whitelist`;
  for (const ipAddress of addresses) await api.expect(201, "POST", rules, { body: { ipAddress } });
  for (const name of ["a", "b", "c"]) {
    await api.expect(201, "POST", "/api/keys", { body: { name } });
  }
  const denied = `${rules}/denied`;
  await refuseFrom(["127.0.0.2", "127.0.0.3", "127.0.0.4"], made[0]!);
  const lists = ["/api/databases", rules, denied, "/api/operations", "/api/keys", "/api/audit"];
  // A refused address has no id of its own.
  const nameOf = ({ id, address }: Json) => id ?? address;
  for (const path of lists) {
    const all = (await api.expect(200, "GET", path)).data.map(nameOf);
    assert.ok(all.length >= 3, `${path}: ${all.length} rows`);
    const paged: unknown[] = [];
    let next: string | undefined = `${path}?limit=2`;
    while (next) {
      const reply = await api.call("GET", next);
      assert.equal(reply.status, 200);
      assert.ok(reply.body.count <= 2);
      paged.push(...reply.body.data.map(nameOf));
      const link = reply.headers.get("link");
      const cursor = reply.body.meta?.next_cursor;
      assert.equal(link === null, cursor === undefined);
      next = link ? /^<([^>]+)>; rel="next"$/.exec(link)![1]! : undefined;
      if (next) assert.ok(next.endsWith(`cursor=${cursor}`) && next.includes("limit=2"));
    }
    assert.deepEqual(paged, all, path);
    for (const wrong of ["limit=0", "limit=201", "limit=x", "cursor=x", "page=1"]) {
      await api.problem(400, "GET", `${path}?${wrong}`);
    }
  }
  for (const { id } of made) await api.deleteDatabase(id);
});

test("dumps of the catalog have no pages, and no more than a thousand are listed", async () => {
  const { api, dataDir } = howdah.it;
  const { data: made } = await api.expect(201, "POST", "/api/catalog/dumps");
  const folder = dirname(made.path);
  assert.equal(folder, join(dataDir, "backups/catalog"));
  for (let i = 0; i < 1000; i++) {
    const older = new Date(Date.parse(made.created_at) - (i + 1) * 1000);
    const time = older.toISOString().replace(/[-:]|\.\d+/g, "");
    fs.linkSync(made.path, join(folder, `catalog-${time}.dump`));
  }
  const list = await api.expect(200, "GET", "/api/catalog/dumps");
  assert.equal(list.count, 1000);
  assert.equal(list.data[0].name, made.name, "the newest first");
  await api.problem(400, "GET", "/api/catalog/dumps?limit=2");
});

test("the audit log is narrowed down by every filter", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  const all = (await api.expect(200, "GET", `/api/audit?databaseId=${made.id}`)).data;
  assert.deepEqual(
    all.map(({ action }: Json) => action),
    ["database.create"],
  );
  const [row] = all;
  const actor = encodeURIComponent(row.actor);
  const subject = encodeURIComponent(row.subject);
  const at = Date.parse(row.created_at);
  const later = encodeURIComponent(new Date(at + 1).toISOString());
  const same = `databaseId=${made.id}`;
  const holds = async (query: string) =>
    (await api.expect(200, "GET", `/api/audit?${same}&${query}`)).count === 1;
  for (const query of [
    "action=database.create",
    "action=database.",
    `actor=${actor}`,
    `subject=${subject}`,
    `requestId=${row.request_id}`,
    `since=${row.created_at}`,
    `until=${later}`,
    "result=succeeded",
  ]) {
    assert.ok(await holds(query), query);
  }
  for (const query of [
    "action=database.creat",
    "action=database.delete",
    "action=database%25",
    "actor=nobody",
    "subject=x",
    "requestId=x",
    `since=${later}`,
    `until=${row.created_at}`,
    "result=failed",
  ]) {
    assert.ok(!(await holds(query)), query);
  }
  for (const wrong of ["since=yesterday", "result=maybe", "databaseId=7"]) {
    await api.problem(400, "GET", `/api/audit?${wrong}`);
  }
  await api.deleteDatabase(made.id);
});

test("a problem has every field of both shapes, whatever its status", async () => {
  const { api } = howdah.it;
  const gone = await api.createDatabase();
  await api.deleteDatabase(gone.id);
  const body = { friendlyName: "x", ownerEmail: "x@example.org" };
  const headers = { "Idempotency-Key": "problems" };
  const first = await api.expect(201, "POST", "/api/databases", { body, headers });
  const long = { headers: { "X-Big": "x".repeat(70_000) } };
  const big = { raw: JSON.stringify({ friendlyName: "x".repeat(1024 * 1024) }) };
  const cases: [number, string, string, string, object][] = [
    [400, "invalid_request", "POST", "/api/databases", { body: {} }],
    [400, "invalid_request", "POST", "/api/databases", { raw: "{" }],
    [400, "invalid_request", "GET", "/api/databases?color=red", {}],
    [401, "unauthorized", "GET", "/api/databases", { key: null }],
    [403, "forbidden", "POST", "/internal/recovery-key", {}],
    [404, "not_found", "GET", "/api/databases/00000000-0000-4000-8000-00000000dead", {}],
    [404, "not_found", "GET", "/api/nothing", {}],
    [405, "method_not_allowed", "PUT", "/api/databases", { body: {} }],
    [409, "conflict", "POST", `/api/operations/${first.operations[0].id}/cancel`, {}],
    [410, "database_deleted", "GET", `/api/databases/${gone.id}`, {}],
    [413, "too_large", "POST", "/api/databases", big],
    [422, "unprocessable", "POST", "/api/databases", { body: { ...body, name: "n" }, headers }],
    [431, "headers_too_large", "GET", "/api/databases", long],
  ];
  for (const [status, code, method, path, options] of cases) {
    const reply = await api.call(method, path, options);
    const what = `${method} ${path}: ${JSON.stringify(reply.body).slice(0, 300)}`;
    assert.equal(reply.status, status, what);
    assert.equal(reply.headers.get("content-type"), "application/problem+json");
    assert.deepEqual(Object.keys(reply.body), [
      ...["type", "title", "status", "detail", "instance", "code", "request_id", "errors", "hint"],
      ...["success", "message"],
    ]);
    assert.equal(reply.body.code, code, what);
    assert.equal(reply.body.type, `/docs#error-${code}`);
    assert.equal(reply.body.status, status);
    assert.equal(reply.body.success, false);
    assert.equal(reply.body.message, reply.body.detail);
    assert.equal(reply.body.request_id, reply.headers.get("x-request-id"));
    if (status !== 413 && status !== 431) assert.equal(reply.body.instance, path.split("?")[0]);
  }
  assert.equal(
    (await api.call("PUT", "/api/databases", { body: {} })).headers.get("allow"),
    "GET, HEAD, POST",
  );
  await api.deleteDatabase(first.data.id);
});

test("every answer carries a request id, and the caller's own where it is a good one", async () => {
  const { api } = howdah.it;
  for (const path of ["/health", "/api/databases", "/api/nothing", "/docs", "/openapi.json"]) {
    const own = (await api.call("GET", path)).headers.get("x-request-id") ?? "";
    assert.match(own, /^[A-Za-z0-9._:-]{1,64}$/, path);
    const headers = { "X-Request-Id": "my-id.7" };
    const kept = await api.call("GET", path, { headers });
    assert.equal(kept.headers.get("x-request-id"), "my-id.7", path);
  }
  const bad = await api.call("GET", "/health", { headers: { "X-Request-Id": "x".repeat(65) } });
  assert.notEqual(bad.headers.get("x-request-id"), "x".repeat(65));
});

test("/api/v1 is another name of /api", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  for (const path of ["/databases", `/databases/${made.id}`, "/operations", "/keys"]) {
    const [one, other] = [
      await api.expect(200, "GET", `/api${path}`),
      await api.expect(200, "GET", `/api/v1${path}`),
    ];
    assert.deepEqual(
      other.data.map?.(({ id }: Json) => id) ?? other.data.id,
      one.data.map?.(({ id }: Json) => id) ?? one.data.id,
    );
  }
  await api.expect(200, "DELETE", `/api/v1/databases/${made.id}`);
});

test("a change is seen by the very next read", async () => {
  const { api } = howdah.it;
  for (let round = 0; round < 20; ++round) {
    const made = await api.createDatabase();
    const rules = `/api/databases/${made.id}/whitelist`;
    assert.equal((await api.expect(200, "GET", rules)).count, 0);
    await api.expect(201, "POST", rules, { body: { ipAddress: "192.0.2.1" } });
    assert.equal((await api.expect(200, "GET", rules)).count, 1);
    await api.expect(200, "GET", `/api/databases/${made.id}`);
    await api.deleteDatabase(made.id);
    await api.problem(410, "GET", `/api/databases/${made.id}`);
    const left = await api.expect(200, "GET", "/api/databases");
    assert.ok(!left.data.some(({ id }: Json) => id === made.id));
  }
});
