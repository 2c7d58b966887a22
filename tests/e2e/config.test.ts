// SPDX-License-Identifier: Apache-2.0
// Settings as a user meets them: which value counts, what is wrong with a file, and the .howdah
// file of a working tree.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { makeBase, shared } from "./harness/howdah.ts";
import { program } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";

const howdah = shared();
const base = makeBase();
after(() => fs.rmSync(base, { recursive: true, force: true }));

const home = path.join(base, "home");
const work = path.join(base, "work");
const userFile = path.join(home, ".config/howdah/howdah.toml");
const systemFile = path.join(base, "etc/howdah.toml");
for (const file of [userFile, systemFile]) fs.mkdirSync(path.dirname(file), { recursive: true });
fs.mkdirSync(path.join(work, "below"), { recursive: true });

const env = {
  HOME: home,
  XDG_CONFIG_HOME: "",
  HOWDAH_SYSTEM_CONFIG: systemFile,
  HOWDAH_API_KEY: "",
  NO_COLOR: "1",
};

/** The command line in the working tree, with a home and a machine's file of its own. */
function cli(args: string[], more: Record<string, string> = {}, cwd = work) {
  return run(program("howdah"), args, { env: { ...env, ...more }, cwd });
}

async function origin(name: string, args: string[] = [], more: Record<string, string> = {}) {
  const shown = await cli(["config", "get", name, "-o", "json", ...args], more);
  assert.equal(shown.code, 0, shown.stderr);
  return JSON.parse(shown.stdout) as { value: string; origin: string };
}

function clear(): void {
  for (const file of [userFile, systemFile, path.join(work, ".howdah")]) {
    fs.rmSync(file, { force: true });
  }
}

test("each place beats the ones behind it, and config tells which one it was", async () => {
  assert.equal((await origin("spares")).origin, "default");
  fs.writeFileSync(systemFile, "spares = 1\n");
  assert.deepEqual(await origin("spares"), {
    name: "spares",
    value: "1",
    origin: `${systemFile}:1`,
  });
  fs.writeFileSync(userFile, "# mine\nspares = 2\n");
  assert.equal((await origin("spares")).origin, `${userFile}:2`);
  const variable = { HOWDAH_SPARES: "3" };
  assert.equal((await origin("spares", [], variable)).origin, "HOWDAH_SPARES");
  fs.writeFileSync(path.join(work, ".howdah"), 'output = "yaml"\n');
  const yaml = await cli(["config", "get", "output"], {}, path.join(work, "below"));
  assert.match(yaml.stdout, /origin: ".*work\/\.howdah:1"/);
  const flag = await cli(["config", "get", "output", "-o", "json"]);
  assert.equal(JSON.parse(flag.stdout).origin, "--output");
  clear();
});

test("a wrong file is told with its line and what was probably meant", async () => {
  fs.writeFileSync(userFile, "spares = 2\nhttp-prot = 1\n");
  const refused = await cli(["config", "show"]);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /howdah\.toml:2: .*'http-prot'[\s\S]*did you mean 'http-port'/);
  assert.equal((await cli(["help", "db"])).code, 0, "help works all the same");
  fs.writeFileSync(path.join(work, ".howdah"), 'listen = "0.0.0.0"\n');
  fs.writeFileSync(userFile, "");
  assert.match((await cli(["config", "show"])).stderr, /\.howdah:1: 'listen' has no place/);
  clear();
});

test("set writes one line, and secrets are never shown", async () => {
  fs.writeFileSync(userFile, "# keep\nspares = 2 # this\n");
  assert.equal((await cli(["config", "set", "spares", "4"])).code, 0);
  assert.equal((await cli(["config", "set", "api-key", "not-for-eyes-1234"])).code, 0);
  assert.equal(
    fs.readFileSync(userFile, "utf8"),
    '# keep\nspares = 4\napi-key = "not-for-eyes-1234"\n',
  );
  assert.equal(fs.statSync(userFile).mode & 0o777, 0o600);
  for (const args of [["show"], ["show", "--origin", "-o", "json"], ["get", "api-key"]]) {
    const shown = await cli(["config", ...args]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.ok(!shown.stdout.includes("not-for-eyes"), shown.stdout);
    assert.ok(shown.stdout.includes("***"));
  }
  fs.chmodSync(userFile, 0o644);
  assert.match((await cli(["config", "show"])).stderr, /others can read it[\s\S]*chmod 600/);
  clear();
  const wrong = await cli(["config", "set", "http-port", "eighty"]);
  assert.equal(wrong.code, 2);
  assert.ok(!fs.existsSync(userFile), "nothing was written");
});

test("link chooses a database for a folder, and is in .gitignore once in work trees", async () => {
  const made = await howdah.it.api.createDatabase({ friendlyName: "linked" });
  await howdah.it.api.createDatabase({ friendlyName: "other" });
  const place = { HOWDAH_DATA_DIR: howdah.it.dataDir };
  assert.equal((await cli(["link", "linked"], place)).code, 0);
  assert.ok(!fs.existsSync(path.join(work, ".gitignore")), "this is no work tree");
  await runOk("/usr/bin/git", ["init", "-q", work]);
  for (const _ of [1, 2]) assert.equal((await cli(["link", "linked"], place)).code, 0);
  assert.equal(fs.readFileSync(path.join(work, ".gitignore"), "utf8"), ".howdah\n");
  // Without DB and data folder, from below, and said on standard error.
  const target = path.join(base, "x.env");
  const shown = await cli(["env", "pull", "--file", target], {}, path.join(work, "below"));
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stderr, new RegExp(`Database: ${made.database_name} \\(.*\\.howdah:1\\)`));
  clear();
});

test("a .howdah from elsewhere cannot lead the commands to another place", async () => {
  const file = path.join(work, ".howdah");
  fs.writeFileSync(file, 'api-url = "https://evil.example.org"\n');
  const refused = await cli(["db", "list"], { HOWDAH_API_KEY: "not-for-eyes-1234" });
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /was not made on this machine[\s\S]*howdah link --trust/);
  assert.equal((await cli(["link", "--trust"])).code, 0);
  assert.equal((await origin("api-url")).value, "https://evil.example.org");
  fs.appendFileSync(file, "# changed\n");
  assert.equal((await cli(["db", "list"])).code, 78, "a changed file counts as another");
  clear();
});

test("another machine is reached by URL and key, and plain http only on this one", async () => {
  const { api_url, api_key } = howdah.it.connection;
  const remote = { HOWDAH_API_URL: api_url, HOWDAH_API_KEY: api_key };
  const listed = await cli(["db", "list", "-o", "json"], remote);
  assert.equal(listed.code, 0, listed.stderr);
  assert.ok(JSON.parse(listed.stdout).length >= 2);
  const psql = ["psql", "other", "--", "-XAtc", "SELECT 6 * 7"];
  const asked = await cli(psql, remote);
  assert.equal(asked.stdout, "42\n", asked.stderr);
  assert.equal((await cli(["db", "list"], { HOWDAH_API_URL: api_url })).code, 5);
  assert.equal((await cli(["db", "list"], { ...remote, HOWDAH_API_KEY: "x".repeat(40) })).code, 5);
  const plain = { ...remote, HOWDAH_API_URL: "http://192.0.2.1:3000" };
  assert.match((await cli(["db", "list"], plain)).stderr, /plain http would show the API key/);
  const nobody = { ...remote, HOWDAH_API_URL: "https://127.0.0.1:1" };
  assert.equal((await cli(["db", "list"], nobody)).code, 69);
  assert.equal((await cli(["recovery-key"], remote)).code, 7);
});

test("the recovery key is shown to who may command it", async () => {
  const shown = await howdah.it.cli(["recovery-key", "--quiet"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^HR1-\S+\n$/);
});

test("the other names of the program are its commands", async () => {
  const place = { HOWDAH_DATA_DIR: howdah.it.dataDir };
  const as = (name: string, args: string[]) =>
    run(program(name), args, { env: { ...env, ...place }, cwd: work });
  assert.match((await as("pg-status", [])).stdout, /status/);
  const listed = await as("pg-list-databases", ["-o", "json"]);
  assert.ok(JSON.parse(listed.stdout).length >= 2, listed.stderr);
  const dumped = await as("pg-backup-control", ["-o", "json"]);
  assert.equal(dumped.code, 0, dumped.stderr);
  const { name } = JSON.parse(dumped.stdout);
  assert.match((await as("pg-backup-control", ["list"])).stdout, new RegExp(name));
});

test("a full disk behind the output is an error, a reader that went away is none", async () => {
  const howdahProgram = program("howdah");
  const full = await run("/bin/sh", ["-c", `${howdahProgram} help db create > /dev/full`], { env });
  assert.equal(full.code, 1);
  assert.match(full.stderr, /cannot write the output/);
  const script = `trap '' PIPE; ${howdahProgram} man | true; echo done`;
  const gone = await run("/bin/sh", ["-c", script], { env });
  assert.deepEqual([gone.stdout, gone.stderr], ["done\n", ""]);
});
