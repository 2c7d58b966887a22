// SPDX-License-Identifier: Apache-2.0
// T24: the audit log is edited, shortened, reordered and forged with the catalog's superuser, past
// Howdah, and every time the check of the chain must say so. What the forger has not is the key.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import type pg from "pg";
import type { Json } from "../e2e/harness/api.ts";
import { shared } from "../e2e/harness/howdah.ts";
import { connectAsPlatform } from "../e2e/harness/sql.ts";
import { Reporter } from "./harness/report.ts";
import { Random, scaled } from "./harness/scale.ts";

const CHANGES = scaled(50, 1_000);
const ROWS_MIN = 60;
const FINDINGS_EXIT_CODE = 6;

const report = new Reporter("T24", "Audit log");
const random = new Random();
const howdah = shared({}, { first: prepare, last: leave });
let catalog: pg.Client;
let last: number; // the position of the last row
let savedHead: { id: number; hash: string };

const HEAD = "position, hash, mac";
const COLUMNS =
  "at, organisation_id, actor, action, subject, database_id, remote_address, request_id, " +
  "details, prev_hash, hash";

async function prepare(): Promise<void> {
  catalog = await connectAsPlatform(howdah.it.socketsOf("catalog"), "postgres_control");
  for (let i = 0; i < ROWS_MIN / 2; i++) {
    const made = await howdah.it.api.expect(201, "POST", "/api/keys", {
      body: { name: `k${i}`, scopes: ["read"] },
    });
    await howdah.it.api.expect(200, "DELETE", `/api/keys/${made.data.id}`);
  }
  await catalog.query(`
    CREATE SCHEMA saved;
    CREATE TABLE saved.logs AS TABLE howdah.audit_logs;
    CREATE TABLE saved.head AS TABLE howdah.audit_head;
    SET session_replication_role = replica`);
  last = Number((await one("SELECT max(position) AS n FROM saved.logs")).n);
  assert.ok(last >= ROWS_MIN, `${last} rows`);
  savedHead = (await howdah.it.api.expect(200, "GET", "/api/audit/head")).data;
  assert.equal(savedHead.id, last);
}

async function leave(): Promise<void> {
  await catalog?.end();
}

async function one(sql: string): Promise<Json> {
  return (await catalog.query(sql)).rows[0];
}

async function verify(query = ""): Promise<Json> {
  return (await howdah.it.api.expect(200, "GET", `/api/audit/verify${query}`)).data;
}

/** The log as it was. */
async function putBack(): Promise<void> {
  await catalog.query(`BEGIN;
    DELETE FROM howdah.audit_logs; INSERT INTO howdah.audit_logs TABLE saved.logs;
    DELETE FROM howdah.audit_head; INSERT INTO howdah.audit_head TABLE saved.head;
    DELETE FROM howdah.audit_base; COMMIT`);
}

/** Any row; or one that leaves `behind` rows behind it. */
const row = (behind = 0) => 1 + random.below(last - behind);

/** A chain that was made anew behind row n by somebody who has not the key: with a plain hash. */
async function forgeFrom(n: number): Promise<void> {
  const { rows } = await catalog.query(
    `SELECT position, hash FROM howdah.audit_logs WHERE position >= ${n} ORDER BY position`,
  );
  let previous = (await one(`SELECT hash FROM howdah.audit_logs WHERE position = ${n - 1}`))?.hash;
  previous ??= Buffer.alloc(32);
  for (const { position } of rows) {
    const hash = createHash("sha256").update(previous).update(String(position)).digest();
    await catalog.query(
      "UPDATE howdah.audit_logs SET prev_hash = $2, hash = $3 WHERE position = $1",
      [position, previous, hash],
    );
    previous = hash;
  }
  await catalog.query("UPDATE howdah.audit_head SET hash = $1", [previous]);
}

const text = (column: string) =>
  `UPDATE howdah.audit_logs SET ${column} = ${column} || 'x' WHERE position = `;

/** Each a way to change the log, as the statements of somebody who may write every table. */
const WAYS: Record<string, () => string | Promise<void>> = {
  "edit actor": () => text("actor") + row(),
  "edit action": () => text("action") + row(),
  "edit subject": () => text("subject") + row(),
  "edit address": () => text("remote_address") + row(),
  "edit request id": () => text("request_id") + row(),
  "edit time": () =>
    `UPDATE howdah.audit_logs SET at = at - interval '1 ms' WHERE position = ${row()}`,
  "edit details": () =>
    `UPDATE howdah.audit_logs SET details = (details::text || ' ')::json WHERE position = ${row()}`,
  "edit database": () =>
    `UPDATE howdah.audit_logs SET database_id = gen_random_uuid() WHERE position = ${row()}`,
  "edit organisation": () =>
    `UPDATE howdah.audit_logs SET organisation_id = gen_random_uuid() WHERE position = ${row()}`,
  "flip a bit of a hash": () => {
    const column = random.pick(["hash", "prev_hash"]);
    const bit = random.below(256);
    return `UPDATE howdah.audit_logs SET ${column} = set_bit(${column}, ${bit},
      1 - get_bit(${column}, ${bit})) WHERE position = ${row()}`;
  },
  "delete a row": () => `DELETE FROM howdah.audit_logs WHERE position = ${row()}`,
  "delete rows": () => {
    const from = row();
    const to = from + random.below(9);
    return `DELETE FROM howdah.audit_logs WHERE position BETWEEN ${from} AND ${to}`;
  },
  "delete a row and close the gap": () => {
    const gone = row(1);
    return `DELETE FROM howdah.audit_logs WHERE position = ${gone};
      UPDATE howdah.audit_logs SET position = position + 1000000 WHERE position > ${gone};
      UPDATE howdah.audit_logs SET position = position - 1000001 WHERE position > 1000000;
      UPDATE howdah.audit_head SET position = position - 1`;
  },
  "swap two rows": () => {
    const a = row(1);
    const b = a + 1 + random.below(last - a);
    return `CREATE TEMP TABLE two AS SELECT * FROM howdah.audit_logs WHERE position IN (${a}, ${b});
      DELETE FROM howdah.audit_logs WHERE position IN (${a}, ${b});
      INSERT INTO howdah.audit_logs (position, ${COLUMNS})
        SELECT CASE position WHEN ${a} THEN ${b} ELSE ${a} END, ${COLUMNS} FROM two;
      DROP TABLE two`;
  },
  "copy a row to the end": () =>
    `INSERT INTO howdah.audit_logs (position, ${COLUMNS})
      SELECT ${last + 1}, ${COLUMNS} FROM howdah.audit_logs WHERE position = ${row()}`,
  "copy a row to the end, and move the head": () =>
    `INSERT INTO howdah.audit_logs (position, ${COLUMNS})
      SELECT ${last + 1}, ${COLUMNS} FROM howdah.audit_logs WHERE position = ${row()};
      UPDATE howdah.audit_head h SET position = l.position, hash = l.hash
      FROM howdah.audit_logs l WHERE l.position = ${last + 1}`,
  "put one row over another": () => {
    const to = row();
    return `UPDATE howdah.audit_logs l SET (actor, action, subject, details) =
      (SELECT actor || '', action, subject || ' ', details FROM howdah.audit_logs
       WHERE position = ${row()}) WHERE l.position = ${to}`;
  },
  "cut off the end": () => `DELETE FROM howdah.audit_logs WHERE position > ${row(1)}`,
  "cut off the end, and move the head": () => {
    const end = row(1);
    return `DELETE FROM howdah.audit_logs WHERE position > ${end};
      UPDATE howdah.audit_head h SET position = l.position, hash = l.hash
      FROM howdah.audit_logs l WHERE l.position = ${end}`;
  },
  "cut off the end, and leave the head without its mac": () => {
    const end = row(1);
    return `DELETE FROM howdah.audit_logs WHERE position > ${end};
      UPDATE howdah.audit_head h SET position = l.position, hash = l.hash, mac = NULL
      FROM howdah.audit_logs l WHERE l.position = ${end}`;
  },
  "cut off the beginning": () => `DELETE FROM howdah.audit_logs WHERE position <= ${row(1)}`,
  "cut off the beginning, and forge the base": () => {
    const base = row(1);
    return `INSERT INTO howdah.audit_base (position, hash, mac)
        SELECT position, hash, sha256(hash) FROM howdah.audit_logs WHERE position = ${base};
      DELETE FROM howdah.audit_logs WHERE position <= ${base}`;
  },
  "empty the log": () =>
    `DELETE FROM howdah.audit_logs;
     UPDATE howdah.audit_head SET position = 0, hash = decode(repeat('00', 32), 'hex')`,
  "make the chain anew without the key": () => forgeFrom(row(1)),
  "edit a row and make the rest anew without the key": async () => {
    const from = row(1);
    await catalog.query(text("actor") + from);
    await forgeFrom(from);
  },
};

test(`${CHANGES} changes of the log are each found, and the unchanged log never is`, async () => {
  let found = 0;
  let alarms = 0;
  let looks = 0;
  const missed: string[] = [];
  const names = Object.keys(WAYS);
  for (let i = 0; i < CHANGES; i++) {
    const name = i < names.length ? names[i]! : random.pick(names);
    const change = WAYS[name]!();
    if (typeof change === "string") await catalog.query(`BEGIN; ${change}; COMMIT`);
    else await change;
    const verdict = await verify();
    if (!verdict.whole && verdict.findings[0].problem !== "") found++;
    else missed.push(name);
    await putBack();
    if (i % 10 === 0 || i === CHANGES - 1) {
      looks++;
      if (!(await verify(`?headId=${savedHead.id}&headHash=${savedHead.hash}`)).whole) alarms++;
    }
  }
  report.figure({
    what:
      `changes of a log of ${last} rows in ${names.length} ways: edited, deleted, reordered, ` +
      "cut off, forged",
    target: `${CHANGES} of ${CHANGES} found`,
    measured: `${found} found`,
    met: found === CHANGES,
  });
  report.control({
    what: "the unchanged log, looked at in between",
    seen: `${looks} looks, ${alarms} false alarms`,
    failed: alarms === 0,
  });
  assert.deepEqual(missed, []);
  assert.equal(alarms, 0);
});

test("an earlier state that is put back whole is found by a saved head, and only so", async () => {
  const rounds = scaled(5, 50);
  let found = 0;
  let unseen = 0;
  for (let i = 0; i < rounds; i++) {
    // What a forger may have kept: the head of then, with its mac.
    await catalog.query(`CREATE TABLE saved.earlier AS TABLE howdah.audit_head`);
    await howdah.it.api.expect(201, "POST", "/api/keys", {
      body: { name: `later${i}`, scopes: ["read"] },
    });
    const head = (await howdah.it.api.expect(200, "GET", "/api/audit/head")).data;
    await catalog.query(`BEGIN;
      DELETE FROM howdah.audit_logs WHERE position > (SELECT position FROM saved.earlier);
      UPDATE howdah.audit_head h SET (${HEAD}) = (SELECT ${HEAD} FROM saved.earlier);
      DROP TABLE saved.earlier; COMMIT`);
    if ((await verify()).whole) unseen++;
    const verdict = await verify(`?headId=${head.id}&headHash=${head.hash}`);
    if (verdict.saved_head === "broken" && !verdict.whole) found++;
  }
  report.figure({
    what: "the whole catalog put back to an earlier state, held against a saved head",
    target: `${rounds} of ${rounds} found`,
    measured: `${found} found`,
    met: found === rounds,
  });
  report.control({
    what: "the same without the saved head",
    seen: `${unseen} of ${rounds} not noticed`,
    failed: unseen === rounds,
  });
  assert.equal(found, rounds);
  assert.equal(unseen, rounds, "the control must not notice");
});

test("rows that Howdah adds behind a moved end do not hide that it was moved", async () => {
  await putBack();
  await catalog.query(`BEGIN; ${WAYS["cut off the end, and move the head"]!()}; COMMIT`);
  await howdah.it.api.expect(201, "POST", "/api/keys", { body: { name: "b", scopes: ["read"] } });
  const { findings } = await verify();
  assert.match(findings[0].problem, /the end of the chain was moved before row \d+ was written/);
  await putBack();
  assert.ok((await verify()).whole);
});

test("the command line says which row, and ends with exit code 6", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-audit-"));
  try {
    const saved = path.join(folder, "head");
    const head = await howdah.it.cli(["audit", "head"]);
    assert.equal(head.code, 0, head.stderr);
    fs.writeFileSync(saved, head.stdout);
    const whole = await howdah.it.cli(["audit", "verify", "--head", saved]);
    assert.equal(whole.code, 0, whole.stderr);
    assert.equal(whole.stdout, "");
    const changed = row();
    await catalog.query(text("actor") + changed);
    const broken = await howdah.it.cli(["audit", "verify"]);
    assert.equal(broken.code, FINDINGS_EXIT_CODE, broken.stderr);
    assert.match(broken.stdout, new RegExp(`row ${changed} was changed`));
    await putBack();
    await catalog.query(`BEGIN; ${WAYS["cut off the end, and move the head"]!()}; COMMIT`);
    const cut = await howdah.it.cli(["audit", "verify", "--head", saved, "-o", "json"]);
    assert.equal(cut.code, FINDINGS_EXIT_CODE, cut.stderr);
    assert.equal(JSON.parse(cut.stdout).saved_head, "broken");
    await putBack();
    fs.writeFileSync(saved, "{}");
    const unread = await howdah.it.cli(["audit", "verify", "--head", saved]);
    assert.equal(unread.code, 2, unread.stderr);
    assert.match(unread.stderr, /holds no head of an audit log[\s\S]*howdah audit head/);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
