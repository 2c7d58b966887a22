// SPDX-License-Identifier: Apache-2.0
// T20: secrets at rest. A sealed value that was moved does not open; a change of the master key
// that is killed anywhere loses none and is finished; and nothing in clear is in the files of the
// catalog, in logs, in command lines or in core files.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import type pg from "pg";
import type { Database, Json } from "../e2e/harness/api.ts";
import { shared } from "../e2e/harness/howdah.ts";
import { processesOf } from "../e2e/harness/leftovers.ts";
import { exitOf, run, sleep, until } from "../e2e/harness/run.ts";
import { connectAsPlatform, query, refusal } from "../e2e/harness/sql.ts";
import { Reporter } from "./harness/report.ts";
import { Random, scaled } from "./harness/scale.ts";

const KILLS = scaled(3, 24);
const DATABASES = scaled(8, 24);
const ANSWERS = scaled(200, 400); // each is a sealed value that can be asked for again
const MOVES = scaled(16, 200);

const report = new Reporter("T20", "Secrets");
const random = new Random();
const howdah = shared(
  {
    volumeSize: 4 * 1024 ** 3,
    args: ["--rate-limit", "writes=1000:20000"],
    // What these tests do to the catalog and its processes is what somebody should be told.
    allowedAlarms: [/ WARN /, /ERROR http: .*sealed value cannot be opened/, /core dumped/],
  },
  { first: prepare, last: leave },
);
let catalog: pg.Client;
const databases: Database[] = [];
const keyOf = new Map<string, string>(); // Idempotency-Key -> the API key of its answer
const secrets = new Map<string, string>(); // what was told once -> what it is

async function prepare(): Promise<void> {
  catalog = await connectCatalog();
  for (let i = 0; i < DATABASES; i++) {
    const made = await howdah.it.api.expect(201, "POST", "/api/databases", {
      body: { friendlyName: `s${i}`, ownerEmail: "owner@example.org" },
      headers: { "Idempotency-Key": `database-${i}` },
    });
    databases.push(made.data);
    secrets.set(made.data.password, `the password of database ${i}`);
  }
  for (let i = 0; i < ANSWERS; i++) {
    const { key } = await makeKey(`answer-${i}`);
    keyOf.set(`answer-${i}`, key);
    secrets.set(key, `API key ${i}`);
  }
}

async function leave(): Promise<void> {
  await catalog?.end();
  for (const folder of unpackedDumps) fs.rmSync(folder, { recursive: true, force: true }
});

function connectCatalog(): Promise<pg.Client> {
  return connectAsPlatform(howdah.it.socketsOf("catalog"), "postgres_control");
}

async function one(sql: string, parameters: unknown[] = []): Promise<Json> {
  return (await catalog.query(sql, parameters)).rows[0];
}

async function makeKey(idempotencyKey: string): Promise<{ key: string }> {
  const made = await howdah.it.api.expect(201, "POST", "/api/keys", {
    body: { name: idempotencyKey, scopes: ["read"] },
    headers: { "Idempotency-Key": idempotencyKey },
  });
  return made.data;
}

function reveal(database: Database) {
  const call = `/api/databases/${database.id}/connection-strings/reveal`;
  return howdah.it.api.call("POST", call);
}

test(`${MOVES} sealed values that were moved are all refused`, async () => {
  const credentials = (
    await catalog.query(
      "SELECT id, database_id, generation, sealed_password FROM howdah.credentials",
    )
  ).rows;
  const elsewhere = (
    await catalog.query(`SELECT sealed_response AS blob FROM howdah.idempotency_keys
      UNION ALL SELECT sealed_value FROM howdah.settings WHERE sealed_value IS NOT NULL
      UNION ALL SELECT payload->'credential'->>'sealed_verifier' FROM howdah.jobs
        WHERE payload ? 'credential'`)
  ).rows.map(({ blob }) => blob as string);
  const update =
    "UPDATE howdah.credentials SET sealed_password = $2, generation = $3 WHERE id = $1";
  let refused = 0;
  let opened = 0;
  for (let i = 0; i < MOVES; i++) {
    const mine = random.pick(credentials);
    const other = random.pick(credentials.filter(({ id }) => id !== mine.id));
    const way = i % 3;
    await catalog.query(update, [
      mine.id,
      [other.sealed_password, random.pick(elsewhere), mine.sealed_password][way],
      way === 2 ? mine.generation + 1 + random.below(5) : mine.generation,
    ]);
    const database = databases.find(({ id }) => id === mine.database_id)!;
    const moved = await reveal(database);
    if (moved.status >= 400 && moved.body.code === "seal_broken") refused++;
    await catalog.query(update, [mine.id, mine.sealed_password, mine.generation]);
    const back = await reveal(database);
    if (back.body.data?.password === database.password) opened++;
  }
  report.figure({
    what: "sealed values moved to another row, column, table or version",
    target: `${MOVES} of ${MOVES} refused`,
    measured: `${refused} refused`,
    met: refused === MOVES,
  });
  report.control({
    what: "the same values put back to their own place",
    seen: `${opened} of ${MOVES} open`,
    failed: opened === MOVES,
  });
  assert.equal(refused, MOVES);
  assert.equal(opened, MOVES);
});

/** How many values do not open, or are not what they were. */
async function undecryptable(): Promise<number> {
  let bad = 0;
  for (const [name, key] of keyOf) {
    const reply = await howdah.it.api.call("POST", "/api/keys", {
      body: { name, scopes: ["read"] },
      headers: { "Idempotency-Key": name },
    });
    if (reply.status !== 201 || reply.body.data.key !== key) bad++;
  }
  for (const database of databases) {
    const reply = await reveal(database);
    if (reply.body.data?.password !== database.password) bad++;
  }
  return bad;
}

async function rotation(): Promise<Json> {
  return one(`SELECT id, state, step, attempt FROM howdah.jobs WHERE kind = 'secrets.rotate'
    ORDER BY created_at DESC LIMIT 1`);
}

async function startRotation(): Promise<number> {
  const begun = performance.now();
  await howdah.it.api.call("POST", "/api/secrets/rotate-master-key");
  return performance.now() - begun;
}

async function rotationEnds(): Promise<void> {
  await until("the rotation ends", 60_000, async () => (await rotation()).state === "finished");
}

test(`a change of the master key that is killed ${KILLS} times loses nothing`, async () => {
  const { values } = (await howdah.it.api.expect(200, "GET", "/api/secrets")).data;
  assert.ok(values >= 200, `${values} values`);
  const length = await startRotation();
  await rotationEnds();
  let bad = await undecryptable();
  const steps = new Map<string, number>();
  let longest = 0;
  for (let i = 0; i < KILLS; i++) {
    const [pid] = howdah.it.pidsOf("howdahd");
    const asked = startRotation().catch(() => 0); // its connection ends with howdahd
    await sleep(random.next() * length);
    process.kill(pid!, "SIGKILL");
    const { state, step } = await rotation();
    const place = state === "finished" ? "after its end" : `in step ${step + 1}`;
    steps.set(place, (steps.get(place) ?? 0) + 1);
    await asked;
    const killedAt = performance.now();
    await howdah.it.isBack("howdahd", pid!);
    bad += await undecryptable(); // with the rotation where it was left
    await rotationEnds();
    longest = Math.max(longest, performance.now() - killedAt);
  }
  bad += await undecryptable();
  const status = (await howdah.it.api.expect(200, "GET", "/api/secrets")).data;
  const whole = (await howdah.it.api.expect(200, "GET", "/api/audit/verify")).data.whole;
  const count = "SELECT count(*)::int AS n FROM howdah.jobs WHERE kind = 'secrets.rotate'";
  const rotations = (await one(count)).n;
  const where = [...steps].map(([place, n]) => `${n} ${place}`).join(", ");
  report.figure({
    what:
      `values of ${values} that do not open after kill -9 of howdahd in a change of the ` +
      `master key (${where})`,
    target: `0 after ${KILLS} kills`,
    measured: `${bad}`,
    met: bad === 0,
  });
  report.figure({
    what: "from the kill to the end of the change, the longest",
    target: "30 s",
    measured: `${(longest / 1000).toFixed(1)} s`,
    met: longest <= 30_000,
  });
  report.note(
    "Kills amid the values themselves, and the control (a ring that is written too late loses " +
      "values): RewrapTest of control_pgtest, 25 kills, 200 with HOWDAH_SCALE=full.",
  );
  assert.equal(bad, 0);
  assert.equal(status.values_of_older_keys, 0);
  assert.equal(status.values_of_unknown_keys, 0);
  assert.equal(status.keys.length, rotations + 1, "one key for each change");
  assert.ok(whole);
});

/** As it may stand in a file: text of any encoding that is ours. */
function masterKeys(): string[] {
  const file = path.join(howdah.it.dataDir, "secrets/keyring.json");
  const ring = JSON.parse(fs.readFileSync(file, "utf8"));
  return ring.keys.flatMap(({ secret }: { secret: string }) => {
    const bytes = Buffer.from(secret, "base64");
    return [secret, secret.replace(/=+$/, ""), bytes.toString("hex")];
  });
}

const RAW_KEY_PART = 24; // of 32 bytes: found even where a page ends within

/** Files below these folders that hold one of the texts, or a key as bytes. */
async function scan(folders: string[]): Promise<string[]> {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-scan-"));
  try {
    const list = path.join(work, "needles");
    fs.writeFileSync(list, `${[...secrets.keys()].join("\n")}\n`);
    const args = ["-r", "-l", "-a", "-F", "-D", "skip", "-f", list, "--", ...folders];
    const found = await run("grep", args, { env: { LC_ALL: "C" }, timeoutMs: 300_000 });
    assert.ok(found.code === 0 || found.code === 1, found.stderr);
    for (const hex of masterKeys().filter((text) => /^[0-9a-f]{64}$/.test(text))) {
      const bytes = [...Buffer.from(hex, "hex").subarray(0, RAW_KEY_PART)];
      const pattern = bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
      // grep looks within lines: let none end within the key.
      const lines = bytes.includes(10) ? ["-z"] : [];
      const asBytes = ["-r", "-l", "-a", "-P", "-D", "skip", ...lines, pattern, "--", ...folders];
      const hits = await run("grep", asBytes, { env: { LC_ALL: "C" }, timeoutMs: 300_000 });
      assert.ok(hits.code === 0 || hits.code === 1, hits.stderr);
      found.stdout += hits.stdout;
    }
    return [...new Set(found.stdout.split("\n").filter((line) => line !== ""))];
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** What every process of Howdah has been started with: anybody on the machine reads it. */
function commandLines(): string {
  return processesOf(howdah.it.dataDir)
    .map(({ pid }) => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    .join("\n");
}

const unpackedDumps: string[] = [];

async function places(): Promise<string[]> {
  await catalog.query("CHECKPOINT");
  await howdah.it.api.expect(201, "POST", "/api/catalog/dumps");
  const folder = path.join(howdah.it.dataDir, "backups/catalog");
  const dump = fs.readdirSync(folder).sort().at(-1)!;
  // A dump is compressed: looked at as what it unpacks to.
  const unpacked = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-dump-"));
  unpackedDumps.push(unpacked);
  execFileSync("pg_restore", ["-f", path.join(unpacked, "dump.sql"), path.join(folder, dump)]);
  fs.writeFileSync(path.join(unpacked, "command_lines"), commandLines());
  const { dataDir, runtimeDir } = howdah.it;
  const below = ["catalog", "logs", "gate", "node", "backups"];
  const all = [...below.map((name) => path.join(dataDir, name)), runtimeDir, unpacked];
  return all.filter((name) => fs.existsSync(name));
}

test("no password and no key is in clear in the catalog, WAL, dumps, logs or routes", async () => {
  // Every way on which a password comes and goes.
  for (const database of databases) {
    const call = `/api/databases/${database.id}/rotate-password`;
    const rotated = await howdah.it.api.expect(200, "POST", call, { body: {} });
    database.password = rotated.data.password;
    secrets.set(database.password, "a password that was rotated");
    await query(howdah.it, database, "SELECT 1");
    const wrong = { password: `${database.password}-wrong` };
    await refusal(query(howdah.it, database, "SELECT 1", wrong));
  }
  for (const text of masterKeys()) secrets.set(text, "a master key");
  const shown = (await howdah.it.cli(["recovery-key", "--quiet"])).stdout.trim();
  assert.match(shown, /^HR1-/);
  for (const text of [shown, shown.replaceAll("-", "")]) secrets.set(text, "the recovery key");
  secrets.set(howdah.it.connection.api_key, "the key of connection.json");
  const body = { friendlyName: "x", ownerEmail: "x", password: databases[0]!.password };
  await howdah.it.api.problem(400, "POST", "/api/databases", { body });

  const found = await scan(await places());
  report.figure({
    what:
      `places that hold one of ${secrets.size} passwords and keys in clear (heap and WAL of the ` +
      "catalog, its dumps, logs, routes, command lines)",
    target: "0",
    measured: `${found.length}`,
    met: found.length === 0,
  });

  const planted = databases[0]!.password;
  const plant = "INSERT INTO howdah.settings (key, value) VALUES ('planted', to_jsonb($1::text))";
  await catalog.query(plant, [planted]);
  fs.appendFileSync(path.join(howdah.it.dataDir, "logs/planted.log"), `password=${planted}\n`);
  const holding = await scan(await places());
  const control = holding.map((file) => path.relative(howdah.it.dataDir, file));
  await catalog.query("DELETE FROM howdah.settings WHERE key = 'planted'");
  fs.rmSync(path.join(howdah.it.dataDir, "logs/planted.log"));
  const heap = /^catalog\/data\/base\//;
  const kinds = [heap, /^catalog\/data\/pg_wal\//, /dump\.sql$/, /^logs\/planted/];
  const seen = kinds.filter((kind) => control.some((file) => kind.test(file)));
  report.control({
    what: "one password planted unsealed: found in the heap, the WAL, the dump and a log",
    seen: `${seen.length} of ${kinds.length}`,
    failed: seen.length === kinds.length,
  });
  assert.ok(secrets.size >= 40);
  assert.deepEqual(found, []);
  assert.equal(seen.length, kinds.length, control.join("\n"));
});

/** Dies of SIGABRT with core files allowed; the new files in its folder that may be one. */
async function coresOf(pid: number): Promise<string[]> {
  execFileSync("prlimit", ["--pid", String(pid), "--core=unlimited:unlimited"]);
  const folder = fs.readlinkSync(`/proc/${pid}/cwd`);
  const before = new Set(fs.readdirSync(folder));
  process.kill(pid, "SIGABRT");
  await until("it is gone", 20_000, () => !fs.existsSync(`/proc/${pid}`));
  const made = fs.readdirSync(folder).filter((name) => !before.has(name) && /core/.test(name));
  for (const name of made) fs.rmSync(path.join(folder, name), { force: true });
  return made;
}

test("howdahd and the gate leave no core file, whatever the limits are", async (context) => {
  const pattern = fs.readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
  const left: string[] = [];
  for (const daemon of ["howdahd", "howdah-gate"] as const) {
    const [pid] = howdah.it.pidsOf(daemon);
    assert.match(fs.readFileSync(`/proc/${pid}/limits`, "utf8"), /Max core file size +0 +0 /);
    left.push(...(await coresOf(pid!)));
    await howdah.it.isBack(daemon, pid!);
  }
  report.figure({
    what: "core files of howdahd and the gate, ended by SIGABRT with the limit lifted",
    target: "0",
    measured: `${left.length}`,
    met: left.length === 0,
  });
  assert.deepEqual(left, []);
  if (pattern.includes("/") || pattern.startsWith("|")) {
    const why = `core files go to ${pattern}: the control cannot see them`;
    report.notRun(why);
    context.diagnostic(why);
    return;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-core-"));
  const other = spawn("sleep", ["60"], { cwd: folder });
  await sleep(100);
  const made = await coresOf(other.pid!);
  await exitOf(other, 1_000);
  fs.rmSync(folder, { recursive: true, force: true });
  report.control({
    what: "another program that dies in the same way",
    seen: `${made.length} core file`,
    failed: made.length === 1,
  });
  assert.equal(made.length, 1);
});
