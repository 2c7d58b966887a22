// SPDX-License-Identifier: Apache-2.0
// What a test of reliability.md measured, as build/results/chaos/<test>.<scale>.json. page.ts makes
// docs/reliability.md of it.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { ROOT } from "../../e2e/harness/paths.ts";
import { SEED, scaled } from "./scale.ts";

export interface Figure {
  what: string;
  /** What was promised; empty where nothing was. */
  target: string;
  measured: string;
  met: boolean;
}

/** The same test against the unsafe way: it proves the test by failing. */
export interface Control {
  what: string;
  seen: string;
  failed: boolean;
}

export interface Report {
  test: string;
  title: string;
  scale: "short" | "full";
  seed: number;
  seconds: number;
  machine: Record<string, string>;
  figures: Figure[];
  controls: Control[];
  /** Why a part could not run here: it counts as not run. */
  not_run: string[];
  notes: string[];
}

/** From bench/machine.py, so that both pages say the same of a machine. */
function machineFacts(): Record<string, string> {
  const code = "import json, machine, sys; print(json.dumps(machine.facts(sys.argv[1])))";
  const cwd = path.join(ROOT, "bench");
  const text = execFileSync("python3", ["-B", "-c", code, os.tmpdir()], {
    cwd,
    encoding: "utf8",
  });
  return JSON.parse(text) as Record<string, string>;
}

/** One for each file, at its top level: written when the file's last test has ended. */
export class Reporter {
  private readonly report: Report;
  private readonly begun = performance.now();

  /** test: "T6" of reliability.md; title: a few words. */
  constructor(test: string, title: string) {
    this.report = {
      test,
      title,
      scale: scaled("short", "full"),
      seed: SEED,
      seconds: 0,
      machine: machineFacts(),
      figures: [],
      controls: [],
      not_run: [],
      notes: [],
    };
    after(() => this.write());
  }

  figure(figure: Figure): void {
    this.report.figures.push(figure);
  }

  control(control: Control): void {
    this.report.controls.push(control);
  }

  note(text: string): void {
    this.report.notes.push(text);
  }

  notRun(text: string): void {
    this.report.not_run.push(text);
  }

  private write(): void {
    this.report.seconds = Math.round((performance.now() - this.begun) / 1000);
    const folder = path.join(ROOT, "build/results/chaos");
    fs.mkdirSync(folder, { recursive: true });
    const name = `${this.report.test.toLowerCase()}.${this.report.scale}.json`;
    fs.writeFileSync(path.join(folder, name), `${JSON.stringify(this.report, null, 1)}\n`);
  }
}
