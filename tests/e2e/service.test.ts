// SPDX-License-Identifier: Apache-2.0
// howdah service, where it can be tried without touching the machine: under a folder of its own.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { IS_ROOT, program, publicProgram } from "./harness/paths.ts";
import { type RunOptions, run, runOk } from "./harness/run.ts";
import { psql } from "./harness/sql.ts";

const base = makeBase();
after(() => fs.rmSync(base, { recursive: true, force: true }));
const dest = path.join(base, "dest");
const data = path.join(base, "data dir 100% $x");
const env = { HOME: path.join(base, "home"), XDG_CONFIG_HOME: "", NO_COLOR: "1" };

function service(args: string[], options: RunOptions = {}) {
  const all = ["service", ...args, "--data-dir", data];
  return run(options.uid === undefined ? program("howdah") : publicProgram("howdah"), all, {
    ...options,
    env: { ...env, ...options.env },
  });
}

function tree(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

test("a dry run prints the unit and writes nothing", async () => {
  const flags = ["install", "--dry-run", "--http-port", "3005", "--no-sample", "--destdir", dest];
  const shown = await service(flags, { env: { HOWDAH_SPARES: "2" } });
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /ExecStart=".*\/howdah" up --data-dir|"up"/);
  assert.ok(shown.stdout.includes('data dir 100%% $$x"'), "as systemd reads it");
  assert.ok(!/100% /.test(shown.stdout), "nowhere a specifier of systemd's");
  for (const part of ['"--http-port" "3005"', '"--spares" "2"', '"--no-sample"', "Type=notify"]) {
    assert.ok(shown.stdout.includes(part), `${part} is missing:\n${shown.stdout}`);
  }
  assert.ok(!fs.existsSync(dest));
});

test("the unit is one that systemd takes", {
  skip: !fs.existsSync("/usr/bin/systemd-analyze") && "systemd is not installed",
}, async () => {
  const shown = await service(["install", "--dry-run"]);
  const unit = path.join(base, "howdah-check.service");
  fs.writeFileSync(unit, shown.stdout);
  const checked = await run("/usr/bin/systemd-analyze", ["verify", "--man=no", unit]);
  const faults = checked.stderr.split("\n").filter((line) => line.includes("howdah-check"));
  assert.deepEqual(faults, []);
});

test("install puts everything in place, again as well, and remove takes all of it", async () => {
  for (const _ of [1, 2]) {
    const made = await service(["install", "--destdir", dest]);
    assert.equal(made.code, 0, made.stderr);
  }
  const files = tree(dest).join("\n");
  assert.match(files, /systemd\/(system|user)\/howdah-\w+\.service/);
  for (const name of ["pg-status", "pg-list-databases", "pg-backup-control", "howdah"]) {
    assert.match(files, new RegExp(`bin/${name}(\n|$)`));
  }
  assert.match(files, /man1\/howdah-db\.1/);
  assert.match(files, /completions\/howdah/);
  const status = await service(["status", "--destdir", dest, "-o", "json"]);
  assert.equal(JSON.parse(status.stdout).installed, true);
  assert.equal((await service(["remove", "--destdir", dest])).code, 0);
  assert.deepEqual(tree(dest), []);
  assert.equal((await service(["status", "--destdir", dest])).code, 3);
});

test("a file of somebody else is neither overwritten nor removed", async () => {
  const man = IS_ROOT ? "usr/local/share/man/man1" : `${env.HOME.slice(1)}/.local/share/man/man1`;
  const file = path.join(dest, man, "howdah.1");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, "mine\n");
  const refused = await service(["install", "--destdir", dest]);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /howdah\.1 is there and was not made by Howdah/);
  assert.equal((await service(["remove", "--destdir", dest])).code, 0);
  assert.deepEqual(tree(dest).length, 1);
  fs.rmSync(dest, { recursive: true });
});

test("an ordinary user gets a unit of their own and is told about lingering", {
  skip: !IS_ROOT && "needs root to become another user",
}, async () => {
  const place = path.join(base, "user");
  fs.mkdirSync(place);
  fs.chownSync(place, 65534, 65534);
  const made = await service(["install", "--destdir", place], { uid: 65534, gid: 65534 });
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /loginctl enable-linger nobody/);
  assert.match(tree(place).join("\n"), /\.config\/systemd\/user\/howdah-\w+\.service/);
});

test("whoever starts it as a service is told when it serves", async () => {
  const heard = path.join(base, "notify");
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); print("bound", flush=True); s.settimeout(60)
print(s.recv(500).decode()); print(s.recv(500).decode())`;
  const listener = run("/usr/bin/python3", ["-c", script, heard], { timeoutMs: 120_000 });
  while (!fs.existsSync(heard)) await new Promise((resolve) => setTimeout(resolve, 20));
  const howdah = await Howdah.start({ env: { NOTIFY_SOCKET: heard } });
  await howdah.end();
  assert.match((await listener).stdout, /READY=1\n[\s\S]*STOPPING=1/);
});

test("where the pooled port is switched off, pooled URLs lead to the direct one", async () => {
  const howdah = await Howdah.start({ env: { DB_PGBOUNCER_ENABLED: "false" } });
  try {
    const { direct_port, pooled_port } = howdah.connection;
    assert.equal(pooled_port, direct_port);
    const made = await howdah.api.createDatabase();
    assert.match(made.connection_string_pooled, new RegExp(`:${direct_port}/`));
    assert.equal((await psql(made.connection_uri_pooled, ["-Atc", "SELECT 1"])).stdout, "1\n");
  } finally {
    await howdah.end();
  }
});

test("the ports and the older names of variables are what howdah up takes", async () => {
  const free = await new Promise<number>((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
  const folder = path.join(base, "older");
  const arguments_ = ["up", "--data-dir", folder, "--no-sample", "--volume-size", "2147483648"];
  const older = {
    PORT: String(free),
    DB_PORT: "0",
    DB_PGBOUNCER_PORT: "0",
    DB_PASSWORD: "not-for-eyes",
    API_KEY: "a-first-key-of-mine",
  };
  const { spawn } = await import("node:child_process");
  const child = spawn(program("howdah"), arguments_, { env: { ...process.env, ...older } });
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said += text;
  });
  const file = path.join(folder, "connection.json");
  try {
    while (!fs.existsSync(file) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { api_url } = JSON.parse(fs.readFileSync(file, "utf8"));
    assert.equal(api_url, `http://localhost:${free}`);
    const key = { "X-API-Key": older.API_KEY };
    assert.equal((await fetch(`${api_url}/api/databases`, { headers: key })).status, 200);
    assert.match(said, /DB_PASSWORD is ignored: /);
    assert.ok(!said.includes("not-for-eyes"));
    await runOk(program("howdah"), ["uninstall", "--yes", "--destdir", dest, "--data-dir", folder]);
    assert.ok(!fs.existsSync(file), "uninstall stopped it");
    assert.ok(fs.existsSync(path.join(folder, "howdah.json")), "and kept the data");
  } finally {
    child.kill("SIGTERM");
  }
});
