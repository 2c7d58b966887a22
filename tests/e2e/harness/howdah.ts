// SPDX-License-Identifier: Apache-2.0
// A whole Howdah under test: `howdah up` on a data folder of its own, on free ports.
//
// Invariants: the folder is under /tmp and goes with the test; nothing outlives end(), which also
// fails the test where a stop left something behind or a log line should have alarmed somebody.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { Api } from "./api.ts";
import {
  forgetKernelState,
  killAll,
  leftovers,
  processesOf,
  removeByForce,
  runtimeDirectory,
} from "./leftovers.ts";
import { alarms, logTails } from "./logs.ts";
import { BIN, program, publicProgram } from "./paths.ts";
import { exitOf, type RunOptions, type RunResult, run, until } from "./run.ts";

export interface Connection {
  api_url: string;
  api_key: string;
  direct_port: number;
  pooled_port: number;
  host: string;
  ca_certificate: string;
  pid: number;
}

export interface StartOptions {
  /** An existing or future folder; else a new one that goes with the test. */
  dataDir?: string;
  /** Added to the arguments of `howdah up`. */
  args?: string[];
  env?: Record<string, string>;
  volumeSize?: number;
  /** Make the sample database of a first start. */
  sample?: boolean;
  /** Run as this user instead of the caller. */
  uid?: number;
  gid?: number;
  /** The folder of the programs; else BIN. */
  bin?: string;
  /** Log lines that this test provokes. */
  allowedAlarms?: RegExp[];
}

export type Daemon = "howdahd" | "howdah-gate" | "howdah-node";

const GIB = 1024 ** 3;
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 60_000;

/** Those that run. A test process that is stopped half-way takes them along. */
const live = new Set<Howdah>();
process.on("exit", () => {
  for (const howdah of live) howdah.removeByForce();
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(143));

/** A folder for one data folder: the daemons' users must be able to pass through it. */
export function makeBase(): string {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-e2e-"));
  fs.chmodSync(base, 0o755);
  return base;
}

export class Howdah {
  readonly dataDir: string;
  readonly allowedAlarms: RegExp[];
  connection!: Connection;
  api!: Api;
  output = "";
  private readonly options: StartOptions;
  private readonly base: string | undefined;
  private child: ChildProcess | undefined;

  private constructor(options: StartOptions) {
    this.options = options;
    this.base = options.dataDir ? undefined : makeBase();
    if (this.base && options.uid !== undefined) fs.chownSync(this.base, options.uid, options.gid!);
    this.dataDir = options.dataDir ?? path.join(this.base!, "data");
    this.allowedAlarms = options.allowedAlarms ?? [];
    live.add(this);
  }

  static async start(options: StartOptions = {}): Promise<Howdah> {
    const howdah = new Howdah(options);
    try {
      await howdah.up();
    } catch (error) {
      const logs = logTails(howdah.dataDir);
      howdah.removeByForce();
      throw new Error(`${(error as Error).message}\n${howdah.output}\n${logs}`);
    }
    return howdah;
  }

  /** Starts it (again), and waits until everything serves. */
  async up(extra: string[] = []): Promise<void> {
    const { options } = this;
    const ports = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];
    const volume = ["--volume-size", String(options.volumeSize ?? 2 * GIB)];
    const args = ["up", "--data-dir", this.dataDir, ...ports, ...volume];
    if (!options.sample) args.push("--no-sample");
    this.child = spawn(this.program, [...args, ...(options.args ?? []), ...extra], {
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      uid: options.uid,
      gid: options.gid,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (text: Buffer) => {
      this.output += text.toString();
    };
    this.child.stdout!.on("data", collect);
    this.child.stderr!.on("data", collect);
    const file = path.join(this.dataDir, "connection.json");
    await until("connection.json", START_MS_MAX, () => {
      const { exitCode, signalCode } = this.child!;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`howdah up ended with ${exitCode ?? signalCode}:\n${this.output}`);
      }
      return fs.existsSync(file) && this.isFresh(file);
    });
    this.connection = JSON.parse(fs.readFileSync(file, "utf8")) as Connection;
    this.api = new Api(this.connection.api_url, this.connection.api_key);
  }

  /** A kill -9 leaves the old file behind; the new one names the new process. */
  private isFresh(file: string): boolean {
    return (JSON.parse(fs.readFileSync(file, "utf8")) as Connection).pid === this.child!.pid;
  }

  private get program(): string {
    if (this.options.bin) return path.join(this.options.bin, "howdah");
    return this.options.uid === undefined ? program("howdah") : publicProgram("howdah");
  }

  get pid(): number {
    return this.child!.pid!;
  }

  get uid(): number {
    return this.options.uid ?? process.getuid?.() ?? 0;
  }

  get runtimeDir(): string {
    return runtimeDirectory(fs.realpathSync(this.dataDir), this.uid);
  }

  /** SIGTERM, and the exit code. */
  async stop(): Promise<number> {
    this.child!.kill("SIGTERM");
    return exitOf(this.child!, STOP_MS_MAX);
  }

  async restart(): Promise<void> {
    const code = await this.stop();
    if (code !== 0) throw new Error(`stop ended with exit code ${code}:\n${this.output}`);
    await this.up();
  }

  pidsOf(daemon: Daemon): number[] {
    return processesOf(this.dataDir)
      .filter(({ command }) => new RegExp(`(^|/)${daemon} `).test(command))
      .map(({ pid }) => pid);
  }

  /** Where the sockets of an instance are. */
  socketsOf(instanceId: string): string {
    return path.join(this.runtimeDir, "i", instanceId);
  }

  /** Every process of the catalog's own instance. */
  catalogPids(): number[] {
    const folder = path.join(this.dataDir, "catalog");
    return processesOf(folder).map(({ pid }) => pid);
  }

  /** The postmasters that serve tenants and the catalog. */
  postmasters(): number[] {
    return processesOf(this.dataDir)
      .filter(({ command }) => /(^|\/)postgres -/.test(command))
      .map(({ pid }) => pid);
  }

  /** kill -9 of one daemon; returns the pid that was killed. */
  kill(daemon: Daemon): number {
    const [pid] = this.pidsOf(daemon);
    if (!pid) throw new Error(`no ${daemon} runs`);
    process.kill(pid, "SIGKILL");
    return pid;
  }

  /** Waits until the supervisor has started the daemon again and it answers. */
  async isBack(daemon: Daemon, killedPid: number): Promise<void> {
    await until(`${daemon} is back`, 30_000, () =>
      this.pidsOf(daemon).some((pid) => pid !== killedPid),
    );
    await until(`${daemon} answers`, 30_000, () => this.answers(daemon));
  }

  private async answers(daemon: Daemon): Promise<boolean> {
    try {
      if (daemon === "howdahd") return (await this.api.call("GET", "/health")).status === 200;
      const { host, direct_port } = this.connection;
      const place =
        daemon === "howdah-node"
          ? { path: path.join(this.runtimeDir, "node.sock") }
          : { host, port: direct_port };
      const socket = net.connect(place);
      await once(socket, "connect");
      socket.destroy();
      return true;
    } catch {
      return false;
    }
  }

  /** kill -9 of every process. deep: what a reboot takes away besides (mounts, /run) goes, too. */
  killEverything(options: { deep: boolean }): number {
    const killed = killAll(this.dataDir);
    if (options.deep) forgetKernelState(this.dataDir, this.uid);
    return killed;
  }

  /** The command line, on this data folder. */
  cli(args: string[], options: RunOptions = {}): Promise<RunResult> {
    return run(
      options.uid === undefined ? this.program : publicProgram("howdah"),
      ["--data-dir", this.dataDir, ...args],
      {
        uid: this.options.uid,
        gid: this.options.gid,
        ...options,
        env: { NO_COLOR: "1", ...options.env },
      },
    );
  }

  removeByForce(): void {
    live.delete(this);
    removeByForce(this.dataDir, this.uid);
    if (this.base) fs.rmSync(this.base, { recursive: true, force: true });
  }

  /** The end of a test: a clean stop that leaves nothing, and quiet logs. */
  async end(): Promise<void> {
    const faults: string[] = [];
    try {
      if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
        const code = await this.stop();
        if (code !== 0) faults.push(`howdah up ended with exit code ${code}`);
      }
      faults.push(...leftovers(this.dataDir, this.uid).map((line) => `left behind: ${line}`));
      faults.push(...alarms(this.dataDir, this.allowedAlarms));
      if (faults.length > 0) {
        const logs = logTails(this.dataDir);
        throw new Error(`after the stop:\n${faults.join("\n")}\n${this.output}\n${logs}`);
      }
    } finally {
      this.removeByForce();
    }
  }
}

/** What a file does before its first and after its last test, while Howdah runs. */
export interface Frame {
  first?: (howdah: Howdah) => Promise<void>;
  last?: (howdah: Howdah) => Promise<void>;
}

/** One Howdah for all tests of a file. */
export function shared(options: StartOptions = {}, frame: Frame = {}): { readonly it: Howdah } {
  let started: Howdah | undefined;
  before(async () => {
    if (!fs.existsSync(program("howdah")))
      throw new Error(`no program in ${BIN}: ./run --build-only`);
    started = await Howdah.start(options);
    await frame.first?.(started);
  });
  after(async () => {
    try {
      if (started) await frame.last?.(started);
    } finally {
      await started?.end();
    }
  });
  return {
    get it(): Howdah {
      if (!started) throw new Error("not started");
      return started;
    },
  };
}
