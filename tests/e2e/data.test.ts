// SPDX-License-Identifier: Apache-2.0
// Real work through the gate on both ports: dump and restore, a gigabyte of COPY each way,
// pgbench, LISTEN/NOTIFY, cancel.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import type { Socket } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { makeBase, shared } from "./harness/howdah.ts";
import { exitOf, runOk, sleep } from "./harness/run.ts";
import { connect, PORTS, psql, query, refusal, verifiedUri } from "./harness/sql.ts";

const GIB = 1024 ** 3;
const howdah = shared({ volumeSize: 5 * GIB });

test("pg_dump and pg_restore bring a database over, in every format", async () => {
  const { api } = howdah.it;
  const source = await api.createDatabase();
  await runOk("pgbench", ["-i", "-s", "1", "-q", verifiedUri(howdah.it, source)]);
  await query(
    howdah.it,
    source,
    `CREATE TABLE odd ("a ""b" text, j jsonb, b bytea, CHECK (j IS NOT NULL));
     INSERT INTO odd VALUES (E'tab\\tnew\\nline', '{"k": [1, null]}', '\\x00ff');
     CREATE VIEW seen AS SELECT * FROM odd;
     CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';`,
  );
  const sum = "SELECT md5(string_agg(t::text, '|' ORDER BY aid)) AS sum FROM pgbench_accounts t";
  const expected = await query(howdah.it, source, sum);
  const folder = makeBase();
  for (const [format, port] of [
    ["custom", "direct"],
    ["directory", "direct"],
    ["custom", "pooled"],
  ] as const) {
    const file = path.join(folder, `${format}-${port}`);
    const jobs = format === "directory" ? ["-j", "2"] : [];
    const from = verifiedUri(howdah.it, source, { port });
    await runOk("pg_dump", ["-F", format[0]!, ...jobs, "-f", file, from]);
    const copy = await api.createDatabase();
    const to = verifiedUri(howdah.it, copy, { port });
    await runOk("pg_restore", ["--no-owner", "--exit-on-error", ...jobs, "-d", to, file]);
    assert.deepEqual(await query(howdah.it, copy, sum), expected);
    assert.deepEqual(await query(howdah.it, copy, "SELECT * FROM seen"), [
      { 'a "b': "tab\tnew\nline", j: { k: [1, null] }, b: Buffer.from([0, 255]) },
    ]);
    assert.deepEqual(await query(howdah.it, copy, "SELECT twice(21)"), [{ twice: 42 }]);
    await api.deleteDatabase(copy.id);
  }
  fs.rmSync(folder, { recursive: true });
  await api.deleteDatabase(source.id);
});

for (const port of PORTS) {
  test(`pgbench initialises and runs in all query modes on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const uri = verifiedUri(howdah.it, made, { port });
    await runOk("pgbench", ["-i", "-s", "1", "-q", uri]);
    for (const mode of ["simple", "extended", "prepared"]) {
      const output = await runOk("pgbench", ["-M", mode, "-c", "8", "-j", "2", "-T", "3", uri]);
      assert.match(output, /number of failed transactions: 0 /);
      const transactions = Number(/actually processed: (\d+)/.exec(output)?.[1]);
      assert.ok(transactions > 100, `${mode}: ${transactions} transactions`);
    }
    await howdah.it.api.deleteDatabase(made.id);
  });
}

/**
 * Lines of text that do not compress, as COPY reads them; calls write() for each block. The longest
 * that PostgreSQL keeps in the row: each row costs a message of its own on the way out.
 */
async function produce(bytes: number, write: (block: Buffer) => Promise<void>): Promise<string> {
  const digest = createHash("sha256");
  const seed = randomBytes(512 * 1024)
    .toString("base64")
    .replace(/.{1900}/g, "$&\n");
  const template = Buffer.from(seed.slice(0, seed.lastIndexOf("\n") + 1));
  for (let sent = 0, round = 0; sent < bytes; sent += template.length, round++) {
    const block = Buffer.from(template);
    block.write(String(round).padStart(8, "0"), 0);
    digest.update(block);
    await write(block);
  }
  return digest.digest("hex");
}

async function copyIn(uri: string, bytes: number): Promise<string> {
  const args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", uri, "-c", "COPY big (line) FROM STDIN"];
  const child = spawn("psql", args, { stdio: ["pipe", "inherit", "inherit"] });
  const sum = await produce(bytes, async (block) => {
    if (!child.stdin.write(block)) {
      await new Promise<void>((resolve) => child.stdin.once("drain", resolve));
    }
  });
  child.stdin.end();
  assert.equal(await exitOf(child, 300_000), 0);
  return sum;
}

async function copyOut(uri: string): Promise<{ sum: string; bytes: number }> {
  const sql = "COPY big (line) TO STDOUT"; // of one process, so in the order of the one COPY in
  const child = spawn("psql", ["-X", "-q", uri, "-c", sql], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = exitOf(child, 300_000);
  const digest = createHash("sha256");
  let bytes = 0;
  for await (const block of child.stdout as AsyncIterable<Buffer>) {
    digest.update(block);
    bytes += block.length;
  }
  assert.equal(await ended, 0);
  return { sum: digest.digest("hex"), bytes };
}

test("a gigabyte goes in and out by COPY, byte for byte, and the gate stays small", async () => {
  const made = await howdah.it.api.createDatabase();
  // Neither WAL nor index: the gigabyte is for the gate.
  await query(howdah.it, made, "CREATE UNLOGGED TABLE big (line text)");
  const [gate] = howdah.it.pidsOf("howdah-gate");
  const sum = await copyIn(verifiedUri(howdah.it, made), 1e9);
  const out = await copyOut(verifiedUri(howdah.it, made, { port: "pooled" }));
  assert.ok(out.bytes >= 1e9);
  assert.equal(out.sum, sum);
  const peak = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${gate}/status`, "utf8"))?.[1];
  assert.ok(Number(peak) < 100_000, `gate's peak is ${peak} kB`);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a COPY that the client aborts leaves nothing behind and the next session works", async () => {
  const made = await howdah.it.api.createDatabase();
  const uri = verifiedUri(howdah.it, made);
  await query(howdah.it, made, "CREATE TABLE t (line text)");
  const child = spawn("psql", ["-X", uri, "-c", "COPY t FROM STDIN"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = exitOf(child, 10_000);
  child.stdin.on("error", () => {}); // the pipe breaks with its reader
  child.stdin.write(`${"x".repeat(100_000)}\n`.repeat(20));
  await sleep(200);
  child.kill("SIGKILL");
  await ended;
  assert.deepEqual(await query(howdah.it, made, "SELECT count(*)::int AS n FROM t"), [{ n: 0 }]);
  await howdah.it.api.deleteDatabase(made.id);
});

for (const port of PORTS) {
  test(`LISTEN hears NOTIFY of another session on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const listener = await connect(howdah.it, made, { port });
    const heard = new Promise<string>((resolve) => {
      listener.on("notification", (message) => resolve(message.payload ?? ""));
    });
    await listener.query("LISTEN news");
    await query(howdah.it, made, "NOTIFY news, 'all is well'");
    assert.equal(await heard, "all is well");
    await listener.end();
    await howdah.it.api.deleteDatabase(made.id);
  });

  test(`a cancel request stops the query and keeps the session on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const uri = verifiedUri(howdah.it, made, { port });
    // libpq up to 16 sends the CancelRequest in clear text, on a connection of its own.
    const script = `
import psycopg2, sys, threading
connection = psycopg2.connect(sys.argv[1])
threading.Timer(0.5, connection.cancel).start()
try:
    connection.cursor().execute("SELECT pg_sleep(60)")
except psycopg2.errors.QueryCanceled as error:
    print(error.pgcode)
connection.rollback()
cursor = connection.cursor()
cursor.execute("SELECT 'alive'")
print(cursor.fetchone()[0])`;
    const output = await runOk("/usr/bin/python3", ["-c", script, uri], { timeoutMs: 20_000 });
    assert.equal(output, "57014\nalive\n");
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("a cancel with a wrong key stops nothing", async () => {
  const net = await import("node:net");
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  const running = session.query("SELECT pg_sleep(1.5), 'done' AS said");
  const { host, direct_port } = howdah.it.connection;
  for (let attempt = 0; attempt < 20; attempt++) {
    const packet = Buffer.alloc(16);
    packet.writeInt32BE(16, 0);
    packet.writeInt32BE(80877102, 4);
    randomBytes(8).copy(packet, 8);
    await new Promise<void>((resolve) => {
      const socket = net.connect(direct_port, host, () => socket.end(packet));
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
      socket.resume();
    });
  }
  assert.equal((await running).rows[0]?.said, "done");
  await session.end();
  await howdah.it.api.deleteDatabase(made.id);
});

test("a statement whose client vanished ends soon, and does not keep its session", async () => {
  const made = await howdah.it.api.createDatabase();
  const lost = await connect(howdah.it, made, { applicationName: "lost" });
  lost.query("SELECT pg_sleep(600)").catch(() => {});
  const left = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'lost'`;
  const others = async (): Promise<number> =>
    (await query<{ n: number }>(howdah.it, made, left))[0]!.n;
  while ((await others()) === 0) await sleep(20);
  (lost as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  const giveUp = Date.now() + 15_000;
  while ((await others()) > 0) {
    assert.ok(Date.now() < giveUp, "the statement still runs");
    await sleep(100);
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("errors of the server arrive as they are, and the session goes on", async () => {
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  const { code, message } = await refusal(session.query("SELECT 1/0"));
  assert.equal(code, "22012");
  assert.equal(message, "division by zero");
  assert.equal((await session.query("SELECT 7 AS n")).rows[0]?.n, 7);
  await session.end();
  const script = await psql(verifiedUri(howdah.it, made), ["-c", "SELECT nothing"]);
  assert.equal(script.code, 1);
  assert.match(script.stderr, /column "nothing" does not exist/);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a row of 64 MB comes back whole", async () => {
  const made = await howdah.it.api.createDatabase();
  const [row] = await query<{ big: string }>(
    howdah.it,
    made,
    "SELECT repeat('0123456789abcdef', 4 * 1024 * 1024) AS big",
  );
  assert.equal(row?.big.length, 64 * 1024 * 1024);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a user may make further logical databases and connect to them", async () => {
  const made = await howdah.it.api.createDatabase();
  await query(howdah.it, made, "CREATE DATABASE reports");
  const target = { database: "reports" };
  const [row] = await query(howdah.it, made, "SELECT current_database() AS name", target);
  assert.deepEqual(row, { name: "reports" });
  await howdah.it.api.deleteDatabase(made.id);
});
