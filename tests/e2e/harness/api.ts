// SPDX-License-Identifier: Apache-2.0
// The HTTP API as a caller sees it. Every answer is held against api/openapi.yaml.
import { Contract } from "./openapi.ts";

export interface Database {
  id: string;
  database_name: string;
  username: string;
  password: string;
  owner_email: string;
  friendly_name: string;
  max_connections: number;
  status: string;
  created_at: string;
  connection_string: string;
  connection_string_pooled: string;
  shadow_database_url: string;
  shadow_database_url_pooled: string;
  psql_command: string;
  connection_uri: string;
  connection_uri_pooled: string;
  ca_certificate_url: string;
}

/** The body of a refusal (problem+json). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: { pointer: string; detail: string }[];
  hint?: string;
  success: false;
  message: string;
}

export interface CallOptions {
  body?: unknown;
  /** Sent as it is, instead of body as JSON. */
  raw?: string;
  headers?: Record<string, string>;
  /** null: none at all. */
  key?: string | null;
}

export interface Reply<T> {
  status: number;
  headers: Headers;
  body: T;
  data: T extends { data: infer D } ? D : unknown;
}

/** Any JSON: the contract check at run time is the type check of answers. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Json = any;

let contract: Contract | undefined;

export class Api {
  readonly url: string;
  readonly key: string;

  constructor(url: string, key: string) {
    this.url = url;
    this.key = key;
  }

  /** One request; any status. Throws when the answer differs from the contract. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Reply<Json>> {
    const headers: Record<string, string> = { ...options.headers };
    const key = options.key === undefined ? this.key : options.key;
    if (key !== null) headers["X-API-Key"] ??= key;
    let body = options.raw;
    if (options.body !== undefined) body = JSON.stringify(options.body);
    if (body !== undefined) headers["Content-Type"] ??= "application/json";
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers,
      body,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const contentType = response.headers.get("content-type") ?? "";
    const parsed = contentType.includes("json") && text !== "" ? JSON.parse(text) : text;
    contract ??= new Contract();
    contract.check(method, path.split("?")[0]!, {
      status: response.status,
      contentType,
      body: parsed,
    });
    return { status: response.status, headers: response.headers, body: parsed, data: parsed?.data };
  }

  /** As call(), but any other status than the expected one is an error. */
  async expect(
    status: number,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Json> {
    const reply = await this.call(method, path, options);
    if (reply.status !== status) {
      throw new Error(
        `${method} ${path}: ${reply.status} instead of ${status}: ${JSON.stringify(reply.body)}`,
      );
    }
    return reply.body;
  }

  async createDatabase(fields: Record<string, unknown> = {}): Promise<Database> {
    const body = await this.expect(201, "POST", "/api/databases", {
      body: { friendlyName: "test", ownerEmail: "owner@example.org", ...fields },
    });
    return body.data as Database;
  }

  async deleteDatabase(id: string): Promise<void> {
    await this.expect(200, "DELETE", `/api/databases/${id}`);
  }

  async problem(
    status: number,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Problem> {
    return (await this.expect(status, method, path, options)) as Problem;
  }
}
