// SPDX-License-Identifier: Apache-2.0
// The codes of api/errors.yaml that are promised at more than one place, each where a person meets
// it: as a status of the API, an SQLSTATE at the gate, an exit code of the command line.
// tools/errors_tested.py demands that every code is met by some test.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { declared } from "./harness/errors.ts";
import { shared } from "./harness/howdah.ts";
import { program } from "./harness/paths.ts";
import { run } from "./harness/run.ts";
import { connect, PORTS, portOf, refusal, type Target } from "./harness/sql.ts";

const howdah = shared();

/** A refusal of the API, held against what is declared of its code. */
async function refused(method: string, path: string, headers: Record<string, string> = {}) {
  const reply = await howdah.it.api.call(method, path, { headers });
  assert.equal(reply.status, declared(reply.body.code).http);
  assert.equal(reply.body.title, declared(reply.body.code).title);
  return reply.body.code;
}

test("the API names the code of every refusal, with its status and title", async () => {
  assert.equal(await refused("PUT", "/api/databases"), "method_not_allowed");
  assert.equal(await refused("GET", "/api/nothing"), "not_found");
  assert.equal(await refused("GET", "/api/databases?x=1"), "invalid_request");
  assert.equal(await refused("GET", "/api/databases", { "X-API-Key": "x" }), "unauthorized");
  assert.equal(await refused("POST", "/internal/recovery-key"), "forbidden");
  const long = { "X-Long": "x".repeat(70_000) };
  assert.equal(await refused("GET", "/api/databases", long), "headers_too_large");
});

/** Sends one packet without TLS; the fields of the gate's ErrorResponse. */
async function packet(port: number, code: number, body: string): Promise<Map<string, string>> {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(code, 4);
  const socket = net.connect(port, howdah.it.connection.host);
  const received: Buffer[] = [];
  socket.on("data", (block) => received.push(block)).on("error", () => {});
  socket.setTimeout(5_000, () => socket.destroy());
  socket.write(Buffer.concat([head, Buffer.from(body)]));
  await once(socket, "close");
  const text = Buffer.concat(received).subarray(5).toString();
  return new Map(text.split("\0").map((field) => [field[0] ?? "", field.slice(1)]));
}

for (const port of PORTS) {
  test(`the ${port} port names the SQLSTATE of every refusal`, async () => {
    const { api } = howdah.it;
    const made = await api.createDatabase({ maxConnections: 1 });
    const attempt = async (target: Target) =>
      (await refusal(connect(howdah.it, made, { port, ...target }))).code;
    const number = portOf(howdah.it, port);

    const plain = await packet(number, 196608, `user\0${made.username}\0\0`);
    assert.equal(plain.get("C"), declared("tls_required").sqlstate);
    assert.match(plain.get("H") ?? "", /sslmode=require/);
    const halved = await packet(number, 196608, "user");
    assert.equal(halved.get("C"), declared("protocol_violation").sqlstate);

    assert.equal(await attempt({ password: "x" }), declared("authentication_failed").sqlstate);
    const session = await connect(howdah.it, made, { port });
    assert.equal(await attempt({}), declared("too_many_connections").sqlstate);
    await session.end();
    const rule = { body: { ipAddress: "198.51.100.7" } };
    await api.expect(201, "POST", `/api/databases/${made.id}/whitelist`, rule);
    assert.equal(await attempt({}), declared("address_not_allowed").sqlstate);
    const { data } = await api.expect(200, "GET", `/api/databases/${made.id}/whitelist`);
    await api.expect(200, "DELETE", `/api/databases/${made.id}/whitelist/${data[0].id}`);
    await api.deleteDatabase(made.id);
    assert.equal(await attempt({}), declared("database_deleted").sqlstate);
  });
}

test("the command line ends with the exit code of what went wrong", async () => {
  const made = await howdah.it.api.createDatabase();
  const exit = async (...args: string[]) => (await howdah.it.cli(args)).code;
  assert.equal(await exit("db", "show", "nothere"), declared("not_found").exit);
  assert.equal(await exit("db", "show", "--nothere"), declared("invalid_request").exit);
  // On a terminal it asks before it deletes.
  const words = [program("howdah"), "--data-dir", howdah.it.dataDir, "db", "delete", made.id];
  const asked = await run("script", ["-qec", words.join(" "), "/dev/null"], { input: "n\n" });
  assert.equal(asked.code, declared("cancelled").exit, asked.stdout);
  await howdah.it.api.expect(200, "GET", `/api/databases/${made.id}`);
  await howdah.it.api.deleteDatabase(made.id);
});
