// SPDX-License-Identifier: Apache-2.0
// T11: a hog fills the disk beside neighbours that commit all the time.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type pg from "pg";
import type { Database } from "./api.ts";
import { Howdah, makeBase, type StartOptions } from "./howdah.ts";
import { sleep, until } from "./run.ts";
import { connect, query } from "./sql.ts";

export const MIB = 1024 ** 2;
export const VOLUME_SIZE = 700 * MIB;

interface SqlError extends Error {
  code?: string;
}

/** A client that commits small rows all the time, and notes each one that it could not. */
export class Neighbour {
  committed = 0;
  gapMsMax = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private done: Promise<void> = Promise.resolve();
  readonly howdah: Howdah;
  readonly database: Database;

  constructor(howdah: Howdah, database: Database) {
    this.howdah = howdah;
    this.database = database;
  }

  async start(): Promise<void> {
    const table = "CREATE TABLE ledger (n bigint PRIMARY KEY, filler text)";
    await query(this.howdah, this.database, table);
    this.done = this.write();
  }

  private async write(): Promise<void> {
    let session: pg.Client | undefined;
    let last = performance.now();
    while (!this.stopped) {
      try {
        session ??= await connect(this.howdah, this.database);
        const row = [this.committed + 1, "x".repeat(100)];
        await session.query("INSERT INTO ledger VALUES ($1, $2)", row);
        this.committed++;
        this.gapMsMax = Math.max(this.gapMsMax, performance.now() - last);
        last = performance.now();
        await sleep(5);
      } catch (error) {
        const { code, message } = error as SqlError;
        this.failures.push(`${code ?? "-"} ${message}`);
        await session?.end().catch(() => {});
        session = undefined;
        await sleep(100);
      }
    }
    await session?.end().catch(() => {});
  }

  /** Ends it; the rows that are missing of those that were acknowledged. */
  async stop(): Promise<number> {
    this.stopped = true;
    await this.done;
    const sql = "SELECT count(*)::int AS n FROM ledger";
    const [row] = await query<{ n: number }>(this.howdah, this.database, sql);
    return Math.max(0, this.committed - row!.n);
  }
}

/** Changes of the catalog, as a control plane in use makes them. */
export class CatalogWriter {
  done = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private readonly work: Promise<void>;

  constructor(howdah: Howdah, database: Database) {
    this.work = this.write(howdah, database);
  }

  private async write(howdah: Howdah, database: Database): Promise<void> {
    while (!this.stopped) {
      const body = { friendlyName: `name ${this.done}` };
      const path = `/api/databases/${database.id}`;
      const answer = await howdah.api.call("PATCH", path, { body }).catch((error: Error) => error);
      if (answer instanceof Error) this.failures.push(answer.message);
      else if (answer.status !== 200) this.failures.push(JSON.stringify(answer.body));
      else this.done++;
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.work;
  }
}

const CHUNK = `SELECT g, repeat(md5(random()::text), 64) FROM generate_series(1, 1000) g`;
/** The ways to fill a disk: each a loop of its own, 2 MB a round. */
const WAYS: ((session: pg.Client, round: number) => Promise<unknown>)[] = [
  (s) => s.query(`INSERT INTO hog ${CHUNK}`),
  (s, n) => s.query(`CREATE TABLE hog_${n} AS ${CHUNK}`),
  // One long transaction: what it wrote stays in WAL and heap until it ends.
  (s, n) => s.query(`${n === 0 ? "BEGIN;" : ""} INSERT INTO hog_long ${CHUNK}`),
  // Temporary files: a sort that memory does not hold.
  (s) =>
    s.query(
      "SELECT count(*) FROM (SELECT md5(g::text) m FROM generate_series(1, 600000) g ORDER BY 1) x",
    ),
];

export class Hog {
  readonly codes = new Map<string, number>();
  private stopped = false;
  private loops: Promise<void>[] = [];
  readonly howdah: Howdah;
  readonly database: Database;

  constructor(howdah: Howdah, database: Database) {
    this.howdah = howdah;
    this.database = database;
  }

  async start(): Promise<void> {
    for (const table of ["hog", "hog_long"]) {
      const sql = `CREATE TABLE ${table} (n int, t text)`;
      await query(this.howdah, this.database, sql);
      await query(this.howdah, this.database, `ALTER TABLE ${table} ALTER t SET STORAGE PLAIN`);
    }
    this.loops = WAYS.map((way) => this.loop(way));
  }

  private async loop(way: (typeof WAYS)[number]): Promise<void> {
    let session: pg.Client | undefined;
    let begun = 0;
    for (let round = 0; !this.stopped; round++) {
      try {
        if (!session) begun = round;
        session ??= await connect(this.howdah, this.database);
        await way(session, round - begun === 0 ? 0 : round);
      } catch (error) {
        const code = (error as SqlError).code ?? "closed";
        this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
        await session?.end().catch(() => {});
        session = undefined;
        await sleep(50);
      }
    }
    await session?.end().catch(() => {});
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }
}

export interface Volume {
  state: "ok" | "low" | "full";
  size_bytes: number;
  free_bytes: number;
  ballast_bytes: number;
  databases_held_back: number;
}

export async function volumeOf(howdah: Howdah): Promise<Volume> {
  return (await howdah.api.expect(200, "GET", "/api/volume")).data;
}

/** The hog makes room itself, once it may come back: a DROP takes little and gives much. */
export async function dropHog(howdah: Howdah, hog: Database): Promise<void> {
  await until("the hog drops its tables", 60_000, async () => {
    await sleep(500);
    const sql = "SET default_transaction_read_only = off; DROP SCHEMA public CASCADE";
    const dropped = await query(howdah, hog, sql).then(
      () => true,
      () => false,
    );
    return dropped;
  });
}

/** A data folder on a small disk of its own, of a file system. */
export class SmallDisk {
  readonly base = makeBase();
  readonly dataDir: string;
  private readonly mount: string;

  constructor(type: "xfs" | "ext4") {
    const image = path.join(this.base, "disk.img");
    this.mount = path.join(this.base, "mnt");
    this.dataDir = path.join(this.mount, "data");
    fs.mkdirSync(this.mount);
    execFileSync("fallocate", ["-l", String(VOLUME_SIZE), image]);
    const options = type === "xfs" ? ["-q", "-m", "reflink=1"] : ["-q", "-F", "-m", "0"];
    execFileSync(`mkfs.${type}`, [...options, image]);
    execFileSync("mount", ["-o", "loop", image, this.mount]);
    fs.chmodSync(this.mount, 0o755);
  }

  remove(): void {
    execFileSync("umount", ["-l", this.mount]);
    fs.rmSync(this.base, { recursive: true, force: true });
  }
}

export interface DiskFullResult {
  committed: number;
  catalogChanges: number;
  failures: string[];
  lost: number;
  gapMsMax: number;
  hogCodes: Record<string, number>;
  healMs: number;
  freeMin: number;
}

export interface DiskFullOptions {
  start: StartOptions;
  /** How long the hog goes on after it was first stopped. */
  hogMs: number;
  /** Makes room. */
  relieve: (howdah: Howdah, filler: Database, hog: Database) => Promise<unknown>;
  /** The control: nothing heals by itself, and nothing need be in order at the end. */
  unguarded?: boolean;
  /** What to do once it is over, with everything still there. */
  after?: (howdah: Howdah, hog: Database) => Promise<void>;
}

/** Plays it once. Nothing is judged here. */
export async function playDiskFull(options: DiskFullOptions): Promise<DiskFullResult> {
  const howdah = await Howdah.start(options.start);
  try {
    const made: Database[] = [];
    for (const friendlyName of ["hog", "filler", "first", "second"]) {
      made.push(await howdah.api.createDatabase({ friendlyName }));
    }
    const [hogDatabase, filler, ...rest] = made as [Database, Database, ...Database[]];
    // What is given back later.
    await query(howdah, filler, `CREATE TABLE filler AS ${CHUNK.replace("1000", "20000")}`);
    const neighbours = rest.map((database) => new Neighbour(howdah, database));
    for (const neighbour of neighbours) await neighbour.start();
    const catalog = new CatalogWriter(howdah, rest[0]!);
    const hog = new Hog(howdah, hogDatabase);
    await hog.start();
    let freeMin = Number.POSITIVE_INFINITY;
    await until("the hog is stopped", 120_000, async () => {
      const volume = await volumeOf(howdah).catch(() => undefined);
      freeMin = Math.min(freeMin, volume?.free_bytes ?? freeMin);
      return [...hog.codes.keys()].some((code) => ["53100", "57P01", "25006"].includes(code));
    });
    const end = performance.now() + options.hogMs;
    while (performance.now() < end) {
      const volume = await volumeOf(howdah).catch(() => undefined);
      freeMin = Math.min(freeMin, volume?.free_bytes ?? freeMin);
      await sleep(200);
    }
    await hog.stop();
    await options.relieve(howdah, filler, hogDatabase);
    const relieved = performance.now();
    const healed = options.unguarded
      ? Promise.resolve()
      : until("everything is as before", 90_000, async () => {
          const { state, databases_held_back, ballast_bytes } = await volumeOf(howdah);
          if (state === "full" || databases_held_back > 0 || ballast_bytes < 60 * MIB) return false;
          return query(howdah, hogDatabase, "CREATE SCHEMA healed").then(
            () => true,
            () => false,
          );
        });
    await healed;
    const healMs = performance.now() - relieved;
    await catalog.stop();
    let lost = 0;
    for (const neighbour of neighbours) {
      const missing = neighbour.stop();
      lost += await (options.unguarded ? missing.catch(() => 0) : missing);
    }
    await options.after?.(howdah, hogDatabase);
    if (!options.unguarded) await howdah.end();
    return {
      committed: neighbours.reduce((sum, { committed }) => sum + committed, 0),
      catalogChanges: catalog.done,
      failures: [...neighbours.flatMap(({ failures }) => failures), ...catalog.failures],
      lost,
      gapMsMax: Math.max(...neighbours.map(({ gapMsMax }) => gapMsMax)),
      hogCodes: Object.fromEntries(hog.codes),
      healMs,
      freeMin,
    };
  } finally {
    howdah.removeByForce();
  }
}
