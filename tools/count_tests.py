#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints "PASSED FAILED" of what test programs left behind, for ./test.

Usage: tools/count_tests.py ctest FOLDER    of GTEST_OUTPUT=json:FOLDER/ and FOLDER/ctest.xml
       tools/count_tests.py tap FILE        of node's tap reporter; a file cut short is a failure
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree


def failed_programs(path):
    """Names of the programs that ctest saw fail, or None where it left no report."""
    try:
        cases = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
        return {case.get("name") for case in cases if case.get("status") != "run"}
    except (OSError, xml.etree.ElementTree.ParseError):
        return None


def ctest(folder):
    """Test cases; a program that failed beside them (a crash, a leak, a timeout) counts as one."""
    passed = failed = 0
    reported = set()
    for path in sorted(folder.glob("*.json")):
        report = json.loads(path.read_text())
        passed += report["tests"] - report["failures"] - report.get("disabled", 0)
        failed += report["failures"]
        if report["failures"]:
            reported.add(path.stem)
    programs = failed_programs(folder / "ctest.xml")
    return passed, failed + (1 if programs is None else len(programs - reported))


def tap(path):
    text = path.read_text() if path.exists() else ""
    counts = dict(re.findall(r"^# (pass|fail|cancelled) (\d+)$", text, re.M))
    if "pass" not in counts:
        return 0, 1
    return int(counts["pass"]), int(counts["fail"]) + int(counts.get("cancelled", 0))


if __name__ == "__main__":
    kind, place = sys.argv[1], pathlib.Path(sys.argv[2])
    print(*(ctest(place) if kind == "ctest" else tap(place)))
