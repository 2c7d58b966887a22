// SPDX-License-Identifier: Apache-2.0
// Who is connected, the pools that serve them, and ending one session.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, PORTS, refusal } from "./harness/sql.ts";

const howdah = shared();

async function clients(database: Database, search = ""): Promise<Json> {
  return howdah.it.api.expect(200, "GET", `/api/databases/${database.id}/clients${search}`);
}

for (const port of PORTS) {
  test(`a client of the ${port} port is shown with what it does`, async () => {
    const made = await howdah.it.api.createDatabase();
    assert.deepEqual((await clients(made)).data, []);
    const session = await connect(howdah.it, made, { port, applicationName: "the-app" });
    const { rows } = await session.query("SELECT pg_backend_pid() AS pid");
    const [client] = (await clients(made)).data;
    assert.equal(client.port, port);
    assert.equal(client.role, made.username);
    assert.equal(client.database, made.database_name);
    assert.equal(client.application_name, "the-app");
    assert.equal(client.client_address, "127.0.0.1");
    assert.equal(client.tls_version, "TLSv1.3");
    assert.equal(client.server_pid, rows[0].pid);
    assert.equal(client.state, "idle");
    assert.ok(client.received_bytes > 0 && client.sent_bytes > 0);
    await session.query("BEGIN");
    assert.equal((await clients(made)).data[0].state, "idle in transaction");
    await session.query("SELECT nonsense").catch(() => {});
    assert.equal((await clients(made)).data[0].state, "idle in failed transaction");
    await session.query("ROLLBACK");
    const slow = session.query("SELECT pg_sleep(1)");
    await until("it is active", 900, async () => (await clients(made)).data[0].state === "active");
    await slow;
    await session.end();
    await until("it is gone", 5_000, async () => (await clients(made)).data.length === 0);
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("clients are listed in pages, pools by role and port", async () => {
  const made = await howdah.it.api.createDatabase();
  const sessions = [
    await connect(howdah.it, made),
    await connect(howdah.it, made),
    await connect(howdah.it, made, { port: "pooled" }),
  ];
  const first = await clients(made, "?limit=2");
  assert.equal(first.data.length, 2);
  const second = await clients(made, `?limit=2&cursor=${first.meta.next_cursor}`);
  assert.equal(second.data.length, 1);
  assert.equal(second.meta, undefined);
  const pools = await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}/pools`);
  const shown = pools.data.map((pool: Json) => [pool.port, pool.mode, pool.clients, pool.servers]);
  assert.deepEqual(shown, [
    ["direct", "session", 2, 2],
    ["pooled", "session", 1, 1],
  ]);
  assert.equal(pools.data[0].limit, made.max_connections);
  for (const session of sessions) await session.end();
  await howdah.it.api.deleteDatabase(made.id);
});

test("one session is ended, the others stay, and the audit log knows", async () => {
  const made = await howdah.it.api.createDatabase({ friendlyName: "crowded" });
  const other = await howdah.it.api.createDatabase();
  const victim = await connect(howdah.it, made, { applicationName: "victim" });
  const neighbour = await connect(howdah.it, made, { applicationName: "neighbour" });
  const { data } = await clients(made);
  const { id } = data.find((client: Json) => client.application_name === "victim");
  // A client of one database is not there for another.
  await howdah.it.api.problem(404, "DELETE", `/api/databases/${other.id}/clients/${id}`);
  const sleeping = refusal(victim.query("SELECT pg_sleep(30)"));
  await howdah.it.api.expect(200, "DELETE", `/api/databases/${made.id}/clients/${id}`);
  await sleeping;
  assert.equal((await neighbour.query("SELECT 1 AS n")).rows[0].n, 1);
  await until("one is left", 5_000, async () => (await clients(made)).data.length === 1);
  for (const wrong of [id, "x", "0000-1", `${id}x`]) {
    await howdah.it.api.problem(404, "DELETE", `/api/databases/${made.id}/clients/${wrong}`);
  }
  const audit = await howdah.it.api.expect(200, "GET", "/api/audit");
  const cuts = audit.data.filter((row: Json) => row.action === "client.cut");
  assert.deepEqual(
    cuts.map((row: Json) => row.details.application_name),
    ["victim"],
  );

  const shown = await howdah.it.cli(["db", "clients", "crowded"]);
  assert.match(shown.stdout, /neighbour +idle/);
  assert.match((await howdah.it.cli(["db", "pools", "crowded"])).stdout, /direct +session +1/);
  const [left] = (await clients(made)).data;
  assert.equal((await howdah.it.cli(["db", "disconnect", "crowded", left.id])).code, 0);
  await until("nobody is left", 5_000, async () => (await clients(made)).data.length === 0);
  await howdah.it.api.deleteDatabase(made.id);
  await howdah.it.api.deleteDatabase(other.id);
});

test("a client whose names are not text cannot break the list", async () => {
  const made = await howdah.it.api.createDatabase();
  const applicationName = `x\u001b[31m${"y".repeat(500)}`;
  const session = await connect(howdah.it, made, { applicationName });
  const [client] = (await clients(made)).data;
  assert.ok(client.application_name.length <= 63);
  assert.ok(!client.application_name.includes("\u001b"));
  await session.end();
  await howdah.it.api.deleteDatabase(made.id);
});
