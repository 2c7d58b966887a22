// SPDX-License-Identifier: Apache-2.0
// Bad input gets a clear error that names each fault, and changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";

const howdah = shared(
  {},
  {
    last: async ({ api }) => {
      const list = await api.expect(200, "GET", "/api/databases");
      assert.equal(list.count, 0, "a refused request left a database behind");
    },
  },
);
const VALID = { friendlyName: "valid", ownerEmail: "valid@example.org" };

async function refused(body: unknown): Promise<Problem> {
  return howdah.it.api.problem(400, "POST", "/api/databases", { body });
}

function pointers(problem: Problem): string[] {
  return (problem.errors ?? []).map((error) => error.pointer).sort();
}

test("every missing field is named, all at once", async () => {
  const problem = await refused({});
  assert.equal(problem.code, "invalid_request");
  assert.equal(problem.success, false);
  assert.equal(problem.status, 400);
  assert.deepEqual(pointers(problem), ["/friendlyName", "/ownerEmail"]);
  assert.ok(problem.detail && problem.message && problem.request_id);
});

const WRONG: [string, string, unknown[]][] = [
  ["friendlyName", "/friendlyName", ["", "   ", 5, null, true, {}, [], "x".repeat(10_000)]],
  [
    "ownerEmail",
    "/ownerEmail",
    ["", "nobody", "a@b", "a b@c.org", 7, null, `${"a".repeat(400)}@b.org`],
  ],
  ["maxConnections", "/maxConnections", [0, -1, 501, 1.5, "20", 1e30, true]],
  ["suspendAfterSeconds", "/suspendAfterSeconds", [-1, 1.5, "60", 1e15]],
  ["pgVersion", "/pgVersion", ["nine", 9, 99, -1]],
  ["sizeClass", "/sizeClass", ["gigantic", 5, ""]],
];

for (const [field, pointer, values] of WRONG) {
  for (const value of values) {
    const shown = JSON.stringify(value);
    const name = shown.length > 40 ? `of ${shown.length} characters` : shown;
    test(`${field} ${name} is refused and named`, async () => {
      const problem = await refused({ ...VALID, [field]: value });
      assert.deepEqual(pointers(problem), [pointer]);
    });
  }
}

test("maxConnections takes exactly 1 and 500", async () => {
  for (const maxConnections of [1, 500]) {
    const made = await howdah.it.api.createDatabase({ maxConnections });
    assert.equal(made.max_connections, maxConnections);
    await howdah.it.api.deleteDatabase(made.id);
  }
});

test("null means that an optional field is not given", async () => {
  const made = await howdah.it.api.createDatabase({ maxConnections: null });
  assert.equal(made.max_connections, 20);
  await howdah.it.api.deleteDatabase(made.id);
});

test("an unknown field is refused and named", async () => {
  const problem = await refused({ ...VALID, maxConections: 5 });
  assert.deepEqual(pointers(problem), ["/maxConections"]);
});

test("an unknown query parameter is refused", async () => {
  const { api } = howdah.it;
  const problem = await api.problem(400, "GET", "/api/databases?ordre=name");
  assert.match(JSON.stringify(problem), /ordre/);
});

test("what is no JSON, or no object, is refused", async () => {
  for (const raw of ["{", "", "[]", '"text"', "null", '{"friendlyName":"a"} trailing', "\u0000"]) {
    const problem = await howdah.it.api.problem(400, "POST", "/api/databases", { raw });
    assert.equal(problem.code, "invalid_request", raw);
  }
});

test("JSON nested a hundred thousand deep is refused, not followed", async () => {
  const raw = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const problem = await howdah.it.api.problem(400, "POST", "/api/databases", { raw });
  assert.equal(problem.code, "invalid_request");
});

test("a body of more than 1 MiB is 413", async () => {
  const body = { ...VALID, friendlyName: "x".repeat(1024 * 1024) };
  const problem = await howdah.it.api.problem(413, "POST", "/api/databases", { body });
  assert.equal(problem.code, "too_large");
});

test("quotes, SQL and wide characters in names are kept, control characters refused", async () => {
  const { api } = howdah.it;
  for (const friendlyName of ["'; DROP TABLE databases; --", "Ünïcode 東京 🐘", 'a"b\\c']) {
    const made = await api.createDatabase({ friendlyName });
    const shown = (await api.expect(200, "GET", `/api/databases/${made.id}`)).data;
    assert.equal(shown.friendly_name, friendlyName);
    await api.deleteDatabase(made.id);
  }
  assert.deepEqual(pointers(await refused({ ...VALID, friendlyName: "a\nb" })), ["/friendlyName"]);
  assert.deepEqual(pointers(await refused({ ...VALID, friendlyName: "a\u0000b" })), [
    "/friendlyName",
  ]);
});

test("ids that are none are 404, whatever they hold", async () => {
  for (const id of [
    "nope",
    "00000000-0000-4000-8000-000000000000",
    "'%20OR%201=1",
    "%00",
    "%2e%2e",
  ]) {
    const reply = await howdah.it.api.call("GET", `/api/databases/${id}`);
    assert.ok([400, 404].includes(reply.status), `${id}: ${reply.status}`);
  }
});

test("paths and methods that do not exist are 404 and 405 with Allow", async () => {
  const { api } = howdah.it;
  assert.equal((await api.problem(404, "GET", "/api/nothing")).code, "not_found");
  const reply = await api.call("PUT", "/api/databases");
  assert.equal(reply.status, 405);
  assert.match(reply.headers.get("allow") ?? "", /POST/);
});

test("every answer carries a request id, and takes a sane one from the caller", async () => {
  const { api } = howdah.it;
  assert.ok((await api.call("GET", "/health", { key: null })).headers.get("x-request-id"));
  const reply = await api.call("GET", "/api/databases", {
    headers: { "X-Request-Id": "caller-17" },
  });
  assert.equal(reply.headers.get("x-request-id"), "caller-17");
});

test("/api/v1 is the same API", async () => {
  await howdah.it.api.expect(200, "GET", "/api/v1/databases");
});
