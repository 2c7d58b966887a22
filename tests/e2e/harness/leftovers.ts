// SPDX-License-Identifier: Apache-2.0
// What belongs to a data folder in the kernel's eyes: processes, mounts, loop devices, sockets.
// A stop must leave none; a test that fails must not leave any for the next one either.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

export interface ProcessInfo {
  pid: number;
  command: string;
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
}

function link(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return "";
  }
}

/** Where the sockets of a data folder are, for the given uid (0 by default when we are root). */
export function runtimeDirectory(dataDir: string, uid = process.getuid?.() ?? 0): string {
  const name = createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
  if (uid === 0) return `/run/howdah/${name}`;
  // Another user is started without it (unprivileged.test.ts).
  const runtime = uid === process.getuid?.() ? process.env.XDG_RUNTIME_DIR : undefined;
  const parent = runtime && fs.existsSync(runtime) ? runtime : "/tmp";
  return path.join(parent, `howdah-${uid}-${name}`);
}

/** Every live process that works in or names the data folder, except this one. */
export function processesOf(dataDir: string): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const entry of fs.readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const state = read(`/proc/${pid}/stat`).split(") ")[1]?.[0];
    if (state === undefined || state === "Z") continue;
    const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    const cwd = link(`/proc/${pid}/cwd`);
    if (`${command} `.match(new RegExp(`${dataDir}[/ ]`)) || `${cwd}/`.startsWith(`${dataDir}/`)) {
      found.push({ pid, command });
    }
  }
  return found;
}

export function mountsOf(dataDir: string): string[] {
  return read("/proc/self/mounts")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => `${target}/`.startsWith(`${dataDir}/`));
}

/** Loop devices on files of the data folder, as /dev/loopN. */
export function loopDevicesOf(dataDir: string): string[] {
  const found: string[] = [];
  for (const entry of fs.readdirSync("/sys/block")) {
    const backing = read(`/sys/block/${entry}/loop/backing_file`).trim();
    if (backing.startsWith(`${dataDir}/`)) found.push(`/dev/${entry}`);
  }
  return found;
}

/** Trees of control groups of the data folder, in every hierarchy. */
export function controlGroupsOf(dataDir: string): string[] {
  const id = read(path.join(dataDir, "howdah.json")).match(/"id": ?"([^"]+)"/)?.[1];
  if (!id || !fs.existsSync("/sys/fs/cgroup")) return [];
  const name = `howdah-${id}`;
  const args = ["/sys/fs/cgroup", "-maxdepth", "7", "-type", "d", "-name", name];
  // Its exit code says no more than that some group of somebody else went away meanwhile.
  const { stdout } = spawnSync("find", args, { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line !== "");
}

function removeControlGroups(dataDir: string): void {
  for (const tree of controlGroupsOf(dataDir)) {
    for (const entry of fs.readdirSync(tree, { withFileTypes: true })) {
      if (entry.isDirectory()) fs.rmdirSync(path.join(tree, entry.name));
    }
    fs.rmdirSync(tree);
  }
}

/** Everything that should not be there after a stop, one line each. */
export function leftovers(dataDir: string, uid?: number): string[] {
  const runtime = runtimeDirectory(dataDir, uid);
  return [
    ...processesOf(dataDir).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...mountsOf(dataDir).map((target) => `mount ${target}`),
    ...loopDevicesOf(dataDir).map((device) => `loop device ${device}`),
    ...controlGroupsOf(dataDir).map((tree) => `control groups ${tree}`),
    ...(fs.existsSync(runtime) ? [`runtime folder ${runtime}`] : []),
    ...(fs.existsSync(path.join(dataDir, "connection.json")) ? ["connection.json"] : []),
  ];
}

/**
 * SIGKILL to everything of the data folder, again and again until nothing is left. Each round stops
 * all of them first: in a power cut none lives on to notice the end of another.
 */
export function killAll(dataDir: string): number {
  let killed = 0;
  for (let round = 0; round < 100; round++) {
    const alive = processesOf(dataDir);
    if (alive.length === 0) return killed;
    const signal = (name: NodeJS.Signals): number =>
      alive.filter(({ pid }) => {
        try {
          return process.kill(pid, name);
        } catch {
          return false; // ended by itself
        }
      }).length;
    signal("SIGSTOP");
    killed += signal("SIGKILL");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  throw new Error(`processes of ${dataDir} do not die`);
}

const UNMOUNT_MS_MAX = 10_000;

/** Those that used it may still be dying. */
export function unmount(target: string): void {
  const end = performance.now() + UNMOUNT_MS_MAX;
  for (;;) {
    const { status, stderr } = spawnSync("umount", [target], { encoding: "utf8" });
    if (status === 0) return;
    if (performance.now() > end) throw new Error(stderr);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

/** What a reboot does besides ending every process: no mounts, no loop devices, no /run. */
export function forgetKernelState(dataDir: string, uid?: number): void {
  for (const target of mountsOf(dataDir).reverse()) unmount(target);
  for (const device of loopDevicesOf(dataDir)) execFileSync("losetup", ["-d", device]);
  removeControlGroups(dataDir);
  fs.rmSync(runtimeDirectory(dataDir, uid), { recursive: true, force: true });
}

/** For the end of a test that failed: takes everything away by force. */
export function removeByForce(dataDir: string, uid?: number): void {
  killAll(dataDir);
  removeControlGroups(dataDir);
  for (const target of mountsOf(dataDir).reverse()) execFileSync("umount", ["-l", target]);
  for (const device of loopDevicesOf(dataDir)) execFileSync("losetup", ["-d", device]);
  fs.rmSync(runtimeDirectory(dataDir, uid), { recursive: true, force: true });
  fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
