// Shows the OpenAPI document of the application. See docs/openapi.md.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
const $ = (selector) => document.querySelector(selector);
let schemas = {};

// Texts become text: nothing in the document is taken for HTML.
function element(name, kind, ...parts) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...parts.filter((part) => part !== null && part !== undefined));
  return made;
}

const nameOf = (schema) => schema.$ref?.split("/").pop().replaceAll("~1", "/").replaceAll("~0", "~");

// ---- a schema in a few words, and as a text with a line for each member

function brief(schema) {
  if (schema === true || schema === undefined) return "anything";
  if (schema.$ref) return nameOf(schema);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (several) return several.map(brief).join(schema.allOf ? " & " : " | ");
  const types = [schema.type ?? "anything"].flat().map((type) => {
    if (type === "array") return schema.prefixItems ? `[${schema.prefixItems.map(brief).join(", ")}]` : `${brief(schema.items)}[]`;
    if (type === "object" && schema.additionalProperties instanceof Object) return `{ [name]: ${brief(schema.additionalProperties)} }`;
    return type;
  });
  const limits = [
    schema.format, schema.minimum !== undefined && `≥ ${schema.minimum}`, schema.maximum !== undefined && `≤ ${schema.maximum}`,
    (schema.minLength || schema.maxLength !== undefined) && `${schema.minLength ?? 0} to ${schema.maxLength ?? "∞"} long`, schema.pattern,
  ].filter(Boolean);
  return types.join(" | ") + (limits.length ? ` (${limits.join(", ")})` : "");
}

function written(schema, seen = [], indent = "") {
  const name = schema?.$ref && nameOf(schema);
  if (name) {
    if (seen.includes(name) || !schemas[name]) return [name];
    return written(schemas[name], [...seen, name], indent);
  }
  if (schema?.type === "array" && schema.items) return ["[", ...written(schema.items, seen, indent), "]"];
  if (!schema?.properties) return [brief(schema)];
  const parts = ["{\n"];
  for (const [member, inner] of Object.entries(schema.properties)) {
    const optional = schema.required?.includes(member) ? "" : "?";
    parts.push(`${indent}  `, element("b", "", member), `${optional}: `, ...written(inner, seen, `${indent}  `));
    const said = inner?.description ?? (inner?.$ref && schemas[nameOf(inner)]?.description);
    if (said) parts.push(element("i", "", `  // ${said.replaceAll("\n", " ")}`));
    parts.push("\n");
  }
  parts.push(`${indent}}`);
  return parts;
}

function contents(content) {
  return Object.entries(content ?? {}).flatMap(([type, { schema }]) => [
    element("span", "soft", ` ${type}`),
    ...(nameOf(schema ?? {}) === "Problem" ? [] : [element("pre", "", ...written(schema))]),
  ]);
}

// ---- the operations

function part(title, ...content) {
  return element("div", "", element("h3", "", title), ...content);
}

function details(operation) {
  const parts = [];
  if (operation.description) parts.push(element("p", "", operation.description));
  if (operation["x-nova-security"]) {
    parts.push(part("Security", element("code", "", operation["x-nova-security"].join(", "))));
  }
  for (const place of ["path", "query", "header"]) {
    const rows = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
    if (!rows.length) continue;
    const list = rows.flatMap((parameter) => [
      element("dt", "", parameter.name, parameter.required ? element("i", "", " *") : ""),
      element("dd", "", element("code", "", brief(parameter.schema)), element("span", "soft", ` ${parameter.description ?? ""}`)),
    ]);
    parts.push(part({ path: "Path", query: "Query", header: "Headers" }[place], element("dl", "", ...list)));
  }
  if (operation.requestBody) {
    parts.push(part(operation.requestBody.required ? "Body" : "Body, may be left out", ...contents(operation.requestBody.content)));
  }
  const responses = Object.entries(operation.responses).flatMap(([status, response]) => [
    element("dt", "", status),
    element("dd", "", response.description, ...contents(response.content)),
  ]);
  parts.push(part("Responses", element("dl", "", ...responses)));
  return element("div", "body", ...parts);
}

function row({ path, method, operation, host }) {
  const isSocket = operation.responses["101"];
  const shown = path.split(/(\{[^}]*\})/).map((piece) => (piece.startsWith("{") ? element("b", "", piece) : piece));
  const summary = element("summary", "",
    element("span", `method ${isSocket ? "ws" : method}`, isSocket ? "WS" : method.toUpperCase()),
    element("code", "", host ?? "", ...shown),
    element("span", "summary", operation.summary ?? ""),
    operation["x-nova-security"] ? element("span", "lock", "secured") : "",
    operation.deprecated ? element("span", "old", "deprecated") : "");
  const made = element("details", operation.deprecated ? "gone" : "", summary);
  made.id = `${method}:${path}`;
  // What is not looked at is not made.
  made.addEventListener("toggle", () => made.open && made.childElementCount === 1 && made.append(details(operation)));
  return made;
}

function operations(api) {
  const found = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })));
  for (const { path, method, operation } of api["x-nova-also"] ?? []) {
    found.push({ path, method: method.toLowerCase(), operation });
  }
  return found.map((one) => ({ ...one, host: one.operation.servers?.[0]?.url.slice(2) }));
}

function show(api) {
  schemas = api.components?.schemas ?? {};
  document.title = `${api.info.title}: OpenAPI`;
  $("#title").textContent = api.info.title;
  $("#version").textContent = api.info.version;
  const wanted = $("#filter").value.toLowerCase();
  const groups = new Map();
  for (const one of operations(api)) {
    const text = [one.method, one.host, one.path, one.operation.summary, one.operation.operationId].join(" ").toLowerCase();
    if (!text.includes(wanted)) continue;
    const tag = one.operation.tags?.[0] ?? "Other";
    groups.set(tag, [...(groups.get(tag) ?? []), one]);
  }
  const named = [...groups].sort(([a], [b]) => (a === "Other") - (b === "Other") || a.localeCompare(b));
  const sections = named.map(([tag, rows]) => element("section", "", element("h2", "", tag), ...rows.map(row)));
  $("#operations").replaceChildren(...(sections.length ? sections : [element("p", "soft", "Nothing matches.")]));
  // A link leads to an operation.
  const linked = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked) linked.open = true;
}

fetch("/__nova/openapi.json")
  .then((response) => response.json())
  .then((api) => {
    show(api);
    $("#filter").addEventListener("input", () => show(api));
  })
  .catch((error) => $("#operations").replaceChildren(element("p", "soft", `The document can't be shown: ${error.message}`)));

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== $("#filter")) {
    event.preventDefault();
    $("#filter").focus();
  }
});
