// SPDX-License-Identifier: Apache-2.0
// Ctrl-C: what waits ends with exit code 130, and what serves ends cleanly with 0.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { type Howdah, makeBase, shared } from "./harness/howdah.ts";
import { leftovers, removeByForce } from "./harness/leftovers.ts";
import { program } from "./harness/paths.ts";
import { exitOf, sleep, until } from "./harness/run.ts";

const howdah = shared();
const EXIT_INTERRUPTED = 130;

/** A program of which SIGINT is awaited: its exit code and what it has said until then. */
class Waiting {
  output = "";
  private readonly child;

  constructor(args: string[]) {
    this.child = spawn(program("howdah"), args, { env: { ...process.env, NO_COLOR: "1" } });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (block: Buffer) => {
        this.output += block.toString();
      });
    }
  }

  async says(text: string | RegExp): Promise<void> {
    await until(`it says ${text}: ${this.output}`, 60_000, () => {
      assert.equal(this.child.exitCode, null, `it ended by itself: ${this.output}`);
      return typeof text === "string" ? this.output.includes(text) : text.test(this.output);
    });
  }

  interrupt(): Promise<number> {
    assert.equal(this.child.exitCode, null, `it ended by itself: ${this.output}`);
    this.child.kill("SIGINT");
    return exitOf(this.child, 60_000);
  }
}

const cli = (on: Howdah, ...args: string[]) => new Waiting(["--data-dir", on.dataDir, ...args]);

test("howdah logs -f, of the daemons and of a database", async () => {
  const daemons = cli(howdah.it, "logs", "-f");
  await daemons.says("howdahd");
  assert.equal(await daemons.interrupt(), EXIT_INTERRUPTED);

  const { api } = howdah.it;
  const made = await api.createDatabase({ friendlyName: "followed" });
  await until("the instance has logged something", 10_000, async () => {
    return (await api.expect(200, "GET", `/api/databases/${made.id}/logs`)).count > 0;
  });
  const follower = cli(howdah.it, "logs", "followed", "-f");
  await follower.says(/\S/);
  assert.equal(await follower.interrupt(), EXIT_INTERRUPTED);
  await api.deleteDatabase(made.id);
});

test("howdah op wait gives up, the operation goes on", async () => {
  const { api, runtimeDir } = howdah.it;
  // Whoever holds a table keeps a dump of the catalog waiting.
  const place = ["-h", path.join(runtimeDir, "i/catalog"), "-U", "howdah_admin"];
  const holder = spawn("psql", [...place, "-d", "postgres_control", "-XAtq"]);
  let held = "";
  holder.stdout.on("data", (block: Buffer) => {
    held += block.toString();
  });
  try {
    holder.stdin.write("BEGIN; LOCK howdah.settings; SELECT 'held';\n");
    await until("the table is locked", 10_000, () => held.includes("held"));
    const headers = { Prefer: "wait=0" };
    const reply = await api.expect(202, "POST", "/api/catalog/dumps", { headers });
    const id: string = reply.operations[0].id;
    const waiting = cli(howdah.it, "op", "wait", id);
    await sleep(500); // it says nothing while it waits
    assert.equal(await waiting.interrupt(), EXIT_INTERRUPTED);
    assert.equal(waiting.output, "", "no half of a table");
    const state = (await api.expect(200, "GET", `/api/operations/${id}`)).data.state;
    assert.equal(state, "running");
    holder.stdin.end("COMMIT;\n");
    const done = await howdah.it.cli(["op", "wait", id, "-o", "json"]);
    assert.equal(JSON.parse(done.stdout).state, "finished", done.stderr);
  } finally {
    holder.kill();
  }
});

test("howdah up: 130 while it starts, 0 once it serves, and nothing stays behind", async () => {
  const base = makeBase();
  const dataDir = path.join(base, "data");
  const ports = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];
  const args = [
    "up",
    "--data-dir",
    dataDir,
    ...ports,
    "--no-sample",
    "--volume-size",
    "2147483648",
  ];
  try {
    for (const step of ["making the volume", "starting the control plane"]) {
      const starting = new Waiting(args);
      await starting.says(step);
      assert.equal(await starting.interrupt(), EXIT_INTERRUPTED, starting.output);
      assert.doesNotMatch(starting.output, /is serving/);
      assert.deepEqual(leftovers(dataDir), []);
    }
    const serving = new Waiting(args);
    await serving.says("is serving");
    assert.equal(await serving.interrupt(), 0, serving.output);
    assert.deepEqual(leftovers(dataDir), []);
  } finally {
    removeByForce(dataDir);
    removeByForce(base);
  }
});
