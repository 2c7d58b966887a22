// SPDX-License-Identifier: Apache-2.0
// T15 of docs/reliability.md: every call of api/openapi.yaml with every kind of key. What must
// happen follows from x-access and x-any-key alone, so a new call is covered as soon as it is
// described (and described it must be: src/control/contract/access_pgtest.cc).
//
// A call that a key may make is sent with a query parameter that no call knows, so it is refused
// with 400 before it does anything; one that it may not make is sent as it would do harm.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Json, Reply } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { Contract } from "./harness/openapi.ts";

type Access = "open" | "read" | "write" | "admin" | "local";
interface Route {
  method: string;
  path: string;
  access: Access;
  anyKey: boolean;
}
interface Key {
  name: string;
  key: string | null;
  scope?: "read" | "write" | "admin";
  database?: string;
  bearer?: boolean; // sent as Authorization: Bearer
}

const SCOPES = ["read", "write", "admin"];
const METHODS = ["get", "post", "put", "patch", "delete"];
const ROUTES: Route[] = Object.entries(new Contract().document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => METHODS.includes(method))
    .map(([method, operation]) => {
      const described = operation as unknown as Record<string, unknown>;
      const access = described["x-access"] as Access;
      const anyKey = described["x-any-key"] === true;
      return { method: method.toUpperCase(), path, access, anyKey };
    }),
);

const NOBODY = "00000000-0000-4000-8000-00000000dead";
let a: Database;
let b: Database;
let owned: Record<string, string>; // of a, by the name of the path's parameter or its noun
let keys: Key[];

const howdah = shared(
  {},
  {
    first: async ({ api, connection }) => {
      const made = await api.expect(201, "POST", "/api/databases", {
        body: { friendlyName: "a", ownerEmail: "a@example.org" },
      });
      a = made.data as Database;
      b = await api.createDatabase({ friendlyName: "b" });
      const gone = await api.createDatabase({ friendlyName: "gone" });
      const rule = await api.expect(201, "POST", `/api/databases/${a.id}/whitelist`, {
        body: { ipAddress: "127.0.0.1" },
      });
      const key = async (name: string, fields: Record<string, unknown>) => {
        const body = { name, ...fields };
        return (await api.expect(201, "POST", "/api/keys", { body })).data as Json;
      };
      const revoked = await key("revoked", { scope: "admin" });
      await api.expect(200, "DELETE", `/api/keys/${revoked.id}`);
      const expired = await key("expired", {
        scope: "admin",
        expiresAt: new Date(Date.now() + 300).toISOString(),
      });
      owned = { operations: made.operations[0].id, keys: revoked.id, whitelistId: rule.data.id };
      const of = async (scope: "read" | "write" | "admin", database?: Database): Promise<Key> => ({
        name: database ? `${scope} of ${database.friendly_name}` : scope,
        key: (await key(scope, { scope, databaseId: database?.id })).key,
        scope,
        database: database?.id,
      });
      keys = [
        { name: "none", key: null },
        { name: "unknown", key: `hwd_abcdefgh_${"x".repeat(43)}` },
        { name: "no key at all", key: "%00 ' OR 1=1 --" },
        { name: "revoked", key: revoked.key },
        { name: "expired", key: expired.key },
        ...(await Promise.all(SCOPES.map((scope) => of(scope as "read")))),
        ...(await Promise.all([of("read", a), of("write", a), of("admin", a)])),
        ...(await Promise.all([of("read", b), of("write", b), of("admin", b)])),
        { ...(await of("admin", gone)), name: "admin of a deleted database" },
        { name: "of connection.json", key: connection.api_key, scope: "admin" },
        { ...(await of("read")), name: "read, as a bearer", bearer: true },
        { name: "unknown, as a bearer", key: `hwd_abcdefgh_${"y".repeat(43)}`, bearer: true },
      ];
      await api.deleteDatabase(gone.id);
      await new Promise((resolve) => setTimeout(resolve, 400));
    },
    last: async ({ api }) => {
      // Nothing that was refused has happened.
      const { data } = await api.expect(200, "GET", `/api/databases/${a.id}/whitelist`);
      assert.equal(data.length, 1);
      for (const { id } of [a, b]) {
        await api.expect(200, "GET", `/api/databases/${id}`);
        await api.deleteDatabase(id);
      }
    },
  },
);

/** The path with what belongs to a. */
function fill(path: string): string {
  const noun = path.split("/")[2] ?? "";
  return path
    .replace("{id}", noun === "databases" ? a.id : (owned[noun] ?? NOBODY))
    .replace(/\{(\w+)\}/g, (_, name: string) => owned[name] ?? NOBODY);
}

function may(route: Route, key: Key): boolean {
  if (route.access === "open") return true;
  if (!key.scope || route.access === "local") return false;
  if (SCOPES.indexOf(key.scope) < SCOPES.indexOf(route.access)) return false;
  if (!key.database || route.anyKey) return true;
  return key.database === a.id && /^\/api\/databases\/\{id\}(\/|$)/.test(route.path);
}

function send(route: Route, key: Key, query: string): Promise<Reply<Json>> {
  const body = ["POST", "PUT", "PATCH"].includes(route.method) ? { surprise: 1 } : undefined;
  const to = fill(route.path) + query;
  if (!key.bearer) return howdah.it.api.call(route.method, to, { key: key.key, body });
  const headers = { Authorization: `Bearer ${key.key}` };
  return howdah.it.api.call(route.method, to, { key: null, body, headers });
}

async function check(route: Route, key: Key): Promise<void> {
  const allowed = may(route, key);
  const { status, body } = await send(route, key, allowed ? "?surprise=1" : "");
  const what = `${route.method} ${route.path} with key ${key.name}: ${status}`;
  if (!allowed) {
    assert.equal(status, key.scope ? 403 : 401, what);
    assert.equal(body.code, key.scope ? "forbidden" : "unauthorized", what);
    return;
  }
  assert.ok(![401, 403].includes(status), what);
  if (route.access !== "open") assert.ok(status >= 400, `${what}: took an unknown parameter`);
}

/** What a key of b gets to see of the world must hold nothing of a. */
async function checkForeign(route: Route, key: Key): Promise<void> {
  if (route.access === "open" || key.database !== b.id || !may(route, key)) return;
  const { status, body } = await send(route, key, "");
  const what = `${route.method} ${route.path} with key ${key.name}: ${status}`;
  if (route.path.includes("{")) assert.ok(status >= 400, what);
  const text = JSON.stringify(body);
  const secrets = route.path.includes("{") ? [a.username] : [a.id, a.username, a.database_name];
  for (const secret of secrets) assert.ok(!text.includes(secret), `${what} tells ${secret}`);
}

test("every call says who may make it", () => {
  assert.ok(ROUTES.length >= 29, `${ROUTES.length} calls`);
  for (const { method, path, access } of ROUTES) {
    assert.ok([...SCOPES, "open", "local"].includes(access), `${method} ${path}: ${access}`);
  }
});

for (const route of ROUTES) {
  const who = `${route.access}${route.anyKey ? ", any key" : ""}`;
  test(`${route.method} ${route.path}: ${who}`, async () => {
    for (const key of keys) {
      await check(route, key);
      await checkForeign(route, key);
    }
  });
}

test("the alias /api/v1 has the same doors", async () => {
  const { api } = howdah.it;
  for (const key of keys.filter(({ database }) => database === b.id)) {
    await api.problem(403, "GET", `/api/v1/databases/${a.id}`, { key: key.key });
  }
  await api.problem(401, "GET", "/api/v1/databases", { key: null });
});

test("the method HEAD opens no door that GET does not", async () => {
  const { api } = howdah.it;
  for (const { key } of keys.filter(({ scope }) => !scope)) {
    const headers: Record<string, string> = key ? { "X-API-Key": key } : {};
    const reply = await fetch(`${api.url}/api/databases`, { method: "HEAD", headers });
    assert.equal(reply.status, 401);
  }
});
