#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes and banned calls, so that no file grows past what a person can hold in the head.

Usage: tools/sizes.py      prints every fault as file:line, exit code 1 where there is one
"""
import fnmatch
import re
import sys

import tree

LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX, PARAMETERS_MAX, COLUMNS_MAX = 500, 800, 70, 4, 100
CODE = {".h", ".cc", ".ts", ".js", ".css", ".py", ".sh", ".sql", ".java", ".cmake"}

# (place, rule, why): the only exceptions there are.
EXCEPTIONS = [
    ("src/base/error_codes.h", "columns", "a table made by tools/generate, one row per code"),
    ("tools/generate", "columns", "the rows it writes, as they will stand"),
    ("src/http/client.cc", "parameters", "call(): its callers are one line each, a struct is five"),
]

BANNED = [
    (r"\bdetach\s*\(", "no detached threads: use net::TaskGroup"),
    (r"\basio::detached\b", "no detached coroutines: use net::TaskGroup"),
    (r"(?<![\w.>])(std::|::)?system\s*\(", "no system(): use os::spawn or os::run"),
    (r"\bpopen\s*\(", "no popen(): use os::run"),
    (r"(?<!operator )\bnew\s+[A-Za-z_:(]", "no raw new: std::make_unique or a value"),
    (r"\b(strto(l|ul|ll|ull|d|f|imax|umax)|ato[ifl]|atoll)\s*\(", "use std::from_chars"),
    (r"\b(sprintf|strcpy|strcat|gets)\s*\(", "unbounded: use fmt"),
]
# Outside of tests, and of the module that is meant.
BANNED_ELSEWHERE = [
    ("src/pg/", r"\bConnectOptions\s*(\w+\s*)?[{;]",
     "the platform enters a server with the options of pg/platform_session.h"),
]
BANNED_PLACES = [
    # The one place that may end a task's chain: it is what makes the group.
    ("src/net/task_group.cc", r"\basio::detached\b"),
]


def excepted(name, rule):
    return any(fnmatch.fnmatch(name, place) and rule == which for place, which, _ in EXCEPTIONS)


def is_test(name):
    return bool(re.search(
        r"_(test|pgtest|bench|fuzz)\.cc$|/test_\w+\.h$|\.(test|chaos)\.ts$", name))


def blank(text):
    """C++ text with comments and literals blanked out, lines kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] == "/" else
                       '"' + re.sub(r"[^\n]", "_", m.group(0)[1:-1]) + '"', text)


def parameter_count(signature):
    """Commas of the first parameter list, at its own depth."""
    signature = re.sub(r"\b(TEST|TEST_F|TEST_P|BENCHMARK)\s*\([^)]*\)", "()", signature)
    signature = re.sub(r"operator\s*\(\)", "operator_call", signature)
    start = signature.find("(")
    depth, count, empty = 0, 1, True
    for i, char in enumerate(signature[start:], start):
        if char in "([{<" and signature[i - 1:i + 1] != "->":
            depth += 1
        elif char in ")]}" or (char == ">" and signature[i - 1] not in "-="):
            depth -= 1
            if depth == 0:
                break
        elif char == "," and depth == 1:
            count += 1
        if depth >= 1 and i > start and not char.isspace():
            empty = False
    return 0 if empty else count


def functions(text):
    """(first line, last line, signature) of every function body at namespace or class scope.

    Relies on the format: a body's brace follows a space, an initializer's does not.
    """
    depth_kind, start, statement = [], None, 0
    for match in re.finditer(r"[{};]|^[ \t]*#[^\n]*(?:\\\n[^\n]*)*$", text, re.M):
        char, at = match.group(0), match.start()
        if char[0] not in "{};":
            if start is None:
                statement = match.end()
            continue
        if char == "{":
            before = text[statement:at]
            kind = "block"
            if start is None:
                if re.search(r"\b(namespace|class|struct|union|enum)\b[^()]*$", before) or \
                        before.strip() == 'extern "_"':
                    kind = "container"
                elif "(" in before and text[at - 1] in " \n" and \
                        not re.search(r"=\s*$", before):
                    kind, start = "function", statement
                    while text[start].isspace():
                        start += 1
            depth_kind.append((kind, start, before))
            if kind == "container":
                statement = at + 1
        elif char == "}":
            if not depth_kind:
                continue
            kind, began, before = depth_kind.pop()
            if kind == "function":
                yield (text.count("\n", 0, began) + 1, text.count("\n", 0, at) + 1, before)
                start = None
            if start is None and kind != "block":
                statement = at + 1
        elif start is None and all(kind == "container" for kind, _, _ in depth_kind):
            statement = at + 1


def check_cpp(name, text):
    code = blank(text)
    # A private constructor leaves no other way than a smart pointer around new.
    owned = re.sub(r"((?:unique|shared)_ptr<[^;{}]*>\s*\w*\(\s*)new\b", r"\1own", code)
    for number, line in enumerate(owned.splitlines(), 1):
        for pattern, why in BANNED:
            if re.search(pattern, line) and (name, pattern) not in BANNED_PLACES:
                yield number, "banned", f"{why}"
        for home, pattern, why in BANNED_ELSEWHERE:
            if re.search(pattern, line) and not name.startswith(home) and not is_test(name):
                yield number, "banned", why
    for first, last, signature in functions(code):
        if last - first + 1 > FUNCTION_LINES_MAX:
            lines = last - first + 1
            yield first, "function", f"a function of {lines} lines (at most {FUNCTION_LINES_MAX})"
        if (parameters := parameter_count(signature)) > PARAMETERS_MAX:
            yield first, "parameters", f"{parameters} parameters (at most {PARAMETERS_MAX})"


def is_code(path):
    if path.suffix in CODE or path.name == "CMakeLists.txt":
        return True
    with path.open("rb") as stream:
        return path.suffix == "" and stream.read(2) == b"#!"


def check(path):
    name = tree.relative(path)
    text = path.read_text()
    lines = text.splitlines()
    limit = TEST_LINES_MAX if is_test(name) else LINES_MAX
    if len(lines) > limit:
        yield limit, "lines", f"{len(lines)} lines (at most {limit})"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, "columns", f"{len(line)} columns (at most {COLUMNS_MAX})"
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
        yield 1, "spdx", "no line 'SPDX-License-Identifier: Apache-2.0' at the top"
    if path.suffix in (".h", ".cc"):
        yield from check_cpp(name, text)


def main():
    faults = 0
    for path in filter(is_code, tree.files()):
        for number, rule, message in check(path):
            if not excepted(tree.relative(path), rule):
                print(f"{tree.relative(path)}:{number}: {message}")
                faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
