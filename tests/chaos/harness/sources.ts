// SPDX-License-Identifier: Apache-2.0
// What each part of Howdah believes there is, read past its API: catalog, node, gate, disk, kernel.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import type { Howdah } from "../../e2e/harness/howdah.ts";
import { processesOf } from "../../e2e/harness/leftovers.ts";
import { connectAsPlatform } from "../../e2e/harness/sql.ts";

export interface CatalogBranch {
  branch_id: string;
  database_id: string;
  status: string;
  instance_id: string | null;
  rules: string[];
}

export interface Catalog {
  branches: CatalogBranch[];
  databases: { id: string; status: string }[];
  unfinished: { kind: string; state: string; step: number; attempt: number }[];
}

export interface NodeInstance {
  id: string;
  state: "stopped" | "starting" | "running" | "stopping" | "failed";
  token: string;
  paused: boolean;
  pid: number;
  slug: string;
  holds: unknown[];
}

export interface Route {
  branch_id: string;
  instance_id: string;
  state: string;
  rules: { network: string }[];
}

/** instance.json beside a data directory; undefined: half-made. */
export interface Directory {
  id: string;
  manifest: { id: string; token: string; uid: number } | undefined;
}

export interface Postmaster {
  pid: number;
  directory: string;
}

const CATALOG_QUERIES = {
  // A pause and a deletion are the database's; its branches keep what they were.
  branches: `SELECT b.id AS branch_id, b.database_id, b.instance_id,
      CASE WHEN 'deleted' IN (b.status, d.status) THEN 'deleted'
           WHEN 'paused' IN (b.status, d.status) THEN 'paused' ELSE b.status END AS status,
      coalesce((
        SELECT array_agg(f.network::text ORDER BY f.network) FROM howdah.firewall_rules f
        WHERE f.database_id = d.id AND f.removed_at IS NULL), '{}') AS rules
    FROM howdah.branches b JOIN howdah.databases d ON d.id = b.database_id`,
  databases: "SELECT id, status FROM howdah.databases",
  unfinished: `SELECT kind, state, step, attempt FROM howdah.jobs
    WHERE state IN ('scheduling', 'running', 'cancelling') AND exclusive_key LIKE 'database:%'`,
};

export async function readCatalog(howdah: Howdah): Promise<Catalog> {
  const session = await connectAsPlatform(howdah.socketsOf("catalog"), "postgres_control");
  try {
    const read = async (name: keyof typeof CATALOG_QUERIES) =>
      (await session.query(CATALOG_QUERIES[name])).rows;
    // Small enough that one transaction is not needed: whoever asks asks again.
    return {
      unfinished: await read("unfinished"),
      databases: await read("databases"),
      branches: await read("branches"),
    };
  } finally {
    await session.end().catch(() => {});
  }
}

/** A call of docs/formats/node-api.md. */
export function askNode<T>(howdah: Howdah, method: string, target: string): Promise<T> {
  const socketPath = path.join(howdah.runtimeDir, "node.sock");
  return new Promise<T>((resolve, reject) => {
    const request = http.request({ socketPath, method, path: target, timeout: 10_000 }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      reply.on("end", () => {
        if (reply.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`${method} ${target}: ${reply.statusCode} ${text}`));
      });
      reply.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`${method} ${target}: no answer`)));
    request.on("error", reject);
    request.end();
  });
}

export async function readNode(howdah: Howdah): Promise<NodeInstance[]> {
  const answer = await askNode<{ instances: NodeInstance[] }>(howdah, "GET", "/v1/instances");
  return answer.instances;
}

/** How often each instance was started since the agent runs. */
export async function readStarts(howdah: Howdah): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  for (let after = 0; ; ) {
    const target = `/v1/journal?after=${after}&wait_ms=0`;
    const page = await askNode<{
      entries: { sequence: number; instance_id: string; state: string }[];
    }>(howdah, "GET", target);
    const last = page.entries.at(-1);
    if (!last) return starts;
    for (const { instance_id: id, state } of page.entries) {
      if (state === "starting") starts.set(id, (starts.get(id) ?? 0) + 1);
    }
    after = last.sequence;
  }
}

/** What the gate would serve if it started now (docs/formats/route-file.md). */
export function readRoutes(howdah: Howdah): Map<string, Route> {
  const routes = new Map<string, Route>();
  const text = fs.readFileSync(path.join(howdah.dataDir, "gate/routes.jsonl"), "utf8");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    let update: { snapshot: boolean; upserted: Route[]; removed: string[] };
    try {
      update = JSON.parse(line).update;
    } catch {
      break; // cut off: the rest does not count
    }
    if (update.snapshot) routes.clear();
    for (const route of update.upserted) routes.set(route.branch_id, route);
    for (const id of update.removed) routes.delete(id);
  }
  return routes;
}

function manifestOf(folder: string): Directory["manifest"] {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, "instance.json"), "utf8"));
  } catch {
    return undefined;
  }
}

export function instancesFolder(howdah: Howdah): string {
  return path.join(howdah.dataDir, "volume/instances");
}

export function readDirectories(howdah: Howdah): Directory[] {
  const folder = instancesFolder(howdah);
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).map((id) => ({ id, manifest: manifestOf(path.join(folder, id)) }));
}

export function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function parentOf(pid: number): number {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
  } catch {
    return 0; // gone meanwhile
  }
}

/** Every live postmaster of the data folder, by what its command line says. */
export function readPostmasters(howdah: Howdah): Postmaster[] {
  const found: Postmaster[] = [];
  for (const { pid, command } of processesOf(howdah.dataDir)) {
    const directory = /^\S*postgres -D \S*?([^/ ]+)\/data(?: |$)/.exec(command)?.[1];
    if (directory) found.push({ pid, directory });
  }
  // A server process has its postmaster's command line for a moment after the fork.
  const pids = new Set(found.map(({ pid }) => pid));
  return found.filter(({ pid }) => !pids.has(parentOf(pid)));
}

/** Shared memory segments of the kernel, by the uid that made them. */
export function sharedMemoryUids(): number[] {
  const [, ...lines] = fs.readFileSync("/proc/sysvipc/shm", "utf8").trimEnd().split("\n");
  return lines.map((line) => Number(line.trim().split(/\s+/)[7]));
}

/** pid and uid of everything that runs. */
export function processUids(): { pid: number; uid: number; command: string }[] {
  const found: { pid: number; uid: number; command: string }[] = [];
  for (const entry of fs.readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
      if (/^State:\s+[ZX]/m.test(status)) continue;
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      found.push({ pid, uid, command });
    } catch {
      // gone meanwhile
    }
  }
  return found;
}
