// SPDX-License-Identifier: Apache-2.0
// howdah service under a systemd that runs: installed, started, restarted after a crash, stopped
// and removed by it. It is the first process of namespaces of its own (harness/systemd.sh), so this
// machine's units are not touched.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Api } from "./harness/api.ts";
import { type Connection, makeBase } from "./harness/howdah.ts";
import { leftovers, removeByForce } from "./harness/leftovers.ts";
import { E2E, IS_ROOT, program } from "./harness/paths.ts";
import { exitOf, type RunResult, run, until } from "./harness/run.ts";

/** Where cgroup2 is mounted; systemd needs it, with or without controllers. */
const CGROUPS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find(
  (folder) =>
    fs.existsSync(path.join(folder, "cgroup.procs")) &&
    fs.existsSync(path.join(folder, "cgroup.controllers")),
);
const SYSTEMD = "/lib/systemd/systemd";

type Inside = (file: string, ...args: string[]) => Promise<RunResult>;

/** inside: runs a program where that systemd is the first process. */
async function withSystemd(job: (inside: Inside) => Promise<void>): Promise<void> {
  const cgroup = path.join(CGROUPS!, `howdah-e2e-${process.pid}`);
  fs.mkdirSync(cgroup);
  const script = path.join(E2E, "harness/systemd.sh");
  const child = spawn("sh", [script, cgroup], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (block: Buffer) => {
    said += block.toString();
  });
  const children = `/proc/${child.pid}/task/${child.pid}/children`;
  try {
    const pid = await until(`systemd runs: ${said}`, 20_000, () => {
      assert.equal(child.exitCode, null, said);
      const first = fs.readFileSync(children, "utf8").trim();
      if (!first || !fs.existsSync(`/proc/${first}`)) return undefined;
      return fs.readFileSync(`/proc/${first}/comm`, "utf8") === "systemd\n" ? first : undefined;
    });
    const inside: Inside = (file, ...args) =>
      run("nsenter", ["-t", pid, "-a", file, ...args], {
        env: { NO_COLOR: "1" },
        timeoutMs: 300_000,
      });
    await until("systemd has started", 20_000, async () => {
      return (await inside("systemctl", "is-system-running")).stdout.trim() === "running";
    });
    await job(inside);
  } finally {
    child.kill("SIGKILL");
    await exitOf(child, 10_000);
    await until("its processes have ended", 10_000, () => {
      const left = fs.readFileSync(path.join(cgroup, "cgroup.events"), "utf8");
      return left.includes("populated 0");
    });
    removeCgroup(cgroup);
  }
}

/** Folders only: the files in them belong to the kernel. */
function removeCgroup(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(path.join(folder, entry.name));
  }
  fs.rmdirSync(folder);
}

const ready =
  !IS_ROOT || !fs.existsSync(SYSTEMD) || !CGROUPS
    ? "needs root, systemd's programs and cgroup2"
    : false;

test(
  "a unit is started, restarted after a crash, stopped and removed by systemd",
  {
    skip: ready,
  },
  () =>
    withSystemd(async (inside) => {
      const base = makeBase();
      const dataDir = path.join(base, "data");
      const howdah = (...args: string[]) =>
        inside(program("howdah"), ...args, "--data-dir", dataDir);
      const connection = (): Connection =>
        JSON.parse(fs.readFileSync(path.join(dataDir, "connection.json"), "utf8"));
      const ok = async (result: Promise<RunResult>) => {
        const { code, stdout, stderr } = await result;
        assert.equal(code, 0, stdout + stderr);
        return stdout;
      };
      try {
        const ports = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];
        const flags = ["--no-sample", "--volume-size", "2147483648", ...ports];
        await ok(howdah("service", "install", ...flags));
        const state = async () => JSON.parse(await ok(howdah("service", "status", "-o", "json")));
        const { unit, ...installed } = await state();
        assert.equal(installed.active, true, JSON.stringify(installed));
        const show = (property: string) =>
          ok(inside("systemctl", "show", unit, "-P", property)).then((text) => text.trim());
        assert.equal(await show("Type"), "notify");
        assert.match(await show("StatusText"), /serving/, "READY=1 came from howdah up");
        // The install came back when it served: no wait here.
        const api = new Api(connection().api_url, connection().api_key);
        const made = await api.createDatabase({ friendlyName: "served" });
        const psql = ["psql", "served", "--data-dir", dataDir, "--", "-XAtc"];
        const sql = (text: string) => ok(inside(program("howdah"), ...psql, text));
        assert.equal(
          await sql("CREATE TABLE t AS SELECT 42 AS n; SELECT n FROM t"),
          "SELECT 1\n42\n",
        );

        // As after a crash of all: killed with everything in the unit's cgroup, and started again.
        const before = connection().pid;
        await ok(inside("systemctl", "kill", "--signal=SIGKILL", unit));
        await until("systemd has started it again", 120_000, async () => {
          const again = (await show("MainPID")) !== "0" && (await show("ActiveState")) === "active";
          return (
            again &&
            fs.existsSync(path.join(dataDir, "connection.json")) &&
            connection().pid !== before
          );
        });
        assert.equal(await show("NRestarts"), "1");
        assert.equal(await sql("SELECT n FROM t"), "42\n");

        await ok(inside("systemctl", "stop", unit));
        assert.equal(await show("Result"), "success");
        assert.deepEqual(leftovers(dataDir), []);
        await ok(inside("systemctl", "start", unit));
        const key = connection().api_key;
        const again = new Api(connection().api_url, key);
        assert.equal((await again.expect(200, "GET", "/api/databases")).data[0].id, made.id);

        await ok(howdah("service", "remove"));
        assert.equal((await howdah("service", "status")).code, 3);
        assert.deepEqual(leftovers(dataDir), [], "stopped, too");
        assert.ok(fs.existsSync(path.join(dataDir, "howdah.json")), "and the data stays");

        // The control: with one line of hardening more the start would wait in vain. It is refused.
        const file = "/run/units/narrow.service";
        const exec = [program("howdah"), "up", "--data-dir", path.join(base, "narrow"), ...ports];
        const unitText = [
          ...["[Service]", "Type=oneshot", "TimeoutStartSec=30", "RestrictSUIDSGID=yes"],
          ...[`ExecStart=${exec.join(" ")}`, `StandardError=file:${path.join(base, "narrow.log")}`],
        ];
        const write = ["-c", `printf '%s\\n' "$@" > ${file}`, "sh", ...unitText];
        await ok(inside("sh", ...write));
        await ok(inside("systemctl", "daemon-reload"));
        assert.equal((await inside("systemctl", "start", "narrow")).code, 1);
        assert.match(
          fs.readFileSync(path.join(base, "narrow.log"), "utf8"),
          /openat2 is not there/,
        );
      } finally {
        removeByForce(dataDir);
        removeByForce(base);
      }
    }),
);
