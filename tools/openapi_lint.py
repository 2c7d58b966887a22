#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""api/openapi.yaml is complete enough to be tested against and to generate a client from.

Usage: tools/openapi_lint.py     prints every fault as file:line, exit code 1 where there is one
Checked: every $ref resolves; every operation has a unique operationId, a summary, the access that
it needs (x-access; `security: []` exactly where that is open) and a successful response; path
parameters are declared; JSON bodies have a schema; no schema component is unused.
"""
import re
import sys

import yaml

import tree

PATH = "api/openapi.yaml"
ACCESS = {"open", "read", "write", "admin", "local"}  # src/control/routes.h
METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


class Lines(yaml.SafeLoader):
    """Keeps the line of each mapping under a key that no document uses."""

    def construct_mapping(self, node, deep=False):
        mapping = super().construct_mapping(node, deep=deep)
        mapping["\0line"] = node.start_mark.line + 1
        return mapping


def keys(mapping):
    return [key for key in mapping if key != "\0line"]


def walk(node, line=1):
    """(mapping, line) of every mapping in the document."""
    if isinstance(node, dict):
        line = node.get("\0line", line)
        yield node, line
        for key in keys(node):
            yield from walk(node[key], line)
    elif isinstance(node, list):
        for item in node:
            yield from walk(item, line)


def resolve(document, reference):
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    at = document
    for part in reference[2:].split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(at, dict) or part not in at:
            return None
        at = at[part]
    return at


def parameters(document, *lists):
    for parameter in (entry for group in lists for entry in group or []):
        while isinstance(parameter, dict) and "$ref" in parameter:
            parameter = resolve(document, parameter["$ref"])
        if isinstance(parameter, dict):
            yield parameter


def check_operation(document, path, method, item):
    operation = item[method]
    line = operation.get("\0line", 1)
    where = f"{method.upper()} {path}"
    for field in ("operationId", "summary"):
        if not operation.get(field):
            yield line, f"{where}: no {field}"
    if operation.get("x-access") not in ACCESS:
        yield line, f"{where}: no x-access ({' '.join(sorted(ACCESS))})"
    elif (operation["x-access"] == "open") != (operation.get("security") == []):
        yield line, f"{where}: 'security: []' belongs to 'x-access: open', and to nothing else"
    responses = operation.get("responses") or {}
    if not any(str(status).startswith("2") or str(status) == "304" for status in keys(responses)):
        yield line, f"{where}: no successful response"
    declared = {parameter.get("name")
                for parameter in parameters(document, item.get("parameters"),
                                            operation.get("parameters"))
                if parameter.get("in") == "path"}
    used = set(re.findall(r"{([^}]+)}", path))
    for name in sorted(declared ^ used):
        only = "used" if name in used else "declared"
        yield line, f"{where}: path parameter '{name}' is only {only}"
    for mapping, at in walk(operation):
        for media in keys(mapping.get("content") or {}) if isinstance(
                mapping.get("content"), dict) else []:
            if "json" in media and "schema" not in (mapping["content"][media] or {}):
                yield at, f"{where}: {media} without a schema"


def check(document):
    if not str(document.get("openapi", "")).startswith("3."):
        yield 1, "not an OpenAPI 3 document"
    referenced, ids = set(), {}
    for mapping, line in walk(document):
        if "$ref" in mapping:
            referenced.add(mapping["$ref"])
            if resolve(document, mapping["$ref"]) is None:
                yield line, f"$ref {mapping['$ref']} does not resolve"
    for path in keys(document.get("paths") or {}):
        item = document["paths"][path]
        for method in METHODS & set(keys(item)):
            yield from check_operation(document, path, method, item)
            operation_id = item[method].get("operationId")
            if operation_id in ids:
                line = item[method]["\0line"]
                yield line, f"operationId {operation_id} is also {ids[operation_id]}"
            ids[operation_id] = f"{method.upper()} {path}"
    schemas = (document.get("components") or {}).get("schemas") or {}
    for name in keys(schemas):
        if f"#/components/schemas/{name}" not in referenced:
            yield schemas[name].get("\0line", 1), f"schema {name} is not used"


def main():
    path = tree.ROOT / PATH
    if not path.exists():
        print(f"{PATH}:1: missing")
        return 1
    try:
        document = yaml.load(path.read_text(), Loader=Lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        print(f"{PATH}:{mark.line + 1 if mark else 1}: {getattr(error, 'problem', error)}")
        return 1
    faults = list(check(document))
    for line, message in sorted(faults, key=lambda fault: fault[0]):
        print(f"{PATH}:{line}: {message}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
