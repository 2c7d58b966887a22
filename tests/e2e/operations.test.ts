// SPDX-License-Identifier: Apache-2.0
// Operations: durable work that a user can watch, wait for, and follow live. And the audit log.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared } from "./harness/howdah.ts";

const howdah = shared();
const STATES = [
  "scheduling",
  "running",
  "finished",
  "failed",
  "cancelling",
  "cancelled",
  "skipped",
];

async function operationOfCreate(): Promise<{ id: string; databaseId: string }> {
  const body = await howdah.it.api.expect(201, "POST", "/api/databases", {
    body: { friendlyName: "watched", ownerEmail: "w@example.org" },
  });
  assert.ok(body.operations?.length >= 1, "a create carries its operation");
  return { id: body.operations[0].id, databaseId: body.data.id };
}

test("a create's operation is listed, finished, with its steps", async () => {
  const { id, databaseId } = await operationOfCreate();
  const shown = (await howdah.it.api.expect(200, "GET", `/api/operations/${id}`)).data;
  assert.equal(shown.state, "finished");
  assert.equal(shown.percent, 100);
  assert.ok(Array.isArray(shown.steps));
  assert.ok(shown.steps.every((step: { state: string }) => STATES.includes(step.state)));
  const list = await howdah.it.api.expect(200, "GET", "/api/operations");
  assert.ok(list.data.some((row: { id: string }) => row.id === id));
  await howdah.it.api.deleteDatabase(databaseId);
});

test("an operation's events are a stream that ends with its last state", async () => {
  const { id, databaseId } = await operationOfCreate();
  const { url, key } = howdah.it.api;
  const response = await fetch(`${url}/api/operations/${id}/events`, {
    headers: { "X-API-Key": key },
    signal: AbortSignal.timeout(10_000),
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  let text = "";
  const decoder = new TextDecoder();
  for await (const block of response.body!) {
    text += decoder.decode(block as Uint8Array, { stream: true });
    if (text.includes("finished")) break;
  }
  assert.match(text, /^id: /m);
  assert.match(text, /^data: .*finished/m);
  await howdah.it.api.deleteDatabase(databaseId);
});

test("creating, revealing and deleting stand in the audit log, without a secret", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase();
  await api.expect(200, "POST", `/api/databases/${made.id}/connection-strings/reveal`);
  await api.deleteDatabase(made.id);
  const list = await api.expect(200, "GET", "/api/audit");
  const rows = list.data.filter((row: { database_id: string }) => row.database_id === made.id);
  const actions = rows.map((row: { action: string }) => row.action);
  for (const action of [/create/, /reveal/, /delete/]) {
    assert.ok(
      actions.some((name: string) => action.test(name)),
      `${action}: ${actions}`,
    );
  }
  assert.ok(!JSON.stringify(list).includes(made.password));
});

test("an operation that is over cannot be cancelled, one that never was is 404", async () => {
  const { id, databaseId } = await operationOfCreate();
  const problem = await howdah.it.api.problem(409, "POST", `/api/operations/${id}/cancel`);
  assert.equal(problem.code, "conflict");
  const none = "/api/operations/00000000-0000-4000-8000-000000000000";
  assert.equal((await howdah.it.api.problem(404, "GET", none)).code, "not_found");
  await howdah.it.api.deleteDatabase(databaseId);
});
