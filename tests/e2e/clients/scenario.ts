// SPDX-License-Identifier: Apache-2.0
// What each JavaScript client is put through; a program of this folder says only how its client
// does each step. The report goes to standard output (clients.test.ts reads it).
import { createHash } from "node:crypto";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

export interface Big {
  body: string;
  blob: Uint8Array;
}

export interface Client {
  database(): Promise<string>;
  /** Makes table `things`, then adds its column `note`: two migrations of the client's own kind. */
  migrate(): Promise<void>;
  /** One transaction, one statement for each name; an error rolls all of it back. */
  insertEach(names: string[]): Promise<unknown>;
  /** The client's own way to send many rows at once. */
  insertBatch(names: string[]): Promise<unknown>;
  insertBig(name: string, big: Big): Promise<unknown>;
  readBig(name: string): Promise<Big>;
  count(prefix: string): Promise<number>;
  /** Starts SLEEP and cancels it as the client can: rejects with the server's error. */
  cancelled(): Promise<unknown>;
  close(): Promise<unknown>;
}

export const SLEEP = "SELECT pg_sleep(20)";
/** For clients without a cancel of their own: sent in another session while SLEEP runs. */
export const CANCEL_SLEEP = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
  WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'`;
export const CREATE_THINGS = `CREATE TABLE things (
  id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)`;
export const ADD_NOTE = "ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'";

/** The API's snippet as a module: what it exports is made as it was printed. */
// biome-ignore lint/suspicious/noExplicitAny: the snippet decides
export async function snippet(): Promise<any> {
  return import(pathToFileURL(process.env.HOWDAH_SNIPPET!).href);
}

/** Runs SLEEP and calls cancel(), which must hit nothing else, until it has ended. */
export async function cancelling(
  run: () => PromiseLike<unknown>,
  cancel: () => PromiseLike<unknown>,
): Promise<unknown> {
  let over = false;
  const running = Promise.resolve(run()).finally(() => {
    over = true;
  });
  running.catch(() => {}); // looked at below
  while (!over) {
    await sleep(300);
    if (!over) await cancel();
  }
  return running;
}

/** Where clients keep the server's code, and the errors they wrap. */
const CODES = ["originalCode", "code"];
const INNER = ["cause", "original", "driverError", "meta", "driverAdapterError"];

/** The server's code, however deep the client wraps its error. */
function sqlstate(error: unknown): string | undefined {
  if (!error || typeof error !== "object") return undefined;
  const fields = error as Record<string, unknown>;
  for (const inner of INNER) {
    const found = sqlstate(fields[inner]);
    if (found) return found;
  }
  const codes = CODES.map((name) => fields[name]);
  return codes.find((code): code is string => /^[0-9A-Z]{5}$/.test(String(code)));
}

async function refused(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "not at all",
    (error) => sqlstate(error) ?? String(error),
  );
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}-ünï`);
}

function sum(content: string | Uint8Array): string {
  const bytes = Buffer.from(content as Uint8Array);
  return `${bytes.length} ${createHash("md5").update(bytes).digest("hex")}`;
}

export async function scenario(client: Client): Promise<void> {
  const say = (...words: unknown[]) => console.log(...words);
  await client.migrate();
  say("database", await client.database());
  await client.insertEach(names("committed", 10));
  say("committed", await client.count("committed"));
  say("refused", await refused(client.insertEach([...names("rolled", 5), ...names("rolled", 1)])));
  say("rolled", await client.count("rolled"));
  await client.insertBatch(names("batch", 1000));
  say("batch", await client.count("batch"));
  const body = fs.readFileSync(process.env.HOWDAH_TEXT!, "utf8");
  const blob = fs.readFileSync(process.env.HOWDAH_BYTES!);
  await client.insertBig("big-0", { body, blob });
  const big = await client.readBig("big-0");
  say("text", sum(big.body));
  say("bytes", sum(big.blob));
  say("cancelled", await refused(client.cancelled()));
  say("alive", await client.count("big"));
  await client.close();
}
