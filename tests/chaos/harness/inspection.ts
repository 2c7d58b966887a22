// SPDX-License-Identifier: Apache-2.0
// Whether what there is, is what there should be: catalog, node, gate, disk and kernel held against
// each other. Half-made and orphaned things of every kind are faults, one line each.
//
// Work in progress looks the same for a moment, so a caller asks again until its deadline.
import fs from "node:fs";
import path from "node:path";
import type { Howdah } from "../../e2e/harness/howdah.ts";
import { controlGroupsOf, loopDevicesOf, mountsOf } from "../../e2e/harness/leftovers.ts";
import { sleep } from "../../e2e/harness/run.ts";
import {
  type Catalog,
  type Directory,
  type NodeInstance,
  namesIn,
  processUids,
  readCatalog,
  readDirectories,
  readNode,
  readPostmasters,
  readRoutes,
  sharedMemoryUids,
} from "./sources.ts";

interface Seen {
  howdah: Howdah;
  catalog: Catalog;
  node: NodeInstance[];
  directories: Directory[];
}

/** Rows that no work will finish, and rows without what they stand for. */
function judgeCatalog({ catalog, node }: Seen): string[] {
  const faults = catalog.unfinished.map(
    (job) => `job ${job.kind} is ${job.state} at step ${job.step}, attempt ${job.attempt}`,
  );
  const withBranch = new Set(catalog.branches.map((branch) => branch.database_id));
  for (const { id, status } of catalog.databases) {
    if (status === "creating") faults.push(`database ${id} is being created by no job`);
    if (!withBranch.has(id)) faults.push(`database ${id} has no branch`);
  }
  for (const branch of catalog.branches) {
    const instance = node.find(({ id }) => id === branch.instance_id);
    if (branch.instance_id === null) {
      faults.push(`branch ${branch.branch_id} (${branch.status}) has no instance`);
    } else if (!instance) {
      faults.push(`instance ${branch.instance_id} of a ${branch.status} branch is missing`);
    } else if (instance.token !== branch.branch_id) {
      faults.push(`instance ${instance.id} is claimed by "${instance.token}"`);
    } else if (instance.state === "running" && branch.status !== "active") {
      faults.push(`instance ${instance.id} of a ${branch.status} branch runs`);
    } else if (instance.paused !== (branch.status !== "active")) {
      faults.push(
        `instance ${instance.id} of a ${branch.status} branch: paused ${instance.paused}`,
      );
    }
  }
  return faults;
}

function judgeNode({ catalog, node, directories }: Seen): string[] {
  const faults: string[] = [];
  const branches = new Set(catalog.branches.map((branch) => branch.branch_id));
  const places = new Map(directories.map((directory) => [directory.id, directory]));
  for (const { id, token, state } of node) {
    if (token !== "" && !branches.has(token)) faults.push(`instance ${id} has no branch`);
    if (state !== "running" && state !== "stopped") faults.push(`instance ${id} is ${state}`);
    if (!places.get(id)?.manifest) faults.push(`instance ${id} has no directory`);
  }
  return faults;
}

function judgeDisk({ howdah, node, directories }: Seen): string[] {
  const faults: string[] = [];
  const known = new Set(node.map(({ id }) => id));
  const uids = new Map<number, string>();
  for (const { id, manifest } of directories) {
    if (!manifest) faults.push(`directory ${id} is half-made`);
    else if (!known.has(id)) faults.push(`directory ${id} is unknown to the node`);
    if (!manifest) continue;
    const other = uids.get(manifest.uid);
    if (other && manifest.uid !== 0) faults.push(`${id} and ${other} share uid ${manifest.uid}`);
    uids.set(manifest.uid, id);
  }
  const staging = path.join(howdah.dataDir, "volume/.howdah-staging");
  faults.push(...namesIn(staging).map((name) => `half-made or half-deleted: ${name}`));
  for (const id of namesIn(path.join(howdah.runtimeDir, "i"))) {
    if (id !== "catalog" && !known.has(id)) faults.push(`socket folder of unknown ${id}`);
  }
  return faults;
}

function judgeRoutes({ howdah, catalog }: Seen): string[] {
  const routes = readRoutes(howdah);
  const faults: string[] = [];
  for (const branch of catalog.branches) {
    const route = routes.get(branch.branch_id);
    const wanted = branch.status === "active" ? "open" : branch.status;
    const rules = (route?.rules ?? []).map(({ network }) => network).sort();
    if (!route) faults.push(`branch ${branch.branch_id} has no route`);
    else if (route.state !== wanted) faults.push(`a ${wanted} branch's route is ${route.state}`);
    else if (route.instance_id !== branch.instance_id) faults.push("a route leads elsewhere");
    else if (rules.join() !== branch.rules.sort().join()) {
      faults.push(`the gate has rules [${rules}], the catalog [${branch.rules}]`);
    }
    routes.delete(branch.branch_id);
  }
  for (const id of routes.keys()) faults.push(`route of unknown branch ${id}`);
  return faults;
}

/** Two postmasters on one directory: never allowed, not even for a moment. */
export function twins(howdah: Howdah): string[] {
  const byDirectory = new Map<string, number[]>();
  for (const { pid, directory } of readPostmasters(howdah)) {
    byDirectory.set(directory, [...(byDirectory.get(directory) ?? []), pid]);
  }
  return [...byDirectory]
    .filter(([, pids]) => pids.length > 1)
    .map(([directory, pids]) => `postmasters ${pids.join(" and ")} on ${directory}`);
}

/** The uids that belong to this data folder alone. */
export function uidRange(howdah: Howdah): { first: number; count: number } | undefined {
  if (howdah.uid !== 0) return undefined;
  const leases = JSON.parse(fs.readFileSync("/var/lib/howdah-uids.json", "utf8")).leases as {
    first: number;
    path: string;
  }[];
  const own = leases.find((lease) => lease.path === fs.realpathSync(howdah.dataDir));
  return own && { first: own.first, count: 65_536 };
}

function judgeKernel({ howdah, node, directories }: Seen): string[] {
  const faults = twins(howdah);
  const running = new Map(node.map(({ id, pid, state }) => [id, state === "running" ? pid : 0]));
  for (const { pid, directory } of readPostmasters(howdah)) {
    if (directory === "catalog" || running.get(directory) === pid) continue;
    faults.push(`postmaster ${pid} of ${directory} is not the node's`);
  }
  for (const daemon of ["howdahd", "howdah-node", "howdah-gate"] as const) {
    const count = howdah.pidsOf(daemon).length;
    if (count !== 1) faults.push(`${count} processes of ${daemon}`);
  }
  const owned = new Set(directories.map(({ manifest }) => manifest?.uid));
  const range = uidRange(howdah);
  const isStray = (uid: number) =>
    range && uid > range.first && uid < range.first + range.count && !owned.has(uid);
  for (const { pid, uid, command } of processUids()) {
    if (isStray(uid)) faults.push(`process ${pid} of nobody (uid ${uid}): ${command}`);
  }
  for (const uid of sharedMemoryUids()) {
    if (isStray(uid)) faults.push(`shared memory of nobody (uid ${uid})`);
  }
  const volumes = mountsOf(howdah.dataDir).filter((place) => place.endsWith("/volume")).length;
  const loops = loopDevicesOf(howdah.dataDir).length;
  if (volumes > 1) faults.push(`the volume is mounted ${volumes} times`);
  if (loops > 1) faults.push(`the volume has ${loops} loop devices`);
  faults.push(...judgeControlGroups(howdah, node));
  return faults;
}

const groupTrees = new Map<string, string[]>();

/** Control groups of instances that are gone. */
function judgeControlGroups(howdah: Howdah, node: NodeInstance[]): string[] {
  const known = new Set(node.map(({ id }) => id));
  // Looking for the trees takes long, and they stay where they are.
  const trees = groupTrees.get(howdah.dataDir) ?? controlGroupsOf(howdah.dataDir);
  if (trees.length > 0) groupTrees.set(howdah.dataDir, trees);
  return trees.flatMap((tree) =>
    namesIn(tree)
      .filter((name) => /^i-[a-z0-9]{12}$/.test(name) && !known.has(name))
      .map((name) => `control group ${tree}/${name}`),
  );
}

/** Every fault there is at this moment. Something that does not answer is one, too. */
export async function inspect(howdah: Howdah): Promise<string[]> {
  try {
    const health = await howdah.api.call("GET", "/health", { key: null });
    if (health.status !== 200) return [`/health answers ${health.status}`];
    // The node first: what it claims later than the catalog was read would look like an orphan.
    const node = await readNode(howdah);
    const directories = readDirectories(howdah);
    const catalog = await readCatalog(howdah);
    const seen = { howdah, catalog, node, directories };
    return [
      ...judgeCatalog(seen),
      ...judgeNode(seen),
      ...judgeDisk(seen),
      ...judgeRoutes(seen),
      ...judgeKernel(seen),
    ];
  } catch (error) {
    return [`cannot be inspected: ${(error as Error).message}`];
  }
}

/**
 * Waits until nothing is wrong any more. more: what this test knows besides.
 * Returns the milliseconds that it took; throws with what is left at the deadline.
 */
export async function settled(
  howdah: Howdah,
  limitMs: number,
  more: () => Promise<string[]> = async () => [],
): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const faults = await inspect(howdah);
    if (faults.length === 0) faults.push(...(await more()));
    const ms = performance.now() - begun;
    if (faults.length === 0) return ms;
    if (ms > limitMs) throw new Error(`after ${Math.round(ms)} ms:\n${faults.join("\n")}`);
    await sleep(100);
  }
}

/** Looks for two postmasters on one directory all the time, until it is stopped. */
export class TwinWatch {
  readonly found = new Set<string>();
  looks = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(howdah: Howdah) {
    this.timer = setInterval(() => {
      this.looks++;
      for (const pair of twins(howdah)) this.found.add(pair);
    }, 100).unref();
  }

  stop(): string[] {
    clearInterval(this.timer);
    return [...this.found];
  }
}
