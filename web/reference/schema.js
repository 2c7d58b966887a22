// SPDX-License-Identifier: Apache-2.0
// JSON Schemas in words, and values that fit them. No DOM.
/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Json} Json */
/** @typedef {import("./contract.js").Operation} Operation */

const number = new Intl.NumberFormat("en");

/** The types a schema allows, null last: ["string", "null"].
 * @param {Contract} contract
 * @param {Json} node
 * @returns {string[]}
 */
function typesOf(contract, node) {
  const schema = contract.resolve(node);
  if (schema.oneOf ?? schema.anyOf) {
    const parts = (schema.oneOf ?? schema.anyOf).flatMap((/** @type {Json} */ part) =>
      typesOf(contract, part),
    );
    return nullLast([...new Set(parts)]);
  }
  if (schema.type) return nullLast([schema.type].flat());
  const given = schema.enum ?? ("const" in schema ? [schema.const] : []);
  const found = [...new Set(given.map((/** @type {unknown} */ one) => jsonType(one)))];
  if (found.length > 0) return nullLast(found);
  return [schema.properties ? "object" : "any"];
}

/** @param {string[]} types */
function nullLast(types) {
  return types.sort((a, b) => Number(a === "null") - Number(b === "null"));
}

/** @param {unknown} value */
function jsonType(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** The part of a oneOf that is not null: what there is to show of it.
 * @param {Contract} contract
 * @param {Json} node
 */
export function mainPart(contract, node) {
  const schema = contract.resolve(node);
  const parts = schema.oneOf ?? schema.anyOf;
  if (!parts) return schema;
  const part = parts.find((/** @type {Json} */ one) => typesOf(contract, one).join() !== "null");
  const description = schema.description ? { description: schema.description } : {};
  return { ...contract.resolve(part), ...description };
}

/** "array of string or null".
 * @param {Contract} contract
 * @param {Json} node
 * @returns {string}
 */
export function typeText(contract, node) {
  const schema = mainPart(contract, node);
  const words = typesOf(contract, node).map((type) =>
    type === "array" && schema.items ? `array of ${typeText(contract, schema.items)}` : type,
  );
  return words.join(" or ");
}

/** What a value must fulfil besides its type, in short phrases.
 * @param {Contract} contract
 * @param {Json} node
 * @returns {string[]}
 */
export function limitsText(contract, node) {
  const schema = mainPart(contract, node);
  const found = [];
  const range = (/** @type {number | undefined} */ min, /** @type {number | undefined} */ max) => {
    if (min !== undefined && max !== undefined)
      return `${number.format(min)} to ${number.format(max)}`;
    if (max !== undefined) return `at most ${number.format(max)}`;
    return min !== undefined && min > 0 ? `at least ${number.format(min)}` : "";
  };
  if ("const" in schema) found.push(`always ${JSON.stringify(schema.const)}`);
  if (schema.enum)
    found.push(
      `one of ${schema.enum.map((/** @type {unknown} */ one) => JSON.stringify(one)).join(", ")}`,
    );
  const value = range(schema.minimum, schema.maximum);
  if (value) found.push(value);
  const size = range(schema.minLength, schema.maxLength);
  if (size) found.push(`${size} characters`);
  const items = range(schema.minItems, schema.maxItems);
  if (items) found.push(`${items} entries`);
  if (schema.pattern) found.push(`fits ${schema.pattern}`);
  if ("default" in schema && schema.default !== "") {
    found.push(`default ${JSON.stringify(schema.default)}`);
  }
  return found;
}

/** The fields below a schema: of the object itself, or of what its array holds.
 * @param {Contract} contract
 * @param {Json} node
 * @returns {{name: string, required: boolean, schema: Json}[]}
 */
export function fieldsOf(contract, node) {
  const schema = mainPart(contract, node);
  if (schema.items) return fieldsOf(contract, schema.items);
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    required: required.has(name),
    schema: field,
  }));
}

/** A value that the schema allows. Requests hold what is required only, or else one field.
 * @param {Contract} contract
 * @param {Json} node
 * @param {{request?: boolean, depth?: number}} options
 * @returns {unknown}
 */
export function exampleOf(contract, node, options = {}) {
  const depth = options.depth ?? 0;
  const schema = mainPart(contract, node);
  if ("const" in schema) return schema.const;
  if (schema.examples?.length > 0) return schema.examples[0];
  if ("default" in schema && !options.request) return schema.default;
  if (schema.enum) return schema.enum[0];
  const [type] = typesOf(contract, schema);
  if (type === "array") {
    const fits = depth < 8 && schema.items && (schema.minItems ?? 1) > 0;
    return fits ? [exampleOf(contract, schema.items, { ...options, depth: depth + 1 })] : [];
  }
  if (type === "object") return objectExample(contract, schema, { ...options, depth });
  return scalarExample(schema, type);
}

/**
 * @param {Json} schema
 * @param {string | undefined} type
 */
function scalarExample(schema, type) {
  if ("default" in schema) return schema.default;
  if (type === "integer" || type === "number") return Math.max(schema.minimum ?? 0, 1);
  if (type === "boolean") return true;
  if (type === "null") return null;
  return type === "string" ? "…".padEnd(schema.minLength ?? 1, "…") : {};
}

/**
 * @param {Contract} contract
 * @param {Json} schema
 * @param {{request?: boolean, depth: number}} options
 */
function objectExample(contract, schema, options) {
  /** @type {Record<string, unknown>} */
  const made = {};
  const all = fieldsOf(contract, schema);
  const required = all.filter((field) => field.required);
  const shown = options.request ? (required.length > 0 ? required : all.slice(0, 1)) : all;
  for (const field of options.depth < 8 ? shown : required) {
    made[field.name] = exampleOf(contract, field.schema, {
      ...options,
      depth: options.depth + 1,
    });
  }
  const more = schema.additionalProperties;
  if (all.length === 0 && more && typeof more === "object") {
    made.name = exampleOf(contract, more, { ...options, depth: options.depth + 1 });
  }
  return made;
}
