// SPDX-License-Identifier: Apache-2.0
// Holds every answer of the API against api/openapi.yaml: status, media type and body.
import fs from "node:fs";
import path from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";
import { ROOT } from "./paths.ts";

interface Media {
  schema?: object;
}
interface Described {
  $ref?: string;
  content?: Record<string, Media>;
}
interface Operation {
  operationId: string;
  responses: Record<string, Described>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components?: Record<string, Record<string, Described>>;
}

export interface Answer {
  status: number;
  contentType: string;
  body: unknown;
}

const ID = "howdah";
const escapePointer = (text: string) => text.replaceAll("~", "~0").replaceAll("/", "~1");

export class Contract {
  readonly document: Document;
  readonly seen = new Set<string>();
  private readonly ajv: Ajv2020;
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(file = path.join(ROOT, "api/openapi.yaml")) {
    this.document = parse(fs.readFileSync(file, "utf8")) as Document;
    this.ajv = new Ajv2020({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.ajv);
    this.ajv.addSchema(this.document, ID);
  }

  /** The described path that a request's path belongs to; literal segments win. */
  private match(url: string): string | undefined {
    const segments = url.replace(/^\/api\/v1\//, "/api/").split("/");
    const fits = Object.keys(this.document.paths).filter((pattern) => {
      const parts = pattern.split("/");
      return (
        parts.length === segments.length &&
        parts.every((part, i) => part.startsWith("{") || part === segments[i])
      );
    });
    return fits.sort((a, b) => a.split("{").length - b.split("{").length)[0];
  }

  /** Throws with every difference; what is not described at all is one, too. */
  check(method: string, url: string, answer: Answer): void {
    const pattern = this.match(url);
    const operation = pattern && this.document.paths[pattern]?.[method.toLowerCase()];
    if (!pattern || !operation) {
      // Only refusals may come from paths that are not described.
      if (answer.status === 404 || answer.status === 405 || answer.status === 401) return;
      throw new Error(`${method} ${url} answered ${answer.status} but is not in api/openapi.yaml`);
    }
    const { responses } = operation;
    const key = [`${answer.status}`, `${Math.floor(answer.status / 100)}XX`, "default"].find(
      (candidate) => candidate in responses,
    );
    if (!key) throw new Error(`${method} ${pattern}: status ${answer.status} is not described`);
    this.seen.add(`${method} ${pattern} ${answer.status}`);
    let pointer = `#/paths/${escapePointer(pattern)}/${method.toLowerCase()}/responses/${key}`;
    let described = responses[key]!;
    if (described.$ref) {
      pointer = described.$ref;
      const [, , group, name] = pointer.split("/");
      described = this.document.components![group!]![name!]!;
    }
    this.checkBody(`${method} ${pattern} ${answer.status}`, pointer, described, answer);
  }

  private checkBody(where: string, pointer: string, described: Described, answer: Answer): void {
    if (!described.content) {
      if (answer.body !== undefined && answer.body !== "") {
        throw new Error(`${where}: has a body, but none is described`);
      }
      return;
    }
    const media = answer.contentType.split(";")[0]!.trim();
    if (!(media in described.content)) {
      throw new Error(`${where}: media type '${media}' is not described`);
    }
    if (!described.content[media]?.schema || !media.includes("json")) return;
    const reference = `${ID}${pointer}/content/${escapePointer(media)}/schema`;
    let validate = this.compiled.get(reference);
    if (!validate) {
      validate = this.ajv.compile({ $ref: encodeURI(reference) });
      this.compiled.set(reference, validate);
    }
    if (!validate(answer.body)) {
      throw new Error(
        `${where} differs from api/openapi.yaml:\n${this.ajv.errorsText(validate.errors, {
          separator: "\n",
        })}\n${JSON.stringify(answer.body, null, 1).slice(0, 2000)}`,
      );
    }
  }
}
