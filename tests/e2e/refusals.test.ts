// SPDX-License-Identifier: Apache-2.0
// Who the gate turns away, with what words, and that strangers learn nothing from it.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { run } from "./harness/run.ts";
import {
  connect,
  PORTS,
  portOf,
  psql,
  query,
  refusal,
  type Target,
  verifiedUri,
} from "./harness/sql.ts";

const howdah = shared();

function attempt(database: Database, target: Target) {
  return refusal(connect(howdah.it, database, target));
}

for (const port of PORTS) {
  test(`a client without TLS is told to use it on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const plain = verifiedUri(howdah.it, made, { port }).replace(/\?.*/, "?sslmode=disable");
    const { code, stderr } = await psql(plain, ["-c", "SELECT 1"]);
    assert.equal(code, 2);
    assert.match(stderr, /TLS/);
    assert.match(stderr, /sslmode=require/);
    await howdah.it.api.deleteDatabase(made.id);
  });

  test(`TLS below 1.2 is refused on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    // A client that itself would go down to 1.0, which libraries do not by default.
    const at = `localhost:${portOf(howdah.it, port)}`;
    const args = ["s_client", "-starttls", "postgres", "-connect", at, "-brief"];
    const willing = ["-cipher", "DEFAULT@SECLEVEL=0"];
    const handshake = (version: string) => run("openssl", [...args, ...willing, version]);
    for (const version of ["-tls1", "-tls1_1"]) {
      const refused = await handshake(version);
      assert.notEqual(refused.code, 0, version);
      assert.match(refused.stderr, /alert protocol version/, "the gate's word, not the client's");
    }
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const taken = await handshake(version);
      assert.match(taken.stderr, /CONNECTION ESTABLISHED/, version);
    }
    await howdah.it.api.deleteDatabase(made.id);
  });

  test(`wrong password and unknown user get the same answer on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const slug = made.database_name.replace("tenant_", "");
    const wrong = await attempt(made, { port, password: "x".repeat(24) });
    const unknown = await attempt(made, { port, user: `nobody_${slug}` });
    assert.equal(wrong.code, "28P01");
    assert.deepEqual(
      { ...unknown, message: unknown.message.replace(`nobody_${slug}`, "?") },
      { ...wrong, message: wrong.message.replace(made.username, "?") },
    );
    await howdah.it.api.deleteDatabase(made.id);
  });
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

test("wrong password and unknown user take the same time", async (t) => {
  const made = await howdah.it.api.createDatabase();
  const slug = made.database_name.replace("tenant_", "");
  const times = { wrong: [] as number[], unknown: [] as number[] };
  for (let round = 0; round < 40; round++) {
    for (const [kind, target] of [
      ["wrong", { password: "x".repeat(24) }],
      ["unknown", { user: `nobody_${slug}` }],
    ] as const) {
      const started = performance.now();
      await attempt(made, target);
      times[kind].push(performance.now() - started);
    }
  }
  const [wrong, unknown] = [median(times.wrong), median(times.unknown)];
  t.diagnostic(`wrong password ${wrong.toFixed(2)} ms, unknown user ${unknown.toFixed(2)} ms`);
  assert.ok(Math.abs(wrong - unknown) < Math.max(2, 0.3 * wrong));
  await howdah.it.api.deleteDatabase(made.id);
});

test("the wrong password does not wake a sleeping database", async () => {
  const { until } = await import("./harness/run.ts");
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1 });
  await query(howdah.it, made, "SELECT 1");
  const status = async () =>
    (await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}`)).data.status;
  await until("it is suspended", 20_000, async () => (await status()) === "suspended");
  await attempt(made, { password: "wrong" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await status(), "suspended");
  await howdah.it.api.deleteDatabase(made.id);
});

test("a database that never was gets the answer of a wrong password", async () => {
  const made = await howdah.it.api.createDatabase();
  const never = { user: "user_zzzzzzzz", database: "tenant_zzzzzzzz" };
  const unknown = await attempt(made, never);
  const wrong = await attempt(made, { password: "x".repeat(24) });
  assert.deepEqual(
    { ...unknown, message: unknown.message.replace(never.user, "?") },
    { ...wrong, message: wrong.message.replace(made.username, "?") },
  );
  await howdah.it.api.deleteDatabase(made.id);
});

test("who has the password is told that the database was deleted, or is not there", async () => {
  const made = await howdah.it.api.createDatabase();
  const missing = await attempt(made, { database: "nothere" });
  assert.equal(missing.code, "3D000");
  assert.match(missing.message, /"nothere" does not exist/);
  await howdah.it.api.deleteDatabase(made.id);
  assert.equal((await attempt(made, {})).code, "3D000");
});

test("a user of one database does not get into another", async () => {
  const [mine, other] = [
    await howdah.it.api.createDatabase(),
    await howdah.it.api.createDatabase(),
  ];
  const { code } = await attempt(mine, { database: other.database_name });
  assert.equal(code, "28P01");
  for (const { id } of [mine, other]) await howdah.it.api.deleteDatabase(id);
});

test("nobody logs in as a superuser or as the platform", async () => {
  const made = await howdah.it.api.createDatabase();
  for (const user of ["postgres", "howdah_admin", "howdah", "howdah-gate", "root", ""]) {
    for (const password of ["howdah", made.password]) {
      const { code } = await attempt(made, { user: user || " ", password });
      assert.match(code, /^28|^3D000/, user);
    }
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("replication connections are refused", async () => {
  const made = await howdah.it.api.createDatabase();
  const uri = `${verifiedUri(howdah.it, made)}&replication=true`;
  const { code, stderr } = await psql(uri, ["-c", "IDENTIFY_SYSTEM"]);
  assert.equal(code, 2);
  assert.match(stderr, /replication/i);
  await howdah.it.api.deleteDatabase(made.id);
});

for (const port of PORTS) {
  test(`one connection more than maxConnections is 53300 on the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase({ maxConnections: 3 });
    const open = [];
    for (let i = 0; i < 3; i++) open.push(await connect(howdah.it, made, { port }));
    const { code, message } = await attempt(made, { port });
    assert.equal(code, "53300");
    assert.match(message, /connection/);
    await open.pop()!.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    open.push(await connect(howdah.it, made, { port }));
    for (const session of open) await session.end();
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("drivers' own URL parameters are consumed, not sent on", async () => {
  const made = await howdah.it.api.createDatabase();
  const postgres = (await import("postgres")).default;
  const url = `${made.connection_string_pooled}&schema=public&connection_limit=5&pool_timeout=10`;
  const sql = postgres(url, { ssl: { rejectUnauthorized: false }, max: 1 });
  assert.deepEqual([...(await sql`SELECT 1 AS n`)], [{ n: 1 }]);
  await sql.end();
  await howdah.it.api.deleteDatabase(made.id);
});

test("options=database= and the branch suffix find the way", async () => {
  const made = await howdah.it.api.createDatabase();
  const slug = made.database_name.replace("tenant_", "");
  const bySuffix = { user: `${made.username}.main` };
  assert.deepEqual(await query(howdah.it, made, "SELECT current_user AS who", bySuffix), [
    { who: made.username },
  ]);
  const byOptions = { database: "postgres", options: `database=${slug} branch=main` };
  assert.equal((await query(howdah.it, made, "SELECT 1", byOptions)).length, 1);
  const nowhere = await attempt(made, { user: `${made.username}.nowhere` });
  assert.match(nowhere.code, /^(28P01|3D000)$/);
  await howdah.it.api.deleteDatabase(made.id);
});

/** Sends bytes to the gate; what it answers until it closes, or null when it stays open. */
async function sendRaw(bytes: Buffer, waitMs = 3000): Promise<Buffer | null> {
  const socket = net.connect(portOf(howdah.it), howdah.it.connection.host);
  const received: Buffer[] = [];
  socket.on("data", (block) => received.push(block));
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(bytes);
  const closed = once(socket, "close").then(() => true);
  const timer = new Promise<false>((resolve) => setTimeout(() => resolve(false), waitMs));
  const ended = await Promise.race([closed, timer]);
  socket.destroy();
  return ended ? Buffer.concat(received) : null;
}

function startup(code: number, length?: number, rest = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(length ?? 8 + rest.length, 0);
  head.writeInt32BE(code, 4);
  return Buffer.concat([head, rest]);
}

const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;

test("a GSS request is answered with N and the session can go on", async () => {
  const socket = net.connect(portOf(howdah.it), howdah.it.connection.host);
  for (const [code, expected] of [
    [GSSENC_REQUEST, "N"],
    [SSL_REQUEST, "S"],
  ] as const) {
    socket.write(startup(code));
    const [block] = (await once(socket, "data")) as [Buffer];
    assert.equal(block.toString(), expected);
  }
  socket.destroy();
});

test("bytes behind an SSLRequest, before the handshake, close the connection", async () => {
  const bytes = Buffer.concat([startup(SSL_REQUEST), startup(196608)]);
  const answer = await sendRaw(bytes);
  assert.ok(answer !== null, "the gate went on with injected bytes");
  assert.ok(!answer.includes("R"), "the gate answered an injected start-up message");
});

test("nonsense instead of a start-up message closes the connection and harms nobody", async () => {
  const made = await howdah.it.api.createDatabase();
  const bodies = [
    Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    startup(196608, 0),
    startup(196608, 4),
    startup(196608, 7),
    startup(196608, -1),
    startup(196608, 0x7fffffff),
    startup(SSL_REQUEST, 9, Buffer.alloc(1)),
    startup(131072),
    startup(196608, undefined, Buffer.from("user")),
    startup(196608, undefined, Buffer.from("user\0x\0")),
    startup(196608, undefined, Buffer.alloc(20_000, 0x61)),
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    Buffer.alloc(64 * 1024, 0xff),
  ];
  for (const [i, body] of bodies.entries()) {
    await sendRaw(body, 400);
    assert.equal((await query(howdah.it, made, "SELECT 1")).length, 1, `after body ${i}`);
  }
  assert.equal(howdah.it.pidsOf("howdah-gate").length, 1);
  await howdah.it.api.deleteDatabase(made.id);
});

test("connections that say nothing are dropped, and do not keep others out", async () => {
  const made = await howdah.it.api.createDatabase();
  const silent = Array.from({ length: 200 }, () =>
    net.connect(portOf(howdah.it), howdah.it.connection.host).on("error", () => {}),
  );
  assert.equal((await query(howdah.it, made, "SELECT 1")).length, 1);
  for (const socket of silent) socket.destroy();
  await howdah.it.api.deleteDatabase(made.id);
});
