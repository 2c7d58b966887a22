// SPDX-License-Identifier: Apache-2.0
// T18, heap, index and catalog: a bit that flips on the disk is told, never handed out as data. All
// instances have data checksums; the control is the same damage without them.
//
// What checksums do not cover (transaction status, multixacts) is told on the page as well.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database } from "../e2e/harness/api.ts";
import { makeBase, shared } from "../e2e/harness/howdah.ts";
import { run, runOk, until } from "../e2e/harness/run.ts";
import { connectAsPlatform, query } from "../e2e/harness/sql.ts";
import { Reporter } from "./harness/report.ts";
import { Random, SEED, scaled } from "./harness/scale.ts";
import { askNode, instancesFolder, readNode } from "./harness/sources.ts";
import { programsFor, type Server, withStockServer } from "./harness/stock.ts";

const FLIPS = scaled(20, 200);
const READS = scaled(6, 100); // of them read through the gate, one at a time
const PAGE = 8192;
const LIMIT_MS = 30_000;

const report = new Reporter("T18", "Bit flips in heap, index and catalog");
const random = new Random();
const howdah = shared({ allowedAlarms: [/ WARN /] });

/** One bit of one page, and how it is flipped (twice: as it was). */
interface Flip {
  file: string;
  block: number;
  offset: number;
  bit: number;
}

function toggle({ file, offset, bit }: Flip): void {
  const opened = fs.openSync(file, "r+");
  const byte = Buffer.alloc(1);
  fs.readSync(opened, byte, 0, 1, offset);
  byte[0]! ^= 1 << bit;
  fs.writeSync(opened, byte, 0, 1, offset);
  fs.fsyncSync(opened);
  fs.closeSync(opened);
}

/** Pages that were never written (all zero) have no checksum, and no content. */
function usedBlocks(file: string): number[] {
  const bytes = fs.readFileSync(file);
  const blocks: number[] = [];
  for (let block = 0; (block + 1) * PAGE <= bytes.length; block++) {
    if (bytes.subarray(block * PAGE, (block + 1) * PAGE).some((byte) => byte !== 0)) {
      blocks.push(block);
    }
  }
  return blocks;
}

/** `count` flips, each in a page of its own. */
function choose(files: string[], count: number): Flip[] {
  const pages = files.flatMap((file) => usedBlocks(file).map((block) => ({ file, block })));
  assert.ok(pages.length >= count, `only ${pages.length} pages`);
  return random
    .shuffled(pages)
    .slice(0, count)
    .map(({ file, block }) => {
      const offset = block * PAGE + random.below(PAGE);
      return { file, block, offset, bit: random.below(8) };
    });
}

/** Bad pages that pg_checksums finds in a stopped directory, as "file:block". */
async function checksums(data: string): Promise<Set<string>> {
  const { uid, gid } = fs.statSync(data);
  const tool = path.join(programsFor(data), "pg_checksums");
  const { stderr } = await run(tool, ["--check", "-D", data], { uid, gid });
  const found = new Set<string>();
  for (const [, file, block] of stderr.matchAll(/in file "([^"]+)", block (\d+)/g)) {
    found.add(`${file}:${block}`);
  }
  return found;
}

/** How many of the flips pg_checksums tells, all made at once and undone again. */
async function toldByChecksums(data: string, flips: Flip[]): Promise<number> {
  assert.equal((await checksums(data)).size, 0, "a bad page before any flip");
  for (const flip of flips) toggle(flip);
  const found = await checksums(data);
  for (const flip of flips) toggle(flip);
  return flips.filter(({ file, block }) => found.has(`${file}:${block}`)).length;
}

interface Subject {
  made: Database;
  id: string;
  data: string;
  heap: string[];
  index: string[];
}

async function stop(id: string): Promise<void> {
  await until("it is stopped", LIMIT_MS, async () => {
    await askNode(howdah.it, "POST", `/v1/instances/${id}/stop`).catch(() => {});
    return (await readNode(howdah.it)).some((one) => one.id === id && one.state === "stopped");
  });
}

const FILL = `CREATE TABLE people (id bigint PRIMARY KEY, name text, born date, note text);
  INSERT INTO people SELECT n, md5(n::text), date '1950-01-01' + (n % 20000)::int, repeat('x', 90)
    FROM generate_series(1, 60000) n;
  CREATE INDEX people_name ON people (name);
  VACUUM people; CHECKPOINT`;
const READ_HEAP = "SELECT count(*) AS n, sum(hashtext(p::text)) AS sum FROM people p";
const READ_INDEXES = `SET enable_seqscan = off; SET enable_bitmapscan = off;
  SELECT count(id) FROM people WHERE id > 0; SELECT count(name) FROM people WHERE name > ''`;

let subject: Subject;

async function prepare(): Promise<Subject> {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 0 });
  const slug = made.username.replace("user_", "");
  const { id } = (await readNode(howdah.it)).find((instance) => instance.slug === slug)!;
  const session = await connectAsPlatform(howdah.it.socketsOf(id), made.database_name);
  for (const statement of FILL.split(";")) await session.query(statement);
  await session.query(`ALTER TABLE people OWNER TO ${made.username}`);
  const { rows } = await session.query(
    `SELECT pg_relation_filepath(oid) AS file, relkind FROM pg_class
     WHERE relname IN ('people', 'people_pkey', 'people_name')`,
  );
  await session.end();
  const data = path.join(instancesFolder(howdah.it), id, "data");
  const files = (kind: string) =>
    rows.filter(({ relkind }) => relkind === kind).map(({ file }) => path.join(data, file));
  return { made, id, data, heap: files("r"), index: files("i") };
}

test("every flip in a heap or an index is told by pg_checksums", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  subject = await prepare();
  await stop(subject.id);
  const flips = choose([...subject.heap, ...subject.index], FLIPS);
  const told = await toldByChecksums(subject.data, flips);
  report.figure({
    what: "one bit of a page, heap and indexes of a stopped database, pg_checksums",
    target: "all of 200",
    measured: `${told} of ${FLIPS} told`,
    met: told === FLIPS,
  });
  assert.equal(told, FLIPS);
});

/** A reader's answer while the flip is there: an error, or the right answer without that page. */
async function readWith(flip: Flip, sql: string, right: unknown): Promise<"told" | "not read"> {
  await stop(subject.id);
  toggle(flip);
  try {
    const [row] = await query(howdah.it, subject.made, sql);
    assert.deepEqual(row, right, `a wrong answer from ${JSON.stringify(flip)}`);
    return "not read";
  } catch (error) {
    if ((error as { code?: string }).code !== "XX001") throw error;
    return "told";
  } finally {
    await stop(subject.id);
    toggle(flip);
  }
}

test("who reads a flipped page gets an error, never its data, and the log says so", async () => {
  const [right] = await query(howdah.it, subject.made, READ_HEAP);
  const [rightIndex] = await query(howdah.it, subject.made, READ_INDEXES);
  const seen = { told: 0, "not read": 0 };
  for (let i = 0; i < READS; i++) {
    if (i % 2 === 0) {
      const outcome = await readWith(choose(subject.heap, 1)[0]!, READ_HEAP, right);
      assert.equal(outcome, "told");
      seen[outcome]++;
    } else {
      // Inner pages of an index may not be on the way of a scan.
      seen[await readWith(choose(subject.index, 1)[0]!, READ_INDEXES, rightIndex)]++;
    }
  }
  assert.deepEqual((await query(howdah.it, subject.made, READ_HEAP))[0], right);
  const target = `/api/databases/${subject.made.id}/logs`;
  const log = JSON.stringify((await howdah.it.api.expect(200, "GET", target)).data);
  assert.match(log, /page verification failed|invalid page in block/);
  const doctor = await howdah.it.cli(["doctor", "-o", "json"]);
  assert.equal(doctor.code, 6);
  assert.match(doctor.stdout, new RegExp(`${subject.made.database_name}: .*invalid page in block`));
  report.figure({
    what: "the same, read by a client through the gate",
    target: "all refused, and shown",
    measured:
      `${seen.told} of ${READS} refused with SQLSTATE XX001, ${seen["not read"]} answered ` +
      "rightly without that page (of an index), 0 wrong answers; `howdah logs` and " +
      "`howdah doctor` show the page",
    met: true,
  });
});

/** A stopped directory's copy that can be damaged at will. */
async function withCopy<T>(data: string, use: (copy: string) => Promise<T>): Promise<T> {
  const base = makeBase();
  const copy = path.join(base, "data");
  try {
    await runOk("cp", ["-a", data, copy]);
    return await use(copy);
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
  }
}

/** Whether reading everything, and amcheck, tell of a difference. */
async function isNoticed(server: Server, database: string, right: string): Promise<boolean> {
  try {
    const answer = await server.ask(database, READ_HEAP);
    if (answer.join() !== right) return true;
    await server.ask(database, READ_INDEXES);
    for (const index of ["people_pkey", "people_name"]) {
      await server.ask(database, `SELECT bt_index_check('${index}', true)`);
    }
    await server.ask(database, "SELECT * FROM verify_heapam('people')").then((rows) => {
      if (rows.length > 0) throw new Error(rows[0]);
    });
    return false;
  } catch {
    return true;
  }
}

test("control: without checksums some flips are never noticed", async () => {
  await stop(subject.id);
  const name = subject.made.database_name;
  const count = scaled(8, 40);
  let unseen = 0;
  await withCopy(subject.data, async (copy) => {
    const { uid, gid } = fs.statSync(copy);
    const tool = path.join(programsFor(copy), "pg_checksums");
    await runOk(tool, ["--disable", "-D", copy], { uid, gid });
    const right = await withStockServer(copy, async (server) => {
      await server.ask(name, "CREATE EXTENSION amcheck");
      return (await server.ask(name, READ_HEAP)).join();
    });
    const files = [...subject.heap, ...subject.index].map((file) =>
      path.join(copy, path.relative(subject.data, file)),
    );
    for (const flip of choose(files, count)) {
      toggle(flip);
      // Whether it told the owner anything: a wrong row that is read is no notice.
      const noticed = await withStockServer(copy, async (server) => {
        const isTold = await isNoticed(server, name, right);
        const answer = await server.ask(name, READ_HEAP).catch(() => [right]);
        return isTold && answer.join() === right;
      }).catch(() => true);
      if (!noticed) unseen++;
      toggle(flip);
    }
  });
  report.control({
    what: "the same without data checksums, read in full and by amcheck",
    seen: `${unseen} of ${count} gave no error: they were handed out as data, or lay in wait`,
    failed: unseen > 0,
  });
  assert.ok(unseen > 0);
});

test("every flip in the catalog is told, too; its transaction status is not covered", async () => {
  const catalog = await connectAsPlatform(howdah.it.socketsOf("catalog"), "postgres_control");
  await catalog.query("CHECKPOINT");
  const { rows } = await catalog.query(
    `SELECT pg_relation_filepath(c.oid) AS file FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'howdah' AND c.relkind IN ('r', 'i') AND pg_relation_size(c.oid) > 0`,
  );
  await catalog.end();
  await howdah.it.stop();
  const data = path.join(howdah.it.dataDir, "catalog/data");
  await withCopy(data, async (copy) => {
    const files = rows.map(({ file }) => path.join(copy, file));
    const count = Math.min(FLIPS, files.flatMap(usedBlocks).length);
    const told = await toldByChecksums(copy, choose(files, count));
    assert.equal(told, count);
    report.figure({
      what: "one bit of a page of the catalog, tables and indexes, pg_checksums",
      target: "all",
      measured: `${told} of ${count} told`,
      met: told === count,
    });
    const [flip] = choose([path.join(copy, "pg_xact/0000")], 1);
    const status = await toldByChecksums(copy, [flip!]);
    report.note(
      `Not covered by PostgreSQL's checksums: \`pg_xact\` (${status} of 1 flips told), ` +
        "`pg_multixact`, `pg_commit_ts`, `pg_subtrans` and pages that were never written. " +
        "`pg_control`, relation maps and WAL have a CRC of their own; a flip in WAL ends " +
        "recovery at that record.",
    );
  });
  await howdah.it.up();
});
