// SPDX-License-Identifier: Apache-2.0
// A disk whose power can be cut, without special devices: an image on a file system with reflinks,
// mounted. A clone of the image of the *live* disk is what a power cut leaves: what was written
// out, and nothing that is only in memory. It does not reorder writes.
//
//   BASE/outer.img     XFS with reflinks, mounted at BASE/outer
//   BASE/outer/disk.img   ext4, mounted at BASE/disk: the machine's disk
//   BASE/outer/cut-N.img  what a cut left
//
// Everything goes with the process, also where a test fails. Needs root.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { makeBase } from "../../e2e/harness/howdah.ts";
import { mountsOf } from "../../e2e/harness/leftovers.ts";
import { runOk } from "../../e2e/harness/run.ts";

const DISK_BYTES = 3 * 1024 ** 3;
const OUTER_BYTES = 40 * 1024 ** 3; // sparse: takes what the clones differ by
const TIMEOUT_MS = 60_000;

const live = new Set<CutDisk>();
process.on("exit", () => {
  for (const disk of live) disk.remove();
});

function runNow(file: string, ...args: string[]): void {
  execFileSync(file, args, { stdio: ["ignore", "ignore", "pipe"], timeout: TIMEOUT_MS });
}

/** Makes an image and mounts it. */
function makeFileSystem(image: string, bytes: number, mkfs: string[]): void {
  fs.closeSync(fs.openSync(image, "wx"));
  fs.truncateSync(image, bytes);
  runNow(mkfs[0]!, ...mkfs.slice(1), image);
}

/** Mounted until done() has ended. */
export async function withMounted<T>(
  image: string,
  place: string,
  done: () => Promise<T>,
): Promise<T> {
  fs.mkdirSync(place, { recursive: true });
  await runOk("mount", ["-o", "loop", image, place], { timeoutMs: TIMEOUT_MS });
  try {
    return await done();
  } finally {
    await runOk("umount", [place], { timeoutMs: TIMEOUT_MS });
  }
}

export class CutDisk {
  readonly base: string;
  private cuts = 0;

  constructor() {
    this.base = makeBase();
    live.add(this);
    const outer = path.join(this.base, "outer.img");
    const xfs = ["mkfs.xfs", "-q", "-K", "-s", "size=4096", "-m", "reflink=1"];
    makeFileSystem(outer, OUTER_BYTES, xfs);
    this.mount(outer, "outer");
    makeFileSystem(this.image, DISK_BYTES, ["mkfs.ext4", "-q", "-F", "-b", "4096"]);
    this.mount(this.image, "disk");
  }

  private get image(): string {
    return path.join(this.base, "outer/disk.img");
  }

  /** Where the machine's disk is mounted: the place for a data folder. */
  get root(): string {
    return path.join(this.base, "disk");
  }

  private mount(image: string, name: string): void {
    const place = path.join(this.base, name);
    fs.mkdirSync(place, { recursive: true });
    runNow("mount", "-o", "loop", image, place);
    fs.chmodSync(place, 0o755);
  }

  /** What a power cut at this moment would leave, while all goes on. */
  async cut(): Promise<string> {
    const copy = path.join(this.base, "outer", `cut-${this.cuts++}.img`);
    await runOk("cp", ["--reflink=always", this.image, copy], { timeoutMs: TIMEOUT_MS });
    return copy;
  }

  /** After the power cut that left this: the machine starts with it. Nothing may use the disk. */
  startFrom(cut: string): void {
    runNow("umount", this.root);
    fs.renameSync(cut, this.image);
    this.mount(this.image, "disk");
  }

  /** Runs with the content of a cut mounted elsewhere. */
  inside<T>(cut: string, look: (root: string) => Promise<T>): Promise<T> {
    const place = path.join(this.base, "looked-at");
    return withMounted(cut, place, () => look(place));
  }

  remove(): void {
    live.delete(this);
    for (const place of mountsOf(this.base).reverse()) {
      try {
        runNow("umount", "-l", place);
      } catch {
        // the next one may still go
      }
    }
    fs.rmSync(this.base, { recursive: true, force: true, maxRetries: 5 });
  }
}
