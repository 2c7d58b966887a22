// SPDX-License-Identifier: Apache-2.0
// Plain PostgreSQL on a data directory, without Howdah: what a person would do to save it.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { makeBase } from "../../e2e/harness/howdah.ts";
import { exitOf, run, sleep } from "../../e2e/harness/run.ts";

const START_MS_MAX = 60_000;

export const BIN = "/usr/lib/postgresql";

/** The folder of the programs of a data directory's major version. */
export function programsFor(data: string): string {
  return path.join(BIN, fs.readFileSync(path.join(data, "PG_VERSION"), "utf8").trim(), "bin");
}

export interface Server {
  /** Rows of one column. Rejects with what psql says. */
  ask(database: string, sql: string): Promise<string[]>;
}

/**
 * Recovers and serves a directory that nobody uses while use() runs, then stops it cleanly. Rejects
 * with the end of the server's log where it does not start.
 */
export async function withStockServer<T>(
  data: string,
  use: (server: Server) => Promise<T>,
  settings: string[] = [],
): Promise<T> {
  const { uid, gid } = fs.statSync(data);
  // It is of a machine that has lost its power; here the number may be somebody else's.
  fs.rmSync(path.join(data, "postmaster.pid"), { force: true });
  const folder = makeBase();
  fs.chownSync(folder, uid, gid);
  const rules = path.join(folder, "pg_hba.conf");
  fs.writeFileSync(rules, "local all all trust\n");
  const config = path.join(folder, "postgresql.conf");
  fs.writeFileSync(config, "");
  const log = path.join(folder, "log");
  const given = [
    `config_file=${config}`,
    `hba_file=${rules}`,
    `unix_socket_directories=${folder}`,
    "listen_addresses=",
    "shared_buffers=16MB",
    ...settings,
  ];
  const args = ["-D", data, ...given.flatMap((setting) => ["-c", setting])];
  const output = fs.openSync(log, "w");
  const server = spawn(path.join(programsFor(data), "postgres"), args, {
    uid,
    gid,
    cwd: folder,
    stdio: ["ignore", output, output],
  });
  fs.closeSync(output);
  const last = () => fs.readFileSync(log, "utf8").split("\n").slice(-12).join("\n");
  const ask = async (database: string, sql: string) => {
    const psql = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    const where = ["-h", folder, "-U", "howdah_admin", "-d", database, "-c", sql];
    const result = await run("psql", [...psql, ...where]);
    if (result.code !== 0) throw new Error(`${result.stderr.trim()}\n${last()}`);
    return result.stdout.split("\n").filter((line) => line !== "");
  };
  try {
    const begun = performance.now();
    for (;;) {
      if (server.exitCode !== null || server.signalCode !== null) throw new Error(last());
      const asked = await ask("postgres", "SELECT 1").catch(() => []);
      if (asked.length > 0) break;
      if (performance.now() - begun > START_MS_MAX) throw new Error(`does not start: ${last()}`);
      await sleep(50);
    }
    return await use({ ask });
  } finally {
    server.kill("SIGINT");
    await exitOf(server, 30_000).catch(() => server.kill("SIGKILL"));
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
