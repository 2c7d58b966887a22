// SPDX-License-Identifier: Apache-2.0
// Where the built programs and the project's files are.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const ROOT = path.resolve(import.meta.dirname, "../../..");
export const E2E = path.join(ROOT, "tests/e2e");

/** The folder of the programs under test: HOWDAH_BIN, else the release build. */
export const BIN = path.resolve(process.env.HOWDAH_BIN ?? path.join(ROOT, "build/release/bin"));

/** One of howdah, howdahd, howdah-gate, howdah-node. */
export function program(name: string): string {
  return path.join(BIN, name);
}

let copied: string | undefined;

/** The same program where any user can reach it: a checkout under /root is closed to others. */
export function publicProgram(name: string): string {
  let folder = BIN;
  while (folder !== "/" && (fs.statSync(folder).mode & 0o001) !== 0) folder = path.dirname(folder);
  if (folder === "/") return program(name);
  if (!copied) {
    const made = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-e2e-bin-"));
    fs.chmodSync(made, 0o755);
    for (const file of ["howdah", "howdahd", "howdah-gate", "howdah-node"]) {
      fs.copyFileSync(program(file), path.join(made, file));
    }
    process.on("exit", () => fs.rmSync(made, { recursive: true, force: true }));
    copied = made;
  }
  return path.join(copied, name);
}

export const IS_ROOT = process.getuid?.() === 0;
