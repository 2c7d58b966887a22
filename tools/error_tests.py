#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every code of api/errors.yaml is reached by a test.

Usage: tools/error_tests.py [--list]   prints every code without one, exit code 1 where there is one

A test that reaches a code names it: ErrorCode::CODE in C++, or "CODE" as the API, the log and the
command line show it. SQLSTATEs do not count: several codes share one.
"""
import re
import sys

import yaml

import tree

SOURCE = "api/errors.yaml"


# Codes whose part of the product is not there yet, with the reason.
WAITING = {
    "precondition_failed": "If-Match on PATCH and DELETE",
}


def is_test(path):
    return path.name.endswith(("_test.cc", "_pgtest.cc", ".test.ts"))


def tests_of(codes):
    """{code: [file that names it]}"""
    found = {code: [] for code in codes}
    named = re.compile(r"ErrorCode::(\w+)|[\"'`](\w+)[\"'`]")
    for path in tree.files(".cc", ".ts"):
        if not is_test(path):
            continue
        names = {first or second for first, second in named.findall(path.read_text())}
        for code in names & found.keys():
            found[code].append(path)
    return found


def main():
    lines = (tree.ROOT / SOURCE).read_text().splitlines()
    codes = [entry["code"] for entry in yaml.safe_load("\n".join(lines))]
    found = tests_of(codes)
    if "--list" in sys.argv[1:]:
        for code, paths in found.items():
            print(f"{code}: {len(paths)} {', '.join(path.name for path in paths[:3])}")
    missing = [code for code in codes if not found[code] and code not in WAITING]
    for code in missing:
        line = next(number for number, text in enumerate(lines, 1) if f"code: {code}," in text)
        print(f"{SOURCE}:{line}: no test reaches {code}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
