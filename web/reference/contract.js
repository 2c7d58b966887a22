// SPDX-License-Identifier: Apache-2.0
// The description of the server (OpenAPI 3.1) as this page needs it. No DOM.

/** @typedef {any} Json parsed JSON: the description is checked where it is made */
/**
 * @typedef {object} Parameter
 * @property {string} name
 * @property {"path" | "query" | "header"} in
 * @property {boolean} required
 * @property {string} description
 * @property {Json} schema
 *
 * @typedef {object} Content
 * @property {string} media
 * @property {Json} schema
 *
 * @typedef {object} Answer
 * @property {string} status "200", or "default" for every error
 * @property {string} description
 * @property {boolean} isProblem the one shape of errors, which has a section of its own
 * @property {{name: string, description: string}[]} headers
 * @property {Content[]} contents
 *
 * @typedef {"open" | "read" | "write" | "admin" | "local"} Access
 *
 * @typedef {object} Operation
 * @property {string} id
 * @property {string} method in capitals
 * @property {string} path
 * @property {string} tag
 * @property {string} summary
 * @property {string} description
 * @property {Access} access
 * @property {boolean} forOneDatabase whether a key of one database may be enough
 * @property {boolean} deprecated
 * @property {Parameter[]} parameters
 * @property {{required: boolean, media: string, schema: Json} | null} body
 * @property {Answer[]} answers
 *
 * @typedef {object} ErrorCode
 * @property {string} code
 * @property {number} http
 * @property {string} sqlstate
 * @property {number} exit
 * @property {string} title
 * @property {string} doc
 *
 * @typedef {{name: string, description: string, operations: Operation[]}} Group
 */

const METHODS = ["get", "post", "put", "patch", "delete"];
const PROBLEM = "#/components/responses/Problem";

export class Contract {
  /** @param {Json} document */
  constructor(document) {
    this.document = document;
    /** @type {ErrorCode[]} */
    this.errors = document["x-error-codes"] ?? [];
    /** @type {Group[]} */
    this.groups = this.#read();
  }

  /** The node itself, whatever number of $refs lead to it; what stands beside a $ref wins.
   * @param {Json} node
   * @returns {Json}
   */
  resolve(node) {
    let at = node;
    for (let hops = 0; at && typeof at.$ref === "string" && hops < 20; hops++) {
      const { $ref, ...beside } = at;
      at = { ...this.#lookUp($ref), ...beside };
    }
    return at;
  }

  /** @param {string} reference */
  #lookUp(reference) {
    let at = this.document;
    for (const part of reference.slice(2).split("/")) {
      at = at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
    }
    return at ?? {};
  }

  #read() {
    /** @type {Map<string, Group>} */
    const groups = new Map();
    for (const { name, description } of this.document.tags ?? []) {
      groups.set(name, { name, description: description ?? "", operations: [] });
    }
    for (const [path, item] of Object.entries(this.document.paths ?? {})) {
      for (const method of METHODS.filter((one) => one in item)) {
        const operation = this.#operation(path, method, item);
        const { tag } = operation;
        if (!groups.has(tag)) groups.set(tag, { name: tag, description: "", operations: [] });
        groups.get(tag)?.operations.push(operation);
      }
    }
    return [...groups.values()].filter((group) => group.operations.length > 0);
  }

  /**
   * @param {string} path
   * @param {string} method
   * @param {Json} item
   * @returns {Operation}
   */
  #operation(path, method, item) {
    const call = item[method];
    const parameters = [...(item.parameters ?? []), ...(call.parameters ?? [])];
    return {
      id: call.operationId,
      method: method.toUpperCase(),
      path,
      tag: call.tags?.[0] ?? "other",
      summary: call.summary ?? "",
      description: call.description ?? "",
      access: call["x-access"] ?? (call.security?.length === 0 ? "open" : "read"),
      forOneDatabase: call["x-any-key"] === true || /^\/api\/databases\/{id}(\/|$)/.test(path),
      deprecated: call.deprecated === true,
      parameters: parameters.map((parameter) => this.#parameter(parameter)),
      body: this.#body(call.requestBody),
      answers: Object.entries(call.responses ?? {}).map(([status, answer]) =>
        this.#answer(status, answer),
      ),
    };
  }

  /** @param {Json} node @returns {Parameter} */
  #parameter(node) {
    const { name, in: place, required, description, schema } = this.resolve(node);
    return {
      name,
      in: place,
      required: required === true,
      description: description ?? "",
      schema: schema ?? {},
    };
  }

  /** @param {Json} node @returns {Operation["body"]} */
  #body(node) {
    if (!node) return null;
    const { content, required } = this.resolve(node);
    const [first] = Object.entries(content ?? {});
    if (!first) return null;
    const [media, { schema }] = first;
    return { required: required === true, media, schema: schema ?? {} };
  }

  /** @param {string} status @param {Json} node @returns {Answer} */
  #answer(status, node) {
    const { description, headers, content } = this.resolve(node);
    return {
      status,
      description: description ?? "",
      isProblem: node.$ref === PROBLEM,
      headers: Object.entries(headers ?? {}).map(([name, header]) => ({
        name,
        description: this.resolve(header).description ?? "",
      })),
      contents: Object.entries(content ?? {}).map(([media, body]) => ({
        media,
        schema: body.schema ?? {},
      })),
    };
  }

  /** The fields of every error. */
  get problemSchema() {
    return { $ref: "#/components/schemas/Problem" };
  }

  /** @returns {Operation[]} */
  get operations() {
    return this.groups.flatMap((group) => group.operations);
  }
}
