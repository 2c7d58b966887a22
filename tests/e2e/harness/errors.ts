// SPDX-License-Identifier: Apache-2.0
// What api/errors.yaml promises of each error code, so that a test can hold a refusal against it.
import fs from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { ROOT } from "./paths.ts";

export interface DeclaredError {
  code: string;
  http: number;
  sqlstate: string;
  exit: number;
  title: string;
  doc: string;
}

export const DECLARED_ERRORS: DeclaredError[] = parse(
  fs.readFileSync(path.join(ROOT, "api/errors.yaml"), "utf8"),
);

export function declared(code: string): DeclaredError {
  const found = DECLARED_ERRORS.find((error) => error.code === code);
  if (!found) throw new Error(`api/errors.yaml has no code '${code}'`);
  return found;
}
