// SPDX-License-Identifier: Apache-2.0
// The command line as a person and a script use it: data on standard output, talk on standard
// error, and exit codes that mean something.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { makeBase, shared } from "./harness/howdah.ts";
import { program } from "./harness/paths.ts";
import { run } from "./harness/run.ts";

const howdah = shared();

async function json(args: string[], code = 0) {
  const result = await howdah.it.cli([...args, "-o", "json"]);
  assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

async function fails(args: string[], code: number): Promise<string> {
  const result = await howdah.it.cli(args);
  assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
  assert.equal(result.stdout, "", "an error belongs to standard error");
  assert.notEqual(result.stderr, "");
  return result.stderr;
}

test("a database is made, listed, shown and deleted by name", async () => {
  const made = await json(["db", "create", "shop", "--email", "ada@example.org"]);
  assert.match(made.database_name, /^tenant_[a-z0-9]{8}$/);
  assert.match(made.password, /^[A-Za-z0-9]{24}$/);
  const list = await json(["db", "list"]);
  assert.deepEqual(
    list.map((row: { friendly_name: string }) => row.friendly_name),
    ["shop"],
  );
  for (const name of ["shop", made.id, made.database_name]) {
    assert.equal((await json(["db", "show", name])).id, made.id);
  }
  const stats = await json(["db", "stats", "shop"]);
  assert.equal(stats.database_id, made.id);
  const table = await howdah.it.cli(["db", "list"]);
  assert.match(table.stdout, /NAME/);
  assert.match(table.stdout, /shop/);
  assert.ok(!table.stdout.includes("\u001b["), "NO_COLOR is set");
  const deleted = await howdah.it.cli(["db", "delete", "shop", "--yes"]);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.deepEqual(await json(["db", "list"]), []);
});

test("a database is made with its settings, its limit and its protection", async () => {
  const args = ["db", "create", "tuned", "--email", "ada@example.org", "--protect"];
  args.push("--set", "work_mem=9MB", "--set", "jit=off", "--storage-limit", "209715200");
  await json(args);
  const made = await json(["db", "show", "tuned"]);
  assert.equal(made.protected, true);
  assert.equal(made.storage_limit_bytes, 209715200);
  assert.deepEqual(made.settings, { work_mem: "9MB", jit: "off" });
  const shown = await howdah.it.cli(["psql", "tuned", "--", "-XAtc", "SHOW work_mem"]);
  assert.equal(shown.stdout, "9MB\n");
  assert.match(await fails(["db", "create", "wrong", "--set", "work_mem"], 2), /no setting/);
  const planned = await json(["db", "rotate", "tuned", "--dry-run"]);
  assert.equal(planned.action, "password.rotate");
  assert.equal((await json(["db", "credentials", "tuned"])).length, 1);
  await json(["db", "update", "tuned", "--no-protect"]);
  await howdah.it.cli(["db", "delete", "tuned", "--yes"]);
});

test("a delete without --yes and without a terminal changes nothing", async () => {
  await json(["db", "create", "precious", "--email", "ada@example.org"]);
  assert.equal((await howdah.it.cli(["db", "delete", "precious", "--no-input"])).code, 2);
  assert.equal((await json(["db", "list"])).length, 1);
  await howdah.it.cli(["db", "delete", "precious", "--yes"]);
});

test("psql opens the database, and its arguments and exit code pass through", async () => {
  await json(["db", "create", "mine", "--email", "ada@example.org"]);
  const result = await howdah.it.cli(["psql", "mine", "--", "-XAtc", "SELECT 6 * 7"]);
  assert.equal(result.stdout.trim(), "42", result.stderr);
  const failing = ["psql", "mine", "--", "-X", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0"];
  const failed = await howdah.it.cli(failing);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /division by zero/);
  await howdah.it.cli(["db", "delete", "mine", "--yes"]);
});

test("keys are made, listed and revoked", async () => {
  const made = await json(["key", "create", "ci", "--scope", "read"]);
  await howdah.it.api.expect(200, "GET", "/api/databases", { key: made.key });
  const list = await json(["key", "list"]);
  assert.ok(list.some((row: { id: string }) => row.id === made.id));
  assert.equal((await howdah.it.cli(["key", "revoke", made.id])).code, 0);
  await howdah.it.api.problem(401, "GET", "/api/databases", { key: made.key });
});

test("operations are listed, shown and waited for", async () => {
  await json(["db", "create", "watched", "--email", "ada@example.org"]);
  const [operation] = await json(["op", "list"]);
  assert.equal((await json(["op", "show", operation.id])).id, operation.id);
  assert.equal((await json(["op", "wait", operation.id])).state, "finished");
  await howdah.it.cli(["db", "delete", "watched", "--yes"]);
});

test("status and doctor tell how it is", async () => {
  const status = await json(["status"]);
  assert.ok(JSON.stringify(status).includes(String(howdah.it.connection.direct_port)));
  const text = await howdah.it.cli(["status"]);
  assert.equal(text.code, 0);
  const doctor = await howdah.it.cli(["doctor"]);
  assert.ok([0, 6].includes(doctor.code), doctor.stderr);
  assert.ok(doctor.stdout.length > 0);
});

test("yaml is offered too", async () => {
  const { stdout, code } = await howdah.it.cli(["status", "-o", "yaml"]);
  assert.equal(code, 0);
  const { parse } = await import("yaml");
  assert.equal(typeof parse(stdout), "object");
});

test("unknown commands, flags and values are usage errors", async () => {
  for (const args of [
    ["frobnicate"],
    ["db"],
    ["db", "frobnicate"],
    ["db", "list", "--frobnicate"],
    ["db", "list", "-o", "xml"],
    ["db", "create"],
    ["key", "create", "x", "--scope", "god"],
  ]) {
    await fails(args, 2);
  }
  assert.match(await fails(["frobnicate"], 2), /no command 'frobnicate'/);
  assert.match(await fails([], 2), /doctor[\s\S]*psql/, "all commands are listed");
  assert.match(await fails(["up", "--http-port", "99999"], 2), /--http-port.*99999.*65535/);
});

test("what does not exist is exit code 3", async () => {
  assert.match(await fails(["db", "show", "nothing-like-it"], 3), /nothing-like-it/);
  await fails(["op", "show", "00000000-0000-4000-8000-000000000000"], 3);
});

test("wrong values are told with the field", async () => {
  const args = ["db", "create", "bad", "--email", "nobody"];
  assert.match(await fails(args, 2), /ownerEmail|e-mail/i);
});

test("without a running Howdah the exit code is 69, with how to start it", async () => {
  const folder = makeBase();
  const args = ["db", "list", "--data-dir", path.join(folder, "none")];
  const result = await run(program("howdah"), args);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /howdah up/);
  fs.rmSync(folder, { recursive: true });
});

test("help and version need nothing", async () => {
  for (const args of [["--help"], ["--version"], ["db", "--help"], ["up", "--help"]]) {
    const result = await run(program("howdah"), args);
    assert.equal(result.code, 0, args.join(" "));
    assert.match(result.stdout, /howdah/i);
  }
});

test("another user of the machine gets nothing by command or socket", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root to become another user");
  const nobody = { uid: 65534, gid: 65534 };
  const result = await howdah.it.cli(["db", "list"], nobody);
  assert.ok([5, 69].includes(result.code), result.stderr);
  assert.equal(result.stdout, "");
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /api/databases HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
print(s.recv(1000).decode().split()[1])`;
  const socket = path.join(howdah.it.runtimeDir, "control.sock");
  const answer = await run("/usr/bin/python3", ["-c", script, socket], nobody);
  assert.equal(answer.stdout.trim(), "401", answer.stderr);
});
