// SPDX-License-Identifier: Apache-2.0
// The catalog of a stopped Howdah as an older version left it: the schema is made by that version's
// own migrations (released files never change), the rows are those of now, as far as it had a place
// for them.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { Howdah } from "./howdah.ts";
import { ROOT } from "./paths.ts";
import { exitOf, run, runOk, until } from "./run.ts";

const NAME = "postgres_control";
const NEWER = `${NAME}_newer`;
/** Filled by migrations, not by use. */
const SEEDED = ["schema_migrations", "state_transitions"];

/** The files of sql/, first to last. */
export function migrationFiles(): string[] {
  const folder = path.join(ROOT, "sql");
  const names = fs.readdirSync(folder).filter((name) => /^\d{4}_\w+\.sql$/.test(name));
  return names.sort().map((name) => path.join(folder, name));
}

/** Its PostgreSQL's programs: of the server that runs it, so Howdah must run. */
export function catalogPrograms(howdah: Howdah): string {
  const binary = howdah
    .catalogPids()
    .map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]!)
    .find((file) => file.endsWith("/postgres"));
  if (!binary) throw new Error("the catalog does not run");
  return path.dirname(binary);
}

interface Server {
  programs: string;
  sockets: string;
}

function place({ sockets }: Server, database: string): string[] {
  return ["-h", sockets, "-U", "howdah_admin", "-d", database];
}

function sql(server: Server, database: string, text: string): Promise<string> {
  const plain = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"];
  return runOk("psql", [...place(server, database), ...plain], { input: text });
}

/** The catalog's instance by itself, while job runs. */
async function alone(howdah: Howdah, programs: string, job: (server: Server) => Promise<void>) {
  const folder = path.join(howdah.dataDir, "catalog");
  const data = path.join(folder, "data");
  const { uid, gid } = fs.statSync(data);
  const sockets = fs.mkdtempSync("/tmp/howdah-e2e-catalog-");
  fs.chownSync(sockets, uid, gid);
  const config = `config_file=${path.join(folder, "config/postgresql.conf")}`;
  const settings = ["-c", config, "-c", `unix_socket_directories=${sockets}`];
  const child = spawn(path.join(programs, "postgres"), ["-D", data, ...settings], {
    uid,
    gid,
    stdio: "ignore",
  });
  try {
    const server = { programs, sockets };
    await until("the catalog answers", 60_000, async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      return (await run("psql", [...place(server, "postgres"), "-Xc", ""])).code === 0;
    });
    await job(server);
  } finally {
    child.kill("SIGINT");
    await exitOf(child, 60_000);
    fs.rmSync(sockets, { recursive: true, force: true });
  }
}

async function migrate(server: Server, version: number): Promise<void> {
  // What the binary makes before its first migration.
  await sql(
    server,
    NAME,
    `CREATE SCHEMA howdah;
     CREATE TABLE howdah.schema_migrations (version integer PRIMARY KEY, name text NOT NULL,
       checksum text NOT NULL, applied_by text NOT NULL,
       applied_at timestamptz(3) NOT NULL DEFAULT now())`,
  );
  for (const [index, file] of migrationFiles().slice(0, version).entries()) {
    const text = fs.readFileSync(file, "utf8");
    const checksum = createHash("sha256").update(text).digest("hex");
    const name = path.basename(file, ".sql").slice("0000_".length);
    const row = `${index + 1}, '${name}', '${checksum}', 'howdahd 0.0.${version}'`;
    const insert =
      "INSERT INTO howdah.schema_migrations (version, name, checksum, applied_by) " +
      `VALUES (${row});`;
    await sql(server, NAME, `BEGIN;\n${text}\n${insert}\nCOMMIT;`);
  }
}

async function columns(server: Server, database: string): Promise<string[]> {
  const found = await sql(
    server,
    database,
    `SELECT format('%I.%I', table_name, column_name) FROM information_schema.columns c
     JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE table_schema = 'howdah' AND table_type = 'BASE TABLE'`,
  );
  return found.trim().split("\n");
}

const tableOf = (column: string) => column.split(".")[0]!;

/** Takes the columns and tables that the older schema lacks out of the newer database. */
async function narrow(server: Server): Promise<string[]> {
  const kept = new Set(await columns(server, NAME));
  const tables = new Set([...kept].map(tableOf));
  for (const column of await columns(server, NEWER)) {
    if (kept.has(column) || !tables.has(tableOf(column))) continue;
    const [table, name] = column.split(".");
    await sql(server, NEWER, `ALTER TABLE howdah.${table} DROP COLUMN ${name} CASCADE`);
  }
  return [...tables].filter((table) => !SEEDED.includes(table));
}

async function copyRows(server: Server): Promise<void> {
  const tables = await narrow(server);
  const names = tables.map((table) => `howdah.${table}`);
  const dump = await runOk(path.join(server.programs, "pg_dump"), [
    ...place(server, NEWER),
    ...["--data-only", "--disable-triggers"],
    ...names.flatMap((name) => ["-t", name]),
  ]);
  // Triggers rest: the audit log refuses to be emptied, and states to begin in their middle.
  const quiet = "SET session_replication_role = replica;";
  await sql(server, NAME, `${quiet}\nTRUNCATE ${names.join(", ")};\n${dump}`);
}

/** version: of the last migration that the older version knew. Howdah is stopped. */
export async function rollCatalogBack(
  howdah: Howdah,
  programs: string,
  version: number,
): Promise<void> {
  await alone(howdah, programs, async (server) => {
    await sql(server, "postgres", `ALTER DATABASE ${NAME} RENAME TO ${NEWER}`);
    await sql(server, "postgres", `CREATE DATABASE ${NAME}`);
    await migrate(server, version);
    await copyRows(server);
    await sql(server, "postgres", `DROP DATABASE ${NEWER}`);
  });
}
