// SPDX-License-Identifier: Apache-2.0
// T2: what was acknowledged is there, after kill -9 of any process and after power cuts: rows in
// tenants' databases, and in the catalog databases, firewall rules and revoked keys.
//
// Howdah lives on a disk whose image is cloned while everything writes (harness/disk.ts). Some cuts
// are recovered by stock PostgreSQL, one of each round by Howdah itself, which goes on from there.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Database } from "../e2e/harness/api.ts";
import { Howdah } from "../e2e/harness/howdah.ts";
import { Ledger, lost } from "../e2e/harness/ledger.ts";
import { killAll } from "../e2e/harness/leftovers.ts";
import { sleep, until } from "../e2e/harness/run.ts";
import { connectAsPlatform, query } from "../e2e/harness/sql.ts";
import { CutDisk, withMounted } from "./harness/disk.ts";
import { settled } from "./harness/inspection.ts";
import { Reporter } from "./harness/report.ts";
import { Random, SEED, scaled } from "./harness/scale.ts";
import { readNode, readPostmasters } from "./harness/sources.ts";
import { withStockServer } from "./harness/stock.ts";

const GIB = 1024 ** 3;
const LIMIT_MS = 30_000;
const TENANTS = 2;
const ROUNDS = scaled(2, 50);
const CUTS_PER_ROUND = scaled(2, 3); // for stock PostgreSQL; one more is Howdah's
const KILLS = scaled(10, 500);

/** What the catalog holds of what CatalogLedger got acknowledged. */
const ACKNOWLEDGED = `SELECT id FROM howdah.databases WHERE status = 'active'
  UNION ALL SELECT id FROM howdah.firewall_rules WHERE removed_at IS NULL`;

const report = new Reporter("T2", "Acknowledged commits");
const random = new Random();
let disk: CutDisk;
let howdah: Howdah;

/** What the API has acknowledged of the catalog's content. */
class CatalogLedger {
  readonly databases: Database[] = [];
  readonly rules: string[] = [];
  databasesMax = 30;
  lastRefusal = "";
  private tried = 0;
  private stopped = false;
  private done: Promise<void> = Promise.resolve();
  private readonly at: Database;

  /** at: the database that gets rules. */
  constructor(at: Database) {
    this.at = at;
  }

  begin(): void {
    this.stopped = false;
    this.done = this.write();
  }

  /** A rule each time, a database sometimes: an instance each takes its room. */
  private async write(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      try {
        // Never the same again: it may be there although nobody said so.
        const ipAddress = `10.${this.tried >> 16}.${(this.tried >> 8) & 255}.${this.tried & 255}`;
        this.tried++;
        const body = { ipAddress, description: "of the ledger" };
        const target = `/api/databases/${this.at.id}/whitelist`;
        const reply = await howdah.api.call("POST", target, { body });
        if (reply.status === 201) this.rules.push(reply.body.data.id);
        else this.lastRefusal = JSON.stringify(reply.body);
        if (i % 20 === 5 && this.databases.length < this.databasesMax) {
          this.databases.push(await howdah.api.createDatabase({ suspendAfterSeconds: 5 }));
        }
      } catch (error) {
        this.lastRefusal = (error as Error).message; // killed under it: that is the test
      }
      await sleep(20);
    }
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.done;
  }

  /** So many of both: to be compared with a state of later. */
  get count(): { databases: number; rules: number } {
    return { databases: this.databases.length, rules: this.rules.length };
  }
}

interface Snapshot {
  image: string;
  rows: number[][];
  databases: Database[];
  rules: string[];
}

const ledgers: Ledger[] = [];
const tenants: Database[] = [];
let catalog: CatalogLedger;
const counted = { rows: 0, databases: 0, rules: 0 };

/** What is acknowledged now, then a cut. */
async function cutNow(): Promise<Snapshot> {
  const rows = ledgers.map((ledger) => [...ledger.acknowledged]);
  const [databases, rules] = [[...catalog.databases], [...catalog.rules]];
  return { image: await disk.cut(), rows, databases, rules };
}

function directoryOf(root: string, database: Database): string {
  const slug = database.database_name.replace("tenant_", "");
  const folder = path.join(root, "instances");
  for (const id of fs.readdirSync(folder)) {
    const file = path.join(folder, id, "instance.json");
    if (!fs.existsSync(file)) continue;
    if (JSON.parse(fs.readFileSync(file, "utf8")).slug === slug)
      return path.join(folder, id, "data");
  }
  throw new Error(`no directory of ${database.database_name}`);
}

/** What stock PostgreSQL finds in a cut (while Howdah is dead: two volumes with one identity
 * confuse the kernel): what is lost of each ledger, or why it does not start. */
async function recoverWithStock(snapshot: Snapshot): Promise<string[]> {
  const faults: string[] = [];
  const told = async (what: string, work: () => Promise<number>) => {
    try {
      const count = await work();
      if (count > 0) faults.push(`${what}: ${count} lost`);
    } catch (error) {
      faults.push(`${what}: ${(error as Error).message}`);
    }
  };
  await disk.inside(snapshot.image, async (root) => {
    await told("catalog", () =>
      withStockServer(path.join(root, "data/catalog/data"), async (server) => {
        const ids = await server.ask("postgres_control", ACKNOWLEDGED);
        const there = new Set(ids);
        const wanted = [...snapshot.databases.map(({ id }) => id), ...snapshot.rules];
        return wanted.filter((id) => !there.has(id)).length;
      }),
    );
    const volume = path.join(disk.base, "looked-at-volume");
    await withMounted(path.join(root, "data/volume.img"), volume, async () => {
      for (const [i, database] of tenants.entries()) {
        await told(`tenant ${i}`, () =>
          withStockServer(directoryOf(volume, database), async (server) => {
            const rows = await server.ask(database.database_name, "SELECT n FROM ledger");
            return lost(snapshot.rows[i]!, rows.map(Number)).length;
          }),
        );
      }
    });
  });
  return faults;
}

/** Whether what was acknowledged is there, asked as a client. */
async function checkAll(snapshot: Omit<Snapshot, "image">): Promise<void> {
  for (const [i, ledger] of ledgers.entries()) {
    assert.deepEqual(lost(snapshot.rows[i]!, await ledger.present()), [], `of tenant ${i}`);
  }
  const session = await connectAsPlatform(howdah.socketsOf("catalog"), "postgres_control");
  const { rows } = await session.query(ACKNOWLEDGED);
  await session.end();
  const there = new Set(rows.map(({ id }) => id));
  const wanted = [...snapshot.databases.map(({ id }) => id), ...snapshot.rules];
  assert.deepEqual(
    wanted.filter((id) => !there.has(id)),
    [],
    "of the catalog",
  );
  for (const database of snapshot.databases.slice(-2)) {
    await query(howdah, database, "SELECT 1");
  }
}

function everything(): Omit<Snapshot, "image"> {
  const { databases, rules } = catalog;
  return { rows: ledgers.map(({ acknowledged }) => acknowledged), databases, rules };
}

function startWriting(): void {
  for (const ledger of ledgers) ledger.resume();
  catalog.begin();
}

async function stopWriting(): Promise<void> {
  await Promise.all([catalog.stop(), ...ledgers.map((ledger) => ledger.stop())]);
}

before(async () => {
  disk = new CutDisk();
  howdah = await Howdah.start({
    dataDir: path.join(disk.root, "data"),
    volumeSize: 1.5 * GIB,
    args: ["--rate-limit", "writes=1000:100000"],
  });
  for (let i = 0; i < TENANTS; i++) {
    // The first one gets rules, of which the second address is ours.
    const allowedIps = i === 0 ? ["127.0.0.0/8"] : [];
    tenants.push(await howdah.api.createDatabase({ suspendAfterSeconds: 0, allowedIps }));
  }
  catalog = new CatalogLedger(tenants[0]!);
  for (const tenant of tenants) ledgers.push(await new Ledger(howdah, tenant).begin());
  catalog.begin();
});

after(async () => {
  howdah?.removeByForce();
  disk?.remove();
  await stopWriting();
});

async function killOne(): Promise<string> {
  const names = ["howdahd", "howdah-gate", "howdah-node", "catalog", "tenant", "all"] as const;
  const name = random.pick(names);
  if (name === "all") {
    howdah.killEverything({ deep: true });
    await howdah.up();
  } else if (name === "catalog" || name === "tenant") {
    const found = readPostmasters(howdah).filter(
      ({ directory }) => (directory === "catalog") === (name === "catalog"),
    );
    process.kill(random.pick(found).pid, "SIGKILL");
  } else {
    howdah.kill(name);
  }
  return name;
}

/** Until every ledger has got something more acknowledged. */
async function writesGoOn(): Promise<void> {
  const was = ledgers.map(({ acknowledged }) => acknowledged.length);
  const { rules } = catalog.count;
  const gains = () => [
    ...ledgers.map(({ acknowledged }, i) => acknowledged.length - was[i]!),
    catalog.count.rules - rules,
  ];
  try {
    await until("everything is written again", LIMIT_MS, () => gains().every((gain) => gain > 1));
  } catch (error) {
    throw new Error(
      `${(error as Error).message}: rows and rules gained: ${gains()}; ${catalog.lastRefusal}`,
    );
  }
}

test(`${KILLS} times kill -9 under writers loses nothing that was acknowledged`, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const killed: Record<string, number> = {};
  for (let i = 0; i < KILLS; i++) {
    await sleep(random.below(300));
    const name = await killOne();
    killed[name] = (killed[name] ?? 0) + 1;
    await writesGoOn();
    if (i % 50 === 49 || i === KILLS - 1) {
      await stopWriting();
      await settled(howdah, LIMIT_MS);
      await checkAll(everything());
      startWriting();
    }
  }
  const told = Object.entries(killed).map(([name, count]) => `${name} ${count}`);
  t.diagnostic(told.join(", "));
  const rows = ledgers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  const { databases, rules } = catalog.count;
  report.figure({
    what: "acknowledged, then kill -9",
    target: "0 lost in 500",
    measured:
      `0 lost in ${KILLS} (${told.join(", ")}), of ${rows} rows, ${databases} databases ` +
      `and ${rules} firewall rules`,
    met: true,
  });
});

test("power cuts lose nothing acknowledged, for stock PostgreSQL and for Howdah", async (t) => {
  let cuts = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const snapshots: Snapshot[] = [];
    for (let i = 0; i <= CUTS_PER_ROUND; i++) {
      await sleep(100 + random.below(600));
      snapshots.push(await cutNow());
    }
    howdah.killEverything({ deep: true });
    await stopWriting();
    const last = snapshots.pop()!;
    disk.startFrom(last.image);
    for (const snapshot of snapshots) {
      assert.deepEqual(await recoverWithStock(snapshot), []);
      fs.rmSync(snapshot.image);
    }
    await howdah.up();
    forget(last);
    await settled(howdah, LIMIT_MS);
    await checkAll(last);
    cuts += snapshots.length + 1;
    counted.rows += last.rows.reduce((sum, rows) => sum + rows.length, 0);
    startWriting();
    await writesGoOn();
  }
  t.diagnostic(`${cuts} cuts`);
  const { databases, rules } = catalog.count;
  report.figure({
    what: "acknowledged, then a power cut (a clone of the live disk, recovered)",
    target: "0 lost in 200",
    measured:
      `0 lost in ${cuts} (${ROUNDS} recovered by Howdah, the others by stock PostgreSQL), of ` +
      `${counted.rows} rows, ${databases} databases and ${rules} firewall rules`,
    met: true,
  });
});

/** What was acknowledged after the cut never happened for this machine. */
function forget(last: Snapshot): void {
  for (const [i, ledger] of ledgers.entries()) ledger.acknowledged.splice(last.rows[i]!.length);
  catalog.databases.splice(last.databases.length);
  catalog.rules.splice(last.rules.length);
}

test("control: commits that wait for no disk are lost by kill -9", async () => {
  const tenant = await howdah.api.createDatabase({ suspendAfterSeconds: 0 });
  const ledger = await new Ledger(howdah, tenant, "SET synchronous_commit = off").begin();
  let missing = 0;
  let tries = 0;
  while (missing === 0 && tries < 10) {
    tries++;
    const before = ledger.acknowledged.length;
    await until("it writes", LIMIT_MS, () => ledger.acknowledged.length > before + 50);
    // All of its processes at once, so that none writes for the others.
    const id = (await readNode(howdah)).find(({ slug }) => tenant.username.endsWith(slug))!.id;
    killAll(path.join(howdah.dataDir, "volume/instances", id));
    await ledger.stop();
    missing = lost(ledger.acknowledged, await ledger.present()).length;
    ledger.resume();
  }
  await ledger.stop();
  report.control({
    what: "kill -9 with synchronous_commit = off",
    seen: `${missing} acknowledged rows lost at kill ${tries}`,
    failed: missing > 0,
  });
  assert.ok(missing > 0);
});

test("control: with fsync off a power cut loses what was acknowledged", async () => {
  // A new database's snapshot would write out everything.
  catalog.databasesMax = 0;
  await stopWriting();
  startWriting();
  for (const { pid, directory } of readPostmasters(howdah)) {
    const folder = directory === "catalog" ? "catalog" : `volume/instances/${directory}`;
    const data = path.join(howdah.dataDir, folder, "data");
    const file = fs.openSync(path.join(data, "postgresql.auto.conf"), "a");
    fs.writeSync(file, "fsync = off\nfull_page_writes = off\n");
    fs.fsyncSync(file);
    fs.closeSync(file);
    process.kill(pid, "SIGHUP");
  }
  await sleep(1_000);
  const snapshots: Snapshot[] = [];
  for (let i = 0; i < 3; i++) {
    await sleep(700);
    snapshots.push(await cutNow());
  }
  howdah.killEverything({ deep: true });
  await stopWriting();
  const found: string[][] = [];
  for (const snapshot of snapshots) found.push(await recoverWithStock(snapshot));
  const broken = found.filter((faults) => faults.length > 0).length;
  report.control({
    what: "a power cut with fsync = off",
    seen: `${broken} of ${snapshots.length} lost something: ${found[0]!.join("; ").slice(0, 200)}`,
    failed: broken > 0,
  });
  assert.ok(broken > 0);
});
