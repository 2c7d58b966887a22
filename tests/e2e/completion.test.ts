// SPDX-License-Identifier: Apache-2.0
// Completion in the three shells themselves, and the man pages, which come from the same tree.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { shared } from "./harness/howdah.ts";
import { BIN, program } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";

const howdah = shared(
  {},
  {
    first: async ({ api }) => {
      await api.createDatabase({ friendlyName: "shop" });
      await api.createDatabase({ friendlyName: "two words; $(id)" });
    },
  },
);

const has = (name: string) => fs.existsSync(`/usr/bin/${name}`);

/** What the shell offers for a line that ends at the cursor. */
const shells: Record<string, (line: string[]) => Promise<string[]>> = {
  bash: (words) =>
    lines("bash", [
      "--norc",
      "-c",
      `source <(howdah completion bash)
       COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _howdah; printf '%s\\n' "\${COMPREPLY[@]}"`,
      "bash",
      ...words,
    ]),
  zsh: (words) =>
    lines("zsh", [
      "-f",
      "-c",
      // The completion system itself needs a terminal: what is given to it is looked at.
      `compdef() {}; _files() { print -r -- ':files' }
       _describe() { print -rl -- "\${(@)\${(@P)argv[-1]}%%:*}" }
       source <(howdah completion zsh)
       words=("$@") CURRENT=$#; _howdah`,
      "zsh",
      ...words,
    ]),
  fish: (words) =>
    lines("fish", [
      "--no-config",
      "-c",
      `howdah completion fish | source; complete -C "${words.join(" ")}"`,
    ]),
};

async function lines(shell: string, args: string[]): Promise<string[]> {
  const env = {
    PATH: `${BIN}:/usr/bin:/bin`,
    HOWDAH_DATA_DIR: howdah.it.dataDir,
    HOME: howdah.it.dataDir,
    TERM: "dumb",
  };
  const text = await runOk(`/usr/bin/${shell}`, args, { env });
  return text
    .split("\n")
    .map((line) => line.split("\t")[0]!)
    .filter((line) => line !== "");
}

const empty = "";

for (const [shell, complete] of Object.entries(shells)) {
  test(`${shell} offers commands, flags, values and names of databases`, {
    skip: has(shell) ? false : `${shell} is not installed`,
  }, async () => {
    const nouns = await complete(["howdah", empty]);
    for (const noun of ["db", "config", "env", "service", "completion", "psql"]) {
      assert.ok(nouns.includes(noun), `${noun} is missing: ${nouns}`);
    }
    assert.ok(!nouns.some((noun) => noun.startsWith("_")), "hidden commands stay hidden");
    assert.ok((await complete(["howdah", "db", empty])).includes("create"));
    const flags = await complete(["howdah", "db", "create", "--"]);
    assert.ok(flags.includes("--email") && flags.includes("--output"), String(flags));
    const formats = await complete(["howdah", "db", "list", "-o", empty]);
    assert.deepEqual(formats.sort(), ["json", "table", "yaml"]);
    const databases = await complete(["howdah", "psql", empty]);
    assert.ok(databases.includes("shop"), String(databases));
    assert.ok(!databases.some((name) => /[;$ ]/.test(name)), "only words that need no quotes");
    assert.ok((await complete(["howdah", "config", "get", "http"])).includes("http-port"));
  });
}

test("a Howdah that does not answer costs at most the deadline", async () => {
  const args = ["__complete", "--", "--api-url", "https://192.0.2.1", "psql", ""];
  const result = await run(program("howdah"), args, { env: { HOWDAH_API_KEY: "x".repeat(20) } });
  assert.equal(result.code, 0);
  assert.ok(result.ms < 1500, `${result.ms} ms`);
  assert.equal(result.stdout, "");
});

test("man pages are there for every command and without a fault", {
  skip: has("mandoc") ? false : "mandoc is not installed",
}, async () => {
  const folder = fs.mkdtempSync(path.join(howdah.it.dataDir, "..", "man-"));
  await runOk(program("howdah"), ["man", "--dir", folder]);
  const pages = fs.readdirSync(folder);
  for (const page of ["howdah.1", "howdah-db.1", "howdah-config.1", "howdah-service.1"]) {
    assert.ok(pages.includes(page), `${page} is missing`);
  }
  const files = pages.map((page) => path.join(folder, page));
  // A page without a date is meant: the same source makes the same page.
  const lint = await run("/usr/bin/mandoc", ["-Tlint", "-Wwarning", ...files]);
  const faults = lint.stdout.split("\n").filter((line) => line !== "" && !/date/.test(line));
  assert.deepEqual(faults, []);
  const text = await runOk("/usr/bin/mandoc", ["-Tutf8", path.join(folder, "howdah.1")]);
  // On a terminal bold is a letter, a backspace and the letter again.
  const read = text
    .split("\b")
    .map((part, i, all) => (i + 1 < all.length ? part.slice(0, -1) : part));
  assert.ok(read.join("").includes("HOWDAH_HTTP_PORT"));
});
