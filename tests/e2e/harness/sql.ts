// SPDX-License-Identifier: Apache-2.0
// SQL clients of the tests: node-postgres with the certificate verified, and psql.
import fs from "node:fs";
import pg from "pg";
import type { Database } from "./api.ts";
import type { Howdah } from "./howdah.ts";
import { type RunOptions, type RunResult, run } from "./run.ts";

export type Port = "direct" | "pooled";
export const PORTS: Port[] = ["direct", "pooled"];

export interface Target {
  port?: Port;
  user?: string;
  password?: string;
  database?: string;
  applicationName?: string;
  options?: string;
}

export function portOf(howdah: Howdah, port: Port = "direct"): number {
  return port === "direct" ? howdah.connection.direct_port : howdah.connection.pooled_port;
}

/** A client that is not connected yet. */
export function client(howdah: Howdah, database: Database, target: Target = {}): pg.Client {
  const made = new pg.Client({
    host: howdah.connection.host,
    port: portOf(howdah, target.port),
    user: target.user ?? database.username,
    password: target.password ?? database.password,
    database: target.database ?? database.database_name,
    application_name: target.applicationName,
    options: target.options,
    ssl: {
      ca: fs.readFileSync(howdah.connection.ca_certificate, "utf8"),
      rejectUnauthorized: true,
    },
    connectionTimeoutMillis: 30_000,
  });
  made.on("error", () => {}); // a test that kills things looks at the failing query instead
  return made;
}

export async function connect(
  howdah: Howdah,
  database: Database,
  target: Target = {},
): Promise<pg.Client> {
  const made = client(howdah, database, target);
  await made.connect();
  return made;
}

/** The platform's own login through an instance's socket folder, past the gate. */
export async function connectAsPlatform(socketFolder: string, database: string) {
  const made = new pg.Client({ host: socketFolder, user: "howdah_admin", database });
  made.on("error", () => {}); // as above
  await made.connect();
  return made;
}

/** SQL in a session of its own; the rows of the last statement. */
export async function query<T extends pg.QueryResultRow>(
  howdah: Howdah,
  database: Database,
  sql: string,
  target: Target = {},
): Promise<T[]> {
  const session = await connect(howdah, database, target);
  try {
    const result: pg.QueryResult<T> | pg.QueryResult<T>[] = await session.query<T>(sql);
    return (Array.isArray(result) ? result.at(-1) : result).rows;
  } finally {
    await session.end();
  }
}

/** The process id of the postmaster that serves a session. */
export async function postmasterOf(session: pg.Client): Promise<number> {
  const { rows } = await session.query("SELECT pg_backend_pid() AS pid");
  const status = fs.readFileSync(`/proc/${rows[0].pid}/status`, "utf8");
  return Number(/PPid:\s+(\d+)/.exec(status)?.[1]);
}

/** What a failed connect or query says: SQLSTATE and text. */
export async function refusal(
  attempt: Promise<unknown>,
): Promise<{ code: string; message: string }> {
  try {
    await attempt;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code: code ?? "", message };
  }
  throw new Error("was not refused");
}

/** A libpq URI with the certificate verified. */
export function verifiedUri(howdah: Howdah, database: Database, target: Target = {}): string {
  const user = target.user ?? database.username;
  const password = target.password ?? database.password;
  const name = target.database ?? database.database_name;
  const { host, ca_certificate } = howdah.connection;
  return (
    `postgresql://${user}:${password}@${host}:${portOf(howdah, target.port)}/${name}` +
    `?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca_certificate)}`
  );
}

/** psql -X with errors that stop; the rows come unaligned and without headings. */
export function psql(uri: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  return run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", uri, ...args], options);
}
