#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every error code of api/errors.yaml is met by a test that reaches it through the product.

Usage: tools/errors_tested.py     prints every fault as file:line, exit code 1 where there is one
A test counts where an assertion (EXPECT_..., ASSERT_..., assert...) names the code and something
real is run: tests/e2e/*.test.ts and *_pgtest.cc. Tests without I/O (*_test.cc) make the errors that
they look at, so they do not count. A code that no test can meet stands below with the reason.
"""
import re
import sys

import yaml

import tree

PATH = "api/errors.yaml"
REAL = re.compile(r"_pgtest\.cc$|^tests/e2e/[^/]+\.test\.ts$")

# code: why no test meets it.
EXCEPTIONS = {
    "precondition_failed": "no call looks at If-Match yet",
}


def without_comments(text):
    """C++ or TypeScript without what only talks about it; literals stay as they are."""
    pattern = re.compile(r'("(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/', re.S)
    return pattern.sub(lambda match: match.group(1) or " ", text)


def assertions(text):
    """The arguments of every assertion, as text."""
    for match in re.finditer(r"\b(?:(?:EXPECT|ASSERT)_[A-Z_]+|assert\w*(?:\.\w+)?)\(", text):
        depth = 1
        for end in range(match.end(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                yield text[match.end():end]
                break


def met(text):
    """Names in the form in which assertions hold codes: ErrorCode::x, or x as a whole literal."""
    found = set()
    for arguments in assertions(without_comments(text)):
        found.update(re.findall(r"\bErrorCode::(\w+)", arguments))
        found.update(name for _, name in re.findall(r"([\"'`])([a-z_]+)\1", arguments))
    return found


def check(codes, names, exceptions):
    """What is wrong, given what the tests name."""
    for code in codes:
        if code not in names and code not in exceptions:
            yield code, ("no assertion of a _pgtest.cc or of tests/e2e names it: write a test that "
                         "reaches it through the API, the gate or the command line")
        if code in names and code in exceptions:
            yield code, "a test meets it now: take it out of EXCEPTIONS in tools/errors_tested.py"
    for code in exceptions:
        if code not in codes:
            yield code, "is no code any more: take it out of EXCEPTIONS in tools/errors_tested.py"


def main():
    text = (tree.ROOT / PATH).read_text()
    codes = [error["code"] for error in yaml.safe_load(text)]
    names = set()
    for path in tree.files(".cc", ".ts"):
        if REAL.search(tree.relative(path)):
            names |= met(path.read_text())
    lines = {match.group(1): text.count("\n", 0, match.start()) + 1
             for match in re.finditer(r"^- \{code: (\w+)", text, re.M)}
    faults = list(check(codes, names, EXCEPTIONS))
    for code, message in faults:
        print(f"{PATH}:{lines.get(code, 1)}: {code}: {message}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
