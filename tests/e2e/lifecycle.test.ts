// SPDX-License-Identifier: Apache-2.0
// What becomes of a database, with real clients: changed, paused, resumed, deleted, brought back,
// purged; and that a dry run does nothing of it.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { until } from "./harness/run.ts";
import { connect, PORTS, psql, query, refusal, verifiedUri } from "./harness/sql.ts";

// A test kills the agent, which is what somebody should be told.
const howdah = shared({ allowedAlarms: [/WARN {2}nodes: the node agent does not answer/] });

const pathOf = (database: Database) => `/api/databases/${database.id}`;

async function withDatabase(
  fields: Record<string, unknown>,
  body: (database: Database) => Promise<void>,
): Promise<void> {
  const made = await howdah.it.api.createDatabase(fields);
  await body(made);
  await howdah.it.api.deleteDatabase(made.id);
}

async function show(database: Database): Promise<Json> {
  return (await howdah.it.api.expect(200, "GET", pathOf(database))).data;
}

/** The directory of its instance; undefined when there is none. */
function directoryOf(database: Database): string | undefined {
  const slug = database.database_name.replace("tenant_", "");
  const folder = path.join(howdah.it.dataDir, "volume/instances");
  return fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .find((place) => {
      try {
        return JSON.parse(fs.readFileSync(path.join(place, "instance.json"), "utf8")).slug === slug;
      } catch {
        return false; // being made, or removed
      }
    });
}

async function auditOf(database: Database): Promise<string[]> {
  const rows = (await howdah.it.api.expect(200, "GET", "/api/audit")).data as Json[];
  return rows
    .filter((row) => row.database_id === database.id)
    .map((row) => row.action)
    .reverse();
}

test("pause cuts every client and refuses new ones with what to do, on both ports", async () => {
  await withDatabase({}, async (made) => {
    const sessions = await Promise.all(PORTS.map((port) => connect(howdah.it, made, { port })));
    const sleeping = refusal(sessions[0]!.query("SELECT pg_sleep(60)"));
    const paused = await howdah.it.api.expect(200, "POST", `${pathOf(made)}/pause`, {
      body: { reason: "unpaid" },
    });
    assert.equal(paused.data.status, "paused");
    assert.equal(paused.data.status_reason, "unpaid");
    assert.equal((await sleeping).code, "57P01");
    await assert.rejects(sessions[1]!.query("SELECT 1"));
    for (const port of PORTS) {
      const refused = await refusal(query(howdah.it, made, "SELECT 1", { port }));
      assert.equal(refused.code, "57P03");
    }
    const shown = await psql(verifiedUri(howdah.it, made), ["-c", "SELECT 1"]);
    assert.notEqual(shown.code, 0);
    assert.match(shown.stderr, /this database is paused/);
    assert.match(shown.stderr, new RegExp(`HINT: .*/api/databases/${made.id}/resume`));
    await Promise.all(sessions.map((session) => session.end().catch(() => {})));
    await howdah.it.api.expect(200, "POST", `${pathOf(made)}/resume`);
    for (const port of PORTS) {
      assert.deepEqual(await query(howdah.it, made, "SELECT 1 AS n", { port }), [{ n: 1 }]);
    }
  });
});

test("nothing starts a paused database, also with howdahd down and the node anew", async () => {
  await withDatabase({}, async (made) => {
    await query(howdah.it, made, "CREATE TABLE t AS SELECT 42 AS n");
    await howdah.it.api.expect(200, "POST", `${pathOf(made)}/pause`);
    const place = directoryOf(made)!;
    const runs = () => fs.existsSync(path.join(place, "data/postmaster.pid"));
    await until("it is stopped", 10_000, () => !runs());
    await howdah.it.api.expect(200, "GET", `${pathOf(made)}/stats`);
    await howdah.it.api.expect(200, "GET", `${pathOf(made)}/connection-strings`);
    const killed = howdah.it.kill("howdahd");
    assert.equal((await refusal(query(howdah.it, made, "SELECT 1"))).code, "57P03");
    await howdah.it.isBack("howdahd", killed);
    const node = howdah.it.kill("howdah-node");
    await howdah.it.isBack("howdah-node", node);
    const gate = howdah.it.kill("howdah-gate");
    await howdah.it.isBack("howdah-gate", gate);
    assert.equal((await refusal(query(howdah.it, made, "SELECT 1"))).code, "57P03");
    assert.equal(runs(), false);
    await howdah.it.api.expect(200, "POST", `${pathOf(made)}/resume`);
    assert.deepEqual(await query(howdah.it, made, "SELECT n FROM t"), [{ n: 42 }]);
  });
});

test("undelete brings back data, password and name", async () => {
  await withDatabase({ name: "back" }, async (made) => {
    await query(howdah.it, made, "CREATE TABLE t AS SELECT 42 AS n");
    await howdah.it.api.deleteDatabase(made.id);
    const refused = await refusal(query(howdah.it, made, "SELECT n FROM t"));
    assert.equal(refused.code, "3D000");
    const problem = await howdah.it.api.problem(410, "GET", pathOf(made));
    assert.match(problem.hint ?? "", /undelete/);
    const back = await howdah.it.api.expect(200, "POST", `${pathOf(made)}/undelete`);
    assert.equal(back.data.name, "back");
    assert.equal(back.data.purge_after, null);
    for (const port of PORTS) {
      assert.deepEqual(await query(howdah.it, made, "SELECT n FROM t", { port }), [{ n: 42 }]);
    }
    assert.deepEqual(await auditOf(made), [
      "database.create",
      "database.delete",
      "database.undelete",
    ]);
  });
});

test("a purge needs an admin key and the name, and leaves nothing", async () => {
  const { api } = howdah.it;
  const made = await api.createDatabase({ friendlyName: "Gone for ever" });
  await query(howdah.it, made, "CREATE TABLE t AS SELECT 42 AS n");
  const place = directoryOf(made)!;
  assert.ok(fs.existsSync(place));
  const purge = (confirm: string) =>
    `${pathOf(made)}?purge=true&confirm=${encodeURIComponent(confirm)}`;
  const key = (
    await api.expect(201, "POST", "/api/keys", { body: { name: "writer", scope: "write" } })
  ).data;
  await api.problem(403, "DELETE", purge("Gone for ever"), { key: key.key });
  await api.problem(400, "DELETE", purge("Something else"));
  await api.problem(400, "DELETE", `${pathOf(made)}?purge=true`);
  assert.deepEqual(await query(howdah.it, made, "SELECT n FROM t"), [{ n: 42 }]);
  const purged = await api.expect(200, "DELETE", purge("Gone for ever"));
  assert.deepEqual(purged.data, {
    id: made.id,
    database_name: made.database_name,
    friendly_name: "Gone for ever",
    purged: true,
  });
  assert.equal(fs.existsSync(place), false);
  await api.problem(404, "GET", pathOf(made));
  await api.problem(404, "POST", `${pathOf(made)}/undelete`);
  assert.ok((await auditOf(made)).includes("database.purge"));
  assert.notEqual((await refusal(query(howdah.it, made, "SELECT 1"))).code, "");
  await api.expect(200, "DELETE", `/api/keys/${key.id}`);
});

test("of ten changes at once with the same ETag, one gets through", async () => {
  await withDatabase({}, async (made) => {
    const { api } = howdah.it;
    const etag = (await api.call("GET", pathOf(made))).headers.get("etag")!;
    assert.match(etag, /^"\d+-[0-9a-f]{8}"$/);
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        api.call("PATCH", pathOf(made), {
          body: { friendlyName: `name ${i}` },
          headers: { "If-Match": etag },
        }),
      ),
    );
    const statuses = replies.map((reply) => reply.status).sort();
    assert.deepEqual(statuses, [200, ...Array(9).fill(412)]);
    const winner = replies.find((reply) => reply.status === 200)!;
    assert.equal((await show(made)).friendly_name, winner.body.data.friendly_name);
    const known = { headers: { "If-None-Match": winner.headers.get("etag")! } };
    const same = await api.call("GET", pathOf(made), known);
    assert.equal(same.status, 304);
    assert.equal(same.body, "");
    const stale = await api.call("DELETE", pathOf(made), { headers: { "If-Match": etag } });
    assert.equal(stale.status, 412);
    assert.match(stale.body.hint, /GET it again/);
  });
});

test("a smaller maxConnections holds at once, and those who are there stay", async () => {
  await withDatabase({ maxConnections: 5 }, async (made) => {
    const sessions = await Promise.all([1, 2, 3].map(() => connect(howdah.it, made)));
    const body = { maxConnections: 2 };
    const changed = await howdah.it.api.expect(200, "PATCH", pathOf(made), { body });
    assert.equal(changed.data.max_connections, 2);
    assert.equal((await refusal(connect(howdah.it, made))).code, "53300");
    for (const session of sessions) {
      assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1);
    }
    await Promise.all(sessions.map((session) => session.end()));
  });
});

test("size class and settings are those of the next start", async () => {
  await withDatabase({ sizeClass: "nano", settings: { work_mem: "5MB" } }, async (made) => {
    const ask = async () =>
      (
        await query<{ work: string; buffers: string; connections: string }>(
          howdah.it,
          made,
          `SELECT current_setting('work_mem') AS work, current_setting('shared_buffers') AS buffers,
             current_setting('max_connections') AS connections`,
        )
      )[0];
    assert.deepEqual(await ask(), { work: "5MB", buffers: "8MB", connections: "28" });
    const changed = await howdah.it.api.expect(200, "PATCH", pathOf(made), {
      body: { sizeClass: "small", settings: { work_mem: "77MB" }, maxConnections: 60 },
    });
    assert.deepEqual(changed.meta.applied_at_next_start, [
      "size_class",
      "settings",
      "max_connections",
    ]);
    assert.deepEqual(await ask(), { work: "5MB", buffers: "8MB", connections: "28" });
    await howdah.it.api.expect(200, "POST", `${pathOf(made)}/pause`);
    await howdah.it.api.expect(200, "POST", `${pathOf(made)}/resume`);
    assert.deepEqual(await ask(), { work: "77MB", buffers: "32MB", connections: "68" });
    const wrong = await howdah.it.api.problem(400, "PATCH", pathOf(made), {
      body: { settings: { fsync: "off" } },
    });
    assert.equal(wrong.errors![0]!.pointer, "/settings/fsync");
    assert.match(wrong.errors![0]!.detail, /work_mem/);
  });
});

test("suspendAfterSeconds is changed while it runs", async () => {
  await withDatabase({ suspendAfterSeconds: 0 }, async (made) => {
    await query(howdah.it, made, "SELECT 1");
    const body = { suspendAfterSeconds: 1 };
    await howdah.it.api.expect(200, "PATCH", pathOf(made), { body });
    await until("it sleeps", 20_000, async () => (await show(made)).status === "suspended");
  });
});

test("every option of a new database does what it says", async () => {
  const { api } = howdah.it;
  const probe = await api.createDatabase();
  const { pg_version: pgVersion } = await show(probe);
  await api.deleteDatabase(probe.id);
  const made = await api.createDatabase({
    name: "complete",
    pgVersion,
    sizeClass: "custom",
    settings: { log_statement: "ddl" },
    suspendAfterSeconds: 77,
    storageLimitBytes: 1_073_741_824,
    allowedIps: ["127.0.0.0/8"],
    protected: true,
    sampleData: true,
  });
  const shown = await show(made);
  assert.equal(shown.name, "complete");
  assert.equal(shown.size_class, "custom");
  assert.deepEqual(shown.settings, { log_statement: "ddl" });
  assert.equal(shown.suspend_after_seconds, 77);
  assert.equal(shown.storage_limit_bytes, 1_073_741_824);
  assert.equal(shown.protected, true);
  assert.equal((await api.expect(200, "GET", `${pathOf(made)}/whitelist`)).count, 1);
  const [row] = await query(
    howdah.it,
    made,
    "SELECT count(*)::int > 0 AS filled, current_setting('log_statement') AS log FROM products",
  );
  assert.deepEqual(row, { filled: true, log: "ddl" });
  const refused = await api.problem(409, "DELETE", pathOf(made));
  assert.match(refused.hint ?? "", /lift the protection/);
  await api.expect(200, "PATCH", pathOf(made), { body: { protected: false } });
  await api.deleteDatabase(made.id);
});

test("a dry run names what would be, has the real errors, and does nothing", async () => {
  await withDatabase({}, async (made) => {
    const { api } = howdah.it;
    const session = await connect(howdah.it, made);
    await until("the session is counted", 10_000, async () => {
      const stats = await api.expect(200, "GET", `${pathOf(made)}/stats`);
      return stats.data.active_connections === 1;
    });
    const before = await show(made);
    const pause = await api.expect(200, "POST", `${pathOf(made)}/pause?dry_run=true`);
    assert.deepEqual(pause.data.changes, { status: { from: "active", to: "paused" } });
    assert.equal(pause.data.sessions_cut, 1);
    const removal = await api.expect(200, "DELETE", `${pathOf(made)}?dry_run=true`);
    assert.ok(removal.data.size_bytes > 0);
    const days = (Date.parse(removal.data.purge_after) - Date.now()) / 86_400_000;
    assert.ok(days > 6.9 && days < 7.1, `${days}`);
    const change = await api.expect(200, "PATCH", `${pathOf(made)}?dry_run=true`, {
      body: { maxConnections: 99 },
    });
    assert.deepEqual(change.data.changes, { max_connections: { from: 20, to: 99 } });
    const rules = `${pathOf(made)}/whitelist`;
    const rule = await api.expect(200, "POST", `${rules}?dry_run=true`, {
      body: { ipAddress: "198.51.100.7" },
    });
    assert.deepEqual(rule.data.changes, { rules: { from: 0, to: 1 } });
    assert.equal((await api.expect(200, "GET", rules)).count, 0);
    await api.expect(200, "POST", `${pathOf(made)}/resume?dry_run=true`);
    await api.expect(200, "POST", `${pathOf(made)}/undelete?dry_run=true`);
    const rotate = `${pathOf(made)}/rotate-password?dry_run=true`;
    const rotation = await api.expect(200, "POST", rotate, { body: {} });
    assert.deepEqual(rotation.data.changes.generation, { from: 1, to: 2 });
    await api.problem(404, "POST", rotate, { body: { role: "nobody" } });
    const fields = { friendlyName: "planned", ownerEmail: "a@example.org" };
    const made2 = await api.expect(200, "POST", "/api/databases?dry_run=true", { body: fields });
    assert.equal(made2.data.action, "database.create");
    await api.problem(400, "POST", "/api/databases?dry_run=true", { body: { friendlyName: "x" } });
    await api.problem(400, "PATCH", `${pathOf(made)}?dry_run=true`, { body: { name: "A B" } });
    assert.deepEqual(await show(made), before);
    assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1);
    assert.deepEqual(await auditOf(made), ["database.create"]);
    const { data } = await api.expect(200, "GET", "/api/databases");
    assert.ok(!data.some((one: Json) => one.friendly_name === "planned"));
    await session.end();
  });
});

test("the command line changes, pauses, resumes, deletes, brings back and purges", async () => {
  const cli = (...args: string[]) => howdah.it.cli(["db", ...args]);
  const ok = async (...args: string[]) => {
    const result = await cli(...args);
    assert.equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
    return result;
  };
  await ok("create", "herd");
  const plan = await ok("pause", "herd", "--dry-run");
  assert.match(plan.stdout, /"to":"paused"/);
  await ok("pause", "herd", "--reason", "holiday");
  assert.match((await ok("show", "herd")).stdout, /status_reason +holiday/);
  await ok("resume", "herd");
  const updated = await ok("update", "herd", "--set", "work_mem=9MB", "--max-connections", "7");
  assert.match(updated.stdout, /max_connections +7/);
  assert.match(updated.stderr, /next start/);
  assert.equal((await cli("update", "herd")).code, 2);
  assert.equal((await cli("update", "herd", "--set", "work_mem")).code, 2);
  assert.equal((await cli("update", "herd", "--set", "fsync=off")).code, 2);
  await ok("update", "herd", "--unset", "work_mem", "--protect");
  assert.equal((await cli("delete", "herd", "--yes")).code, 4);
  await ok("update", "herd", "--no-protect");
  await ok("delete", "herd", "--yes");
  assert.equal((await cli("show", "herd")).code, 3);
  await ok("undelete", "herd");
  await ok("show", "herd");
  assert.equal((await cli("delete", "herd", "--purge", "--no-input")).code, 2);
  await ok("delete", "herd", "--yes");
  await ok("delete", "herd", "--purge", "--yes");
  assert.equal((await cli("undelete", "herd")).code, 3);
});
