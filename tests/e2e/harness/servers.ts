// SPDX-License-Identifier: Apache-2.0
// PostgreSQL servers of the majors that Debian does not have, from the packages postgres-server-N
// of package.json: servers and contrib modules, no client programs.
//
// Usage as a program: node servers.ts FOLDER [MAJOR...] places them there (all when none is named)
// and prints their folders with ':' between, as HOWDAH_TEST_POSTGRES_DIRS wants them.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { E2E } from "./paths.ts";

const PREFIX = "postgres-server-";

/** What a package says of the symbolic links that npm leaves out. */
interface Link {
  source: string;
  target: string;
}

/** Hard links where that is possible: the files are many, and never changed. */
function place(from: string, to: string): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) {
      place(source, target);
    } else {
      try {
        fs.linkSync(source, target);
      } catch {
        fs.copyFileSync(source, target);
      }
    }
  }
}

function placeLinks(from: string, to: string): void {
  const file = path.join(from, "native/pg-symlinks.json");
  for (const { source, target } of JSON.parse(fs.readFileSync(file, "utf8")) as Link[]) {
    const place = path.join(to, path.relative("native", target));
    fs.rmSync(place, { force: true });
    fs.symlinkSync(path.relative(path.dirname(target), source), place);
  }
}

/**
 * All of them in a folder, as FOLDER/<major>/bin and so on: a checkout may be closed to the users
 * that instances run as. Returns the folder of each major.
 */
export function placeServers(folder: string, only: number[] = []): Map<number, string> {
  const modules = path.join(E2E, "node_modules");
  const servers = new Map<number, string>();
  for (const name of fs.readdirSync(modules).filter((entry) => entry.startsWith(PREFIX))) {
    const major = Number(name.slice(PREFIX.length));
    if (only.length > 0 && !only.includes(major)) continue;
    const home = path.join(folder, String(major));
    place(path.join(modules, name, "native"), home);
    placeLinks(path.join(modules, name), home);
    servers.set(major, home);
  }
  return servers;
}

/** The same in a folder that goes with this process. */
export function placeServersForNow(): Map<number, string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-e2e-servers-"));
  fs.chmodSync(folder, 0o755);
  process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  return placeServers(folder);
}

if (process.argv[1] === import.meta.filename) {
  const [folder, ...majors] = process.argv.slice(2);
  if (!folder) throw new Error("usage: servers.ts FOLDER [MAJOR...]");
  console.log([...placeServers(path.resolve(folder), majors.map(Number)).values()].join(":"));
}
