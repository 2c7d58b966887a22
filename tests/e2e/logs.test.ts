// SPDX-License-Identifier: Apache-2.0
// What PostgreSQL logged, as the API and the command line show it; and the daemons' own logs.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { program } from "./harness/paths.ts";
import { sleep, until } from "./harness/run.ts";
import { connect, query, refusal } from "./harness/sql.ts";

const howdah = shared();

async function logs(database: Database, search = ""): Promise<Json> {
  return howdah.it.api.expect(200, "GET", `/api/databases/${database.id}/logs${search}`);
}

async function statusOf(database: Database): Promise<string> {
  return (await howdah.it.api.expect(200, "GET", `/api/databases/${database.id}`)).data.status;
}

/** Events of the stream as they come, until done says so. */
async function follow(
  database: Database,
  options: { search?: string; last?: string; done: (text: string) => boolean },
): Promise<string> {
  const { url, key } = howdah.it.api;
  const abort = AbortSignal.timeout(20_000);
  const headers: Record<string, string> = { "X-API-Key": key };
  if (options.last) headers["Last-Event-ID"] = options.last;
  const response = await fetch(
    `${url}/api/databases/${database.id}/logs/events${options.search ?? ""}`,
    { headers, signal: abort },
  );
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  let text = "";
  const decoder = new TextDecoder();
  for await (const block of response.body!) {
    text += decoder.decode(block as Uint8Array, { stream: true });
    if (options.done(text)) break;
  }
  return text;
}

test("an error of a client is listed with who it was, newest last", async () => {
  const made = await howdah.it.api.createDatabase();
  await refusal(query(howdah.it, made, "SELECT 1 / 0", { applicationName: "the-app" }));
  await refusal(query(howdah.it, made, "SELECT * FROM not_there"));
  const { data } = await logs(made, "?level=error");
  assert.deepEqual(
    data.map((row: Json) => row.message),
    ["division by zero", 'relation "not_there" does not exist'],
  );
  assert.deepEqual(
    data.map((row: Json) => row.position),
    [null, "SELECT * FROM n".length],
  );
  const [first] = data;
  assert.equal(first.sqlstate, "22012");
  assert.equal(first.user, made.username);
  assert.equal(first.database, made.database_name);
  assert.equal(first.application_name, "the-app");
  assert.equal(first.backend_type, "client backend");
  assert.ok(Math.abs(Date.parse(first.at) - Date.now()) < 60_000);

  const newest = await logs(made, "?level=error&limit=1");
  assert.match(newest.data[0].message, /not_there/);
  const older = await logs(made, `?level=error&limit=1&cursor=${newest.meta.next_cursor}`);
  assert.equal(older.data[0].message, "division by zero");
  assert.equal((await logs(made, "?search=ZERO")).data.length, 1);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  assert.equal((await logs(made, `?since=${later}`)).data.length, 0);
  await howdah.it.api.deleteDatabase(made.id);
});

test("no password is in a log, whatever goes wrong with it", async () => {
  const made = await howdah.it.api.createDatabase();
  for (const statement of [
    "ALTER ROLE nobody_here PASSWORD 'hunter2'",
    `ALTER ROLE ${made.username} PASSWORD 'hunter2' NONSENSE`,
    `ALTER ROLE ${made.username} 'hunter2'`,
    `ALTER ROLE ${made.username} PASSWORD 'hunter2`,
    "DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ''hunter2'''; END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE nobody_here PASSWORD %L', 'hunter2'); END $$",
    "DO $$ BEGIN RAISE WARNING 'postgresql://u:hunter2@h/d password=hunter2'; END $$",
  ]) {
    await query(howdah.it, made, statement).catch(() => {});
  }
  const body = await logs(made);
  assert.ok(body.data.length >= 6, JSON.stringify(body.data));
  assert.ok(!JSON.stringify(body).includes("hunter2"), JSON.stringify(body.data));
  const shown = await howdah.it.cli(["logs", made.id]);
  assert.equal(shown.code, 0);
  assert.ok(!shown.stdout.includes("hunter2"));
  await howdah.it.api.deleteDatabase(made.id);
});

test("a stream goes on as lines come, and behind the last one that was seen", async () => {
  const made = await howdah.it.api.createDatabase();
  const say = (text: string) =>
    query(howdah.it, made, `DO $$ BEGIN RAISE WARNING '${text}'; END $$`);
  await say("before");
  const following = follow(made, {
    search: "?first=10&level=warning",
    done: (text) => text.includes("second"),
  });
  await sleep(500);
  await say("first");
  await say("second");
  const text = await following;
  assert.match(text, /before[\s\S]*first[\s\S]*second/);
  const position = [...text.matchAll(/^id: (\d+)$/gm)].at(-2)![1]!;
  const rest = await follow(made, { last: position, done: (got) => got.includes("second") });
  assert.ok(!rest.includes('"before"'));
  await howdah.it.api.deleteDatabase(made.id);
});

test("reading and following the log of a sleeping database does not wake it", async () => {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1 });
  await query(howdah.it, made, "DO $$ BEGIN RAISE WARNING 'once'; END $$");
  await until("it is suspended", 20_000, async () => (await statusOf(made)) === "suspended");
  assert.ok((await logs(made)).data.some((row: Json) => row.message === "once"));
  await follow(made, { search: "?first=100", done: (text) => text.includes("once") });
  await sleep(1_000);
  assert.equal(await statusOf(made), "suspended");
  await howdah.it.api.deleteDatabase(made.id);
});

test("a tenant that logs a gigabyte leaves a small log and a reader that answers", async (t) => {
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  await session.query("SET client_min_messages = error");
  await session.query(
    "DO $$ BEGIN FOR i IN 1..40 LOOP RAISE WARNING '%', repeat('x', 25000000); END LOOP; END $$",
  );
  await session.query("DO $$ BEGIN RAISE WARNING 'the end'; END $$");
  await session.end();
  await sleep(1_500);
  const started = performance.now();
  const body = await logs(made);
  t.diagnostic(`answered in ${Math.round(performance.now() - started)} ms`);
  assert.equal(body.data.at(-1)?.message, "the end");
  assert.ok(JSON.stringify(body).length < 4_000_000);
  const instances = path.join(howdah.it.dataDir, "volume", "instances");
  for (const name of fs.readdirSync(instances)) {
    for (const file of ["postgres.log", "postgres.log.1"]) {
      const log = path.join(instances, name, file);
      if (fs.existsSync(log)) assert.ok(fs.statSync(log).size < 11 * 1024 ** 2, log);
    }
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("howdah logs shows a database's log and the daemons' own, and goes on with -f", async () => {
  const made = await howdah.it.api.createDatabase({ friendlyName: "talkative" });
  await refusal(query(howdah.it, made, "SELECT 1 / 0"));
  const shown = await howdah.it.cli(["logs", "talkative", "--level", "error", "-n", "5"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /Z error +\S+@tenant_\S+: division by zero/);
  const json = await howdah.it.cli(["logs", "talkative", "--search", "division", "-o", "json"]);
  assert.equal(JSON.parse(json.stdout.trim()).message, "division by zero");
  assert.equal((await howdah.it.cli(["logs", "talkative", "--since", "soon"])).code, 2);
  assert.equal((await howdah.it.cli(["logs", "nobody"])).code, 3);

  const own = await howdah.it.cli(["logs", "-n", "500"]);
  assert.equal(own.code, 0, own.stderr);
  for (const daemon of ["howdahd", "howdah-gate", "howdah-node"]) {
    assert.match(own.stdout, new RegExp(`Z info +${daemon}: `));
  }
  for (const [args, expected] of [
    [["logs", "talkative", "-f", "-n", "1"], "division by zero"],
    [["logs", "-f"], "howdahd"],
  ] as const) {
    const child = spawn(program("howdah"), ["--data-dir", howdah.it.dataDir, ...args]);
    let text = "";
    child.stdout.on("data", (block: Buffer) => {
      text += block.toString();
    });
    await until(`${args.join(" ")} shows what is there`, 10_000, () => text.includes(expected));
    child.kill("SIGINT");
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("wrong parameters are named, other branches are not there yet", async () => {
  const made = await howdah.it.api.createDatabase();
  const at = `/api/databases/${made.id}/logs`;
  for (const wrong of ["?level=loud", "?since=yesterday", "?limit=0", "?cursor=x", "?x=1"]) {
    const problem = await howdah.it.api.problem(400, "GET", at + wrong);
    assert.equal(problem.errors?.length, 1, wrong);
  }
  await howdah.it.api.problem(404, "GET", `${at}?branch=pr-1`);
  await howdah.it.api.deleteDatabase(made.id);
  await howdah.it.api.problem(410, "GET", at);
});
