// SPDX-License-Identifier: Apache-2.0
// The API reference: reads /openapi.json and shows it. Text only ever becomes text nodes; the API
// key stays in this page's memory and goes nowhere but to this server.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const ACCESS = {
  open: "no key",
  read: "read key",
  write: "write key",
  admin: "admin key",
  local: "on the machine itself",
};
let contract;

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== ""));
  return node;
}

/** Words with `code` in them. */
function words(text) {
  return (text ?? "").split(/(`[^`]+`)/).map((part) =>
    part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part);
}

function paragraphs(text) {
  return (text ?? "").trim().split(/\n\s*\n/).filter(Boolean).map((one) => h("p", {}, words(one)));
}

function resolve(node) {
  let at = node;
  while (at?.$ref) at = at.$ref.slice(2).split("/").reduce((from, name) => from[name], contract);
  return at ?? {};
}

function isNull(schema) {
  return resolve(schema).type === "null";
}

/** A schema in a few words. */
function typeOf(given) {
  const schema = resolve(given);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.oneOf) return [...new Set(schema.oneOf.map(typeOf))].join(" | ");
  const types = [schema.type ?? "any"].flat();
  const name = types.map((type) => type === "array" ? `array of ${typeOf(schema.items)}` : type);
  const limits = [];
  if (schema.minimum !== undefined || schema.maximum !== undefined) {
    limits.push(`${schema.minimum ?? ""}…${schema.maximum ?? ""}`);
  }
  if (schema.maxLength) limits.push(`${schema.minLength ?? 0}…${schema.maxLength} characters`);
  if (schema.maxItems) limits.push(`at most ${schema.maxItems}`);
  if (schema.default !== undefined) limits.push(`default ${JSON.stringify(schema.default)}`);
  return name.join(" | ") + (limits.length ? ` (${limits.join(", ")})` : "");
}

function fieldsOf(given, depth = 0) {
  const schema = resolve(given);
  if (schema.type === "array") return fieldsOf(schema.items, depth);
  if (schema.oneOf) return schema.oneOf.filter((one) => !isNull(one)).map((one) => fieldsOf(one, depth));
  if (!schema.properties || depth > 5) return [];
  const required = new Set(schema.required ?? []);
  return h("ul", { class: "fields" }, Object.entries(schema.properties).map(([name, field]) =>
    h("li", {}, h("code", {}, name), " ", h("span", { class: "type" }, typeOf(field)),
      required.has(name) ? h("span", { class: "required" }, " required") : "",
      " ", words(field.description ?? resolve(field).description),
      fieldsOf(field, depth + 1))));
}

const SAMPLES = {
  friendlyName: "My shop", ownerEmail: "me@example.org", ipAddress: "192.0.2.0/24", name: "shop",
  description: "office", owner_email: "me@example.org", friendly_name: "My shop",
  ip_address: "192.0.2.0/24", database_name: "tenant_k3v9x2ab", username: "user_k3v9x2ab",
  size_pretty: "8016 kB", size_bytes: 8208384, branch: "main", host: "localhost",
};

function textSample(schema) {
  const pattern = schema.pattern ?? "";
  if (pattern.startsWith("^[0-9a-fA-F]{8}")) return "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b";
  if (pattern.startsWith("^[0-9]{4}-")) return "2026-01-02T03:04:05.678Z";
  if (pattern.startsWith("^postgresql://")) {
    return "postgresql://user_k3v9x2ab:…@localhost:5432/tenant_k3v9x2ab?sslmode=require";
  }
  return "…";
}

/** An example made from the schema; for requests only what is required or short. */
function sample(given, name = "", depth = 0) {
  const schema = resolve(given);
  if (schema.example !== undefined) return schema.example;
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (name in SAMPLES) return SAMPLES[name];
  if (schema.default !== undefined) return schema.default;
  if (schema.oneOf) return sample(schema.oneOf.find((one) => !isNull(one)), name, depth);
  const type = [schema.type].flat()[0];
  if (type === "array") return depth > 4 ? [] : [sample(schema.items, name, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum ?? 0;
  if (type === "boolean") return false;
  if (type === "string") return textSample(schema);
  if (!schema.properties || depth > 5) return type === "null" ? null : {};
  return Object.fromEntries(Object.entries(schema.properties).map(([field, value]) =>
    [field, sample(value, field, depth + 1)]));
}

function requestSample(given) {
  const schema = resolve(given);
  const required = new Set(schema.required ?? []);
  const all = Object.entries(schema.properties ?? {});
  const shown = required.size ? all.filter(([name]) => required.has(name)) : all.slice(0, 1);
  return Object.fromEntries(shown.map(([name, value]) => [name, sample(value, name)]));
}

function jsonBodyOf(response) {
  return Object.entries(response.content ?? {}).find(([media]) => media.includes("json"))?.[1]?.schema;
}

function parametersOf(call) {
  return [...(call.item.parameters ?? []), ...(call.operation.parameters ?? [])].map(resolve);
}

function parameterTable(parameters) {
  if (!parameters.length) return [];
  return [h("h3", {}, "Parameters"), h("table", { class: "wide" },
    h("thead", {}, h("tr", {}, ["name", "in", "type", ""].map((name) => h("th", {}, name)))),
    h("tbody", {}, parameters.map((one) => h("tr", {},
      h("td", {}, h("code", {}, one.name), one.required ? h("span", { class: "required" }, " required") : ""),
      h("td", {}, one.in), h("td", {}, h("span", { class: "type" }, typeOf(one.schema))),
      h("td", {}, words(one.description))))))];
}

function responseList(call) {
  return Object.entries(call.operation.responses).map(([status, given]) => {
    const response = resolve(given);
    const schema = jsonBodyOf(response);
    const title = h("summary", {}, h("code", {}, status === "default" ? "4xx, 5xx" : status), " ",
      words(response.description));
    if (!schema) return h("p", {}, title.childNodes.length ? [...title.childNodes] : "");
    const isProblem = status === "default" || Number(status) >= 400;
    return h("details", {}, title, fieldsOf(schema),
      isProblem ? "" : h("pre", {}, JSON.stringify(sample(schema), null, 2)));
  });
}

function curlOf(call, body) {
  const lines = [`curl -X ${call.method} '${location.origin}${call.path}'`];
  if (call.access !== "open") lines.push(`  -H "X-API-Key: $HOWDAH_API_KEY"`);
  if (call.method === "POST") lines.push(`  -H "Idempotency-Key: $(uuidgen)"`);
  if (body) lines.push("  -H 'Content-Type: application/json'", `  -d '${JSON.stringify(body)}'`);
  return lines.join(" \\\n");
}

async function send(call, form, output) {
  const data = new FormData(form);
  let path = call.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const one of parametersOf(call)) {
    const value = String(data.get(`${one.in}:${one.name}`) ?? "");
    if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (value !== "" && one.in === "query") query.set(one.name, value);
    else if (value !== "" && one.in === "header") headers[one.name] = value;
  }
  const key = document.getElementById("key").value.trim();
  if (key !== "") headers["X-API-Key"] = key;
  const body = data.get("body");
  if (body) headers["Content-Type"] = "application/json";
  const search = query.toString();
  output.textContent = "…";
  try {
    const began = performance.now();
    const reply = await fetch(path + (search ? `?${search}` : ""), {
      method: call.method, headers, body: body || undefined, credentials: "omit",
      signal: AbortSignal.timeout(60000),
    });
    const text = await reply.text();
    const took = Math.round(performance.now() - began);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON */ }
    const seen = ["location", "link", "retry-after", "ratelimit", "x-request-id"]
      .filter((name) => reply.headers.has(name))
      .map((name) => `${name}: ${reply.headers.get(name)}`);
    output.textContent = [`${reply.status} in ${took} ms`, ...seen, "", shown].join("\n");
  } catch (error) {
    output.textContent = `no answer: ${error.message}`;
  }
}

function tryIt(call, body) {
  if (call.access === "local" || call.streams) {
    return h("p", { class: "faint" }, call.streams ? "A stream: follow it with curl -N."
      : "Answered on the control socket of the machine only: use the command line there.");
  }
  const output = h("pre", { hidden: "" });
  const form = h("form", { class: "try", onsubmit: (event) => {
    event.preventDefault();
    output.hidden = false;
    send(call, form, output);
  } },
  h("div", {}, parametersOf(call).map((one) => h("label", {}, `${one.name} (${one.in})`,
    h("input", { name: `${one.in}:${one.name}`, required: one.required ? "" : false, autocomplete: "off" })))),
  body ? h("label", {}, "body", h("textarea", { name: "body", spellcheck: "false" }, JSON.stringify(body, null, 2))) : "",
  call.method === "GET" ? "" : h("p", { class: "warning" }, "This changes something on this server."),
  h("p", {}, h("button", {}, `Send ${call.method}`)));
  return [form, output];
}

function fill(call, inside) {
  const schema = resolve(call.operation.requestBody).content?.["application/json"]?.schema;
  const body = schema ? requestSample(schema) : undefined;
  inside.append(...[
    paragraphs(call.operation.description),
    parameterTable(parametersOf(call)),
    schema ? [h("h3", {}, "Body"), fieldsOf(schema)] : [],
    h("h3", {}, "Example"), h("pre", {}, curlOf(call, body)),
    h("h3", {}, "Answers"), responseList(call),
    h("h3", {}, "Try it"), tryIt(call, body),
  ].flat(Infinity));
}

function show(call) {
  const inside = h("div", { class: "inside" });
  let filled = false;
  const about = [call.operation.summary];
  const node = h("details", { class: "call", id: call.operation.operationId, ontoggle: () => {
    if (!filled && node.open) fill(call, inside);
    filled ||= node.open;
  } },
  h("summary", {}, h("span", { class: `method ${call.method}` }, call.method),
    h("code", { class: "path" }, call.path), h("span", { class: "about" }, about),
    h("span", { class: "access" }, ACCESS[call.access] ?? "")), inside);
  call.node = node;
  return node;
}

function callsOf() {
  return Object.entries(contract.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const streams = "text/event-stream" in (resolve(operation.responses["200"]).content ?? {});
      return { path, item, operation, streams, method: method.toUpperCase(), access: operation["x-access"] };
    }));
}

function errorTable() {
  return [h("h2", { id: "errors" }, "Error codes"),
    ...paragraphs("Every error is `application/problem+json` with one of these as `code`; `hint` says what to do."),
    h("table", { class: "wide" },
      h("thead", {}, h("tr", {}, ["code", "HTTP", "meaning"].map((name) => h("th", {}, name)))),
      h("tbody", {}, (contract["x-error-codes"] ?? []).map((one) => h("tr", {},
        h("td", {}, h("code", {}, one.code)), h("td", {}, String(one.http)), h("td", {}, one.doc)))))];
}

function filter(calls) {
  const wanted = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const call of calls) {
    const text = `${call.method} ${call.path} ${call.operation.summary} ${call.operation.operationId}`.toLowerCase();
    call.node.hidden = !wanted.every((word) => text.includes(word));
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = ![...section.querySelectorAll("details.call")].some((node) => !node.hidden);
  }
}

function open() {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (node?.matches("details.call")) node.open = true;
  node?.scrollIntoView();
}

async function start() {
  const main = document.getElementById("main");
  try {
    contract = await (await fetch("/openapi.json")).json();
  } catch (error) {
    main.replaceChildren(h("p", {}, `/openapi.json cannot be read: ${error.message}`));
    return;
  }
  document.getElementById("version").textContent = contract.info.version;
  const calls = callsOf();
  const tags = contract.tags ?? [];
  main.replaceChildren(...paragraphs(contract.info.summary), ...paragraphs(contract.info.description),
    ...tags.map((tag) => h("section", {}, h("h2", { id: `tag-${tag.name}` }, tag.name),
      h("p", { class: "faint" }, tag.description ?? ""),
      calls.filter((call) => call.operation.tags?.includes(tag.name)).map(show))),
    ...errorTable());
  document.getElementById("contents").replaceChildren(
    h("p", {}, tags.map((tag) => [h("a", { href: `#tag-${tag.name}` }, h("strong", {}, tag.name)),
      h("ul", {}, calls.filter((call) => call.operation.tags?.includes(tag.name)).map((call) =>
        h("li", {}, h("a", { href: `#${call.operation.operationId}` }, call.operation.summary))))]),
    h("a", { href: "#errors" }, h("strong", {}, "error codes"))));
  document.getElementById("filter").addEventListener("input", () => filter(calls));
  addEventListener("hashchange", open);
  open();
}

start();
