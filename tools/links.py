#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Links between the project's own documents: the file exists, and so does the heading.

Usage: tools/links.py     prints every fault as file:line, exit code 1 where there is one
Links to other hosts are not followed.
"""
import re
import sys

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
# `tools/check`, `docs/x.md`: paths in backticks that name files of the tree.
CODE_PATH = re.compile(
    r"`((?:api|apps|bench|cmake|docs|fuzz|packaging|sql|src|tests|tools)/[\w./-]*\w)`")


def anchors(text):
    """The headings of a document as the anchors a web view makes of them."""
    found = set()
    for heading in re.findall(r"^#{1,6}\s+(.*)$", text, re.M):
        plain = re.sub(r"[`*]", "", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def prose(text):
    """The text with fenced blocks blanked, lines kept."""
    return re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), text,
                  flags=re.M | re.S)


def check(path):
    name = tree.relative(path)
    text = path.read_text()
    for number, line in enumerate(prose(text).splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            file_part, _, anchor = target.partition("#")
            other = (path.parent / file_part).resolve() if file_part else path
            if not other.exists():
                yield f"{name}:{number}: '{target}' does not exist"
            elif anchor and other.suffix == ".md" and anchor not in anchors(other.read_text()):
                yield f"{name}:{number}: '{target}': no such heading"
        for target in CODE_PATH.findall(line):
            if not (tree.ROOT / target).exists() and not (path.parent / target).exists():
                yield f"{name}:{number}: '{target}' does not exist"


def main():
    faults = [fault for path in tree.files(".md") for fault in check(path)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
