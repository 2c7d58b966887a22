// SPDX-License-Identifier: Apache-2.0
// A writer that notes what the server has acknowledged: whatever happens to the server, that must
// be there afterwards. It goes on as soon as it can, with numbers that it never used before.
import type { Database } from "./api.ts";
import type { Howdah } from "./howdah.ts";
import { sleep } from "./run.ts";
import { connect, query } from "./sql.ts";

const AGAIN_MS = 50;

export class Ledger {
  /** Grows while it writes; a copy is what was acknowledged so far. */
  readonly acknowledged: number[] = [];
  private readonly howdah: Howdah;
  private readonly database: Database;
  private readonly setting: string;
  private next = 1;
  private stopped = false;
  private done: Promise<void> = Promise.resolve();

  /** setting: SQL that each of its sessions begins with. */
  constructor(howdah: Howdah, database: Database, setting = "") {
    this.howdah = howdah;
    this.database = database;
    this.setting = setting;
  }

  /** Makes its table and begins to write. */
  async begin(): Promise<this> {
    const sql = "CREATE TABLE IF NOT EXISTS ledger (n bigint PRIMARY KEY)";
    await query(this.howdah, this.database, sql);
    this.resume();
    return this;
  }

  resume(): void {
    this.stopped = false;
    this.done = this.write();
  }

  private async write(): Promise<void> {
    while (!this.stopped) {
      try {
        const session = await connect(this.howdah, this.database);
        try {
          if (this.setting) await session.query(this.setting);
          while (!this.stopped) {
            const n = this.next++;
            await session.query("INSERT INTO ledger VALUES ($1)", [n]);
            this.acknowledged.push(n);
          }
        } finally {
          // A session that was cut has nobody to say goodbye to.
          await Promise.race([session.end().catch(() => {}), sleep(1_000)]);
        }
      } catch {
        if (!this.stopped) await sleep(AGAIN_MS); // killed under it: that is the test
      }
    }
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.done;
  }

  /** What is there now. */
  async present(): Promise<number[]> {
    const rows = await query<{ n: string }>(this.howdah, this.database, "SELECT n FROM ledger");
    return rows.map(({ n }) => Number(n));
  }
}

/** Of what was acknowledged, what is not there. */
export function lost(acknowledged: number[], present: number[]): number[] {
  const there = new Set(present);
  return acknowledged.filter((n) => !there.has(n));
}
