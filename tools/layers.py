#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Includes go downward only, and some headers stay behind a wall: src/layers.toml is the rule.

Usage: tools/layers.py                check; every fault is printed as file:line
       tools/layers.py --draw         write the picture between the markers in ARCHITECTURE.md
       tools/layers.py --check-draw   fail where that picture is not the present one
"""
import fnmatch
import re
import sys
import tomllib

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# A statement at the start of a string literal. SQL text belongs to the stores and to sql/.
SQL = re.compile(
    r'"\s*(SELECT\s.*\bFROM\b|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|TRUNCATE\s|'
    r'(CREATE|ALTER|DROP)\s+(TABLE|ROLE|USER|DATABASE|SCHEMA|INDEX|FUNCTION|EXTENSION|SYSTEM)\s|'
    r'(GRANT|REVOKE)\s+\S+.*\b(ON|TO|FROM)\b)')
SQL_ALLOWED = ["*_store.cc", "*_store.h", "*_test.cc", "*_pgtest.cc", "*/test_*.h", "*_bench.cc",
               "bench/*"]
APPS = "apps"
BEGIN, END = "<!-- layers:begin -->", "<!-- layers:end -->"


def read_rule():
    rule = tomllib.loads((tree.ROOT / "src/layers.toml").read_text())
    levels = {}
    for level, modules in rule["levels"].items():
        for module in modules:
            levels[module] = int(level)
    levels[APPS] = max(levels.values()) + 1
    return levels, rule.get("within", {}), rule.get("walls", {})


def module_of(name):
    parts = name.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return APPS if parts[0] == APPS else None


def allowed(levels, within, source, target):
    return (source == target or levels[target] < levels[source] or
            target in within.get(source, []))


def check_include(name, module, quote, included, levels, within, walls):
    for wall, places in walls.items():
        behind = included == wall or included.startswith(wall.rstrip("/") + "/")
        if behind and not any(fnmatch.fnmatch(name, place) for place in places):
            yield f"<{included}> stays behind a wall; only {', '.join(places)} may include it"
    if quote != '"':
        return
    target = included.split("/")[0]
    if "/" not in included or target not in levels:
        yield f'"{included}": write the path from src/, as "module/file.h"'
    elif not allowed(levels, within, module, target):
        yield (f'{module} (level {levels[module]}) includes "{included}" of '
               f"{target} (level {levels[target]}): includes go downward only")


def check_file(path, levels, within, walls, edges):
    name = tree.relative(path)
    module = module_of(name)
    if module not in levels:
        yield f"{name}:1: module '{module}' has no level in src/layers.toml"
        return
    sql_allowed = any(fnmatch.fnmatch(name, place) for place in SQL_ALLOWED)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            quote, included = match.groups()
            target = included.split("/")[0]
            if quote == '"' and target in levels and target != module:
                edges.setdefault(module, set()).add(target)
            for fault in check_include(name, module, quote, included, levels, within, walls):
                yield f"{name}:{number}: {fault}"
        elif not sql_allowed and SQL.search(re.sub(r"//.*", "", line)):
            yield f"{name}:{number}: SQL text belongs into a *_store.cc or sql/"


def check_links(levels, within):
    """The libraries a module links follow the same rule as its includes."""
    for path in tree.files(".txt", under="src"):
        module = module_of(tree.relative(path))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.search(r"\bDEPS\s+([a-z_ ]+)", line)
            for target in match.group(1).split() if match else []:
                if target not in levels or not allowed(levels, within, module, target):
                    yield (f"{tree.relative(path)}:{number}: {module} must not link {target}: "
                           "not below it in src/layers.toml")


def picture(levels, edges):
    """The layers as text, highest first, and under it what each module really includes."""
    rows = []
    for level in sorted(set(levels.values()), reverse=True):
        names = [module for module, at in levels.items() if at == level]
        if names == [APPS]:
            names = ["howdah", "howdahd", "howdah-gate", "howdah-node"]
        rows.append(f" {level} | " + " | ".join(f"{name:^11}" for name in names))
    width = max(len(row) for row in rows) + 2
    bar = "-" * width
    drawn = "\n".join([bar] + [line for row in rows for line in (row, bar)])
    listed = "\n".join(
        f"| `{module}` | {', '.join(sorted(edges[module], key=lambda m: (-levels[m], m)))} |"
        for module in sorted(edges, key=lambda m: (-levels[m], m)))
    return (f"{BEGIN}\n```\n{drawn}\n```\n\n| module | includes |\n|---|---|\n{listed}\n{END}")


def draw(levels, edges, only_check):
    path = tree.ROOT / "ARCHITECTURE.md"
    if not path.exists():
        return ["ARCHITECTURE.md:1: missing"] if not only_check else []
    text = path.read_text()
    if BEGIN not in text or END not in text:
        return [f"ARCHITECTURE.md:1: no markers {BEGIN} and {END}"]
    before, rest = text.split(BEGIN, 1)
    fresh = before + picture(levels, edges) + rest.split(END, 1)[1]
    if fresh == text:
        return []
    if only_check:
        number = before.count("\n") + 1
        return [f"ARCHITECTURE.md:{number}: the layer picture is old; run tools/layers.py --draw"]
    path.write_text(fresh)
    return []


def main():
    levels, within, walls = read_rule()
    edges, faults = {}, []
    sources = tree.files(".h", ".cc", under="src") + tree.files(".h", ".cc", under=APPS)
    for path in sources:
        faults += check_file(path, levels, within, walls, edges)
    faults += check_links(levels, within)
    if "--draw" in sys.argv[1:] or "--check-draw" in sys.argv[1:]:
        faults += draw(levels, edges, "--check-draw" in sys.argv[1:])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
