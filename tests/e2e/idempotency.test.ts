// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key over a real crash of howdahd, and rate limits on a real service.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, type Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { query } from "./harness/sql.ts";

const howdah = shared({ args: ["--rate-limit", "writes=20:60,failures=2:30"] });
const BODY = { friendlyName: "once", ownerEmail: "once@example.org" };

test("howdahd dies while it makes a database: the repetition gets that one", async () => {
  const { api } = howdah.it;
  for (const delayMs of [0, 15, 40]) {
    const headers = { "Idempotency-Key": `crash-${delayMs}` };
    const lost = api.call("POST", "/api/databases", { body: BODY, headers }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const killed = howdah.it.kill("howdahd");
    await lost;
    await howdah.it.isBack("howdahd", killed);
    const made = await api.expect(201, "POST", "/api/databases", { body: BODY, headers });
    const { count } = await api.expect(200, "GET", "/api/databases");
    assert.equal(count, 1, `killed after ${delayMs} ms`);
    assert.deepEqual(await query(howdah.it, made.data as Database, "SELECT 1 AS n"), [{ n: 1 }]);
    const again = await api.expect(201, "POST", "/api/databases", { body: BODY, headers });
    assert.deepEqual(again, made);
    await api.deleteDatabase(made.data.id);
  }
});

test("a key that makes too many changes is held back, told until when, and reads on", async () => {
  const { api } = howdah.it;
  const made = await api.expect(201, "POST", "/api/keys", { body: { name: "x", scope: "write" } });
  const limited = new Api(api.url, made.data.key);
  let refused: Awaited<ReturnType<Api["call"]>> | undefined;
  for (let i = 0; i < 400 && !refused; ++i) {
    const reply = await limited.call("POST", "/api/databases", { body: {} });
    if (reply.status === 429) refused = reply;
    else assert.equal(reply.status, 400);
  }
  assert.ok(refused, "400 changes in a moment were let through");
  assert.equal(refused.body.code, "rate_limited");
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal(refused.headers.get("ratelimit-policy"), '"write";q=60;w=3');
  assert.match(refused.headers.get("ratelimit") ?? "", /^"write";r=0;t=1$/);
  const read = await limited.call("GET", "/api/databases");
  assert.equal(read.status, 200);
  assert.match(read.headers.get("ratelimit") ?? "", /^"read";r=\d+;t=0$/);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal((await limited.call("POST", "/api/databases", { body: {} })).status, 400);
});

test("an address that guesses keys is held back; whoever was there before is not", async () => {
  const { api } = howdah.it;
  await api.expect(200, "GET", "/api/databases");
  const statuses = new Set<number>();
  for (let i = 0; i < 40; ++i) {
    statuses.add((await api.call("GET", "/api/databases", { key: `guess ${i}` })).status);
  }
  assert.deepEqual([...statuses].sort(), [401, 429]);
  await api.expect(200, "GET", "/api/databases");
  assert.equal((await howdah.it.cli(["status"])).code, 0);
});
