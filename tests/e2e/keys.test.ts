// SPDX-License-Identifier: Apache-2.0
// Who may call the API: keys, their scopes, and what needs none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared } from "./harness/howdah.ts";

const howdah = shared();

async function makeKey(scope: string, extra: Record<string, unknown> = {}) {
  const body = await howdah.it.api.expect(201, "POST", "/api/keys", {
    body: { name: `test ${scope}`, scopes: [scope], ...extra },
  });
  return body.data as { id: string; key: string; prefix: string };
}

test("without a key, with a wrong one and with half of one, the answer is 401", async () => {
  const { api } = howdah.it;
  for (const key of [null, "", "wrong", api.key.slice(0, -1), `${api.key}x`]) {
    const problem = await api.problem(401, "GET", "/api/databases", { key });
    assert.equal(problem.code, "unauthorized");
  }
});

test("a key works as X-API-Key and as a bearer", async () => {
  const { api } = howdah.it;
  await api.expect(200, "GET", "/api/databases");
  await api.expect(200, "GET", "/api/databases", {
    key: null,
    headers: { Authorization: `Bearer ${api.key}` },
  });
});

test("health and the description need no key", async () => {
  const { api } = howdah.it;
  const health = await api.expect(200, "GET", "/health", { key: null });
  assert.equal(health.status, "ok");
  assert.match(health.timestamp, /Z$/);
  assert.equal(typeof health.environment, "string");
  const document = await api.expect(200, "GET", "/openapi.json", { key: null });
  assert.match(document.openapi, /^3\./);
  assert.ok(document.paths["/api/databases"]);
});

test("metrics are in the text format that Prometheus reads", async () => {
  const { api } = howdah.it;
  const reply = await api.call("GET", "/metrics");
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type") ?? "", /^text\/plain/);
  for (const line of String(reply.body).trimEnd().split("\n")) {
    assert.match(line, /^#|^(howdah|process)_[a-z_]+(\{.*\})? \S+$/);
  }
});

test("a read key reads and changes nothing", async () => {
  const { api } = howdah.it;
  const { key } = await makeKey("read");
  await api.expect(200, "GET", "/api/databases", { key });
  const body = { friendlyName: "a", ownerEmail: "a@example.org" };
  const problem = await api.problem(403, "POST", "/api/databases", { key, body });
  assert.equal(problem.code, "forbidden");
  assert.equal((await api.call("POST", "/api/keys", { key, body: { name: "x" } })).status, 403);
});

test("a write key makes databases, but no keys", async () => {
  const { api } = howdah.it;
  const { key } = await makeKey("write");
  const body = { friendlyName: "a", ownerEmail: "a@example.org" };
  const made = await api.expect(201, "POST", "/api/databases", { key, body });
  await api.deleteDatabase(made.data.id);
  const reply = await api.call("POST", "/api/keys", { key, body: { name: "x", scopes: ["read"] } });
  assert.equal(reply.status, 403);
});

test("a revoked key is dead at once, an expired one too", async () => {
  const { api } = howdah.it;
  const made = await makeKey("read");
  await api.expect(200, "GET", "/api/databases", { key: made.key });
  await api.call("DELETE", `/api/keys/${made.id}`);
  await api.problem(401, "GET", "/api/databases", { key: made.key });
  const expiresAt = new Date(Date.now() + 1500).toISOString();
  const short = await makeKey("read", { expiresAt });
  await api.expect(200, "GET", "/api/databases", { key: short.key });
  await new Promise((resolve) => setTimeout(resolve, 1700));
  await api.problem(401, "GET", "/api/databases", { key: short.key });
});

test("a key is listed by its prefix and never shown again", async () => {
  const { api } = howdah.it;
  const made = await makeKey("read");
  const list = await api.expect(200, "GET", "/api/keys");
  const row = list.data.find((entry: { id: string }) => entry.id === made.id);
  assert.ok(made.key.includes(row.prefix));
  assert.ok(!JSON.stringify(list).includes(made.key));
});

test("the key of connection.json ends with the process that made it", async () => {
  const old = howdah.it.api.key;
  await howdah.it.restart();
  assert.notEqual(howdah.it.api.key, old);
  await howdah.it.api.problem(401, "GET", "/api/databases", { key: old });
});
