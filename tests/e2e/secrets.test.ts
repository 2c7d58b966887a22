// SPDX-License-Identifier: Apache-2.0
// The master key by the command line: its change, its loss, and what the recovery key is good for.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { Howdah, shared } from "./harness/howdah.ts";

const howdah = shared();
const ring = (of: Howdah) => path.join(of.dataDir, "secrets/keyring.json");

async function recoveryKey(of: Howdah): Promise<string> {
  const shown = await of.cli(["recovery-key", "--quiet"]);
  assert.equal(shown.code, 0, shown.stderr);
  return shown.stdout.trim();
}

async function revealed(of: Howdah, database: Database): Promise<string> {
  const call = `/api/databases/${database.id}/connection-strings/reveal`;
  return (await of.api.expect(200, "POST", call)).data.password;
}

test("secrets rotate changes the key and says so, and passwords still open", async () => {
  const made = await howdah.it.api.createDatabase();
  const before = await recoveryKey(howdah.it);
  const changed = await howdah.it.cli(["secrets", "rotate", "-o", "json"]);
  assert.equal(changed.code, 0, changed.stderr);
  const result = JSON.parse(changed.stdout);
  assert.equal(result.retired_keys.length, 1);
  assert.match(changed.stderr, /recovery key has changed/);
  const told = await howdah.it.cli(["secrets", "status"]);
  assert.match(told.stdout, new RegExp(`${result.retired_keys[0]} +retired +0 `));
  assert.match(told.stdout, new RegExp(`${result.key_id} +current +[1-9]`));
  assert.match(told.stderr, /was not shown since/);
  const advised = await howdah.it.cli(["doctor"]);
  assert.equal(advised.code, 6);
  assert.match(advised.stdout, /recovery key .*was not shown since/);
  assert.notEqual(await recoveryKey(howdah.it), before);
  assert.equal((await howdah.it.cli(["secrets", "status"])).stderr, "");
  assert.equal(await revealed(howdah.it, made), made.password);
  const rows = await howdah.it.api.expect(200, "GET", "/api/audit?action=master_key.");
  assert.deepEqual(
    rows.data.map(({ action }: { action: string }) => action),
    ["master_key.retire", "master_key.rotate"],
  );
  await howdah.it.api.deleteDatabase(made.id);
});

test("the same request is carried out once", async () => {
  const headers = { "Idempotency-Key": "rotate-once", Prefer: "wait=30" };
  const call = () =>
    howdah.it.api.expect(200, "POST", "/api/secrets/rotate-master-key", { headers });
  assert.deepEqual(await call(), await call());
  assert.equal((await howdah.it.api.expect(200, "GET", "/api/secrets")).data.keys.length, 3);
});

test("a lost key ring is made again from the recovery key", async () => {
  const lost = await Howdah.start({ allowedAlarms: [/key ring does not belong/] });
  try {
    const made = await lost.api.createDatabase();
    const old = await recoveryKey(lost);
    assert.equal((await lost.cli(["secrets", "rotate"])).code, 0);
    const key = await recoveryKey(lost);
    const running = await lost.cli(["secrets", "restore"], { input: `${key}\n` });
    assert.equal(running.code, 4, running.stderr);
    await lost.stop();
    fs.rmSync(ring(lost));
    const typo = await lost.cli(["secrets", "restore"], { input: `${key.slice(0, -1)}\n` });
    assert.equal(typo.code, 2, typo.stderr);
    assert.ok(!fs.existsSync(ring(lost)));
    const restored = await lost.cli(["secrets", "restore"], { input: `${key.toLowerCase()}\n` });
    assert.equal(restored.code, 0, restored.stderr);
    const { uid, mode } = fs.statSync(ring(lost));
    assert.equal(uid, fs.statSync(path.dirname(ring(lost))).uid);
    assert.equal(mode & 0o777, 0o600);
    // One from before, for dumps of then: beside the other.
    const older = await lost.cli(["secrets", "restore"], { input: `${old}\n` });
    assert.match(older.stderr, /beside those that were there/);
    const again = await lost.cli(["secrets", "restore"], { input: `${old}\n` });
    assert.match(again.stderr, /in the ring already/);
    await lost.up();
    assert.equal(await revealed(lost, made), made.password);
    const { keys } = (await lost.api.expect(200, "GET", "/api/secrets")).data;
    assert.deepEqual(
      keys.map(({ state }: { state: string }) => state),
      ["current", "replaced"],
    );
    await lost.api.deleteDatabase(made.id);
  } finally {
    await lost.end();
  }
});
