#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checks that need the compiler: headers stand alone, and clang-tidy is content.

Usage: tools/clang.py headers [--changed] [--seconds=N]   every header compiles by itself
       tools/clang.py tidy [--seconds=N]    clang-tidy on all of build/asan/compile_commands.json
Both work without the precompiled header, so that nothing hides behind it. What has passed with the
same content and project headers is not checked again: build/check-cache remembers it by hash.
--seconds stops after that time and says how far it came; what was not reached is no failure.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

import tree

CACHE = tree.ROOT / "build/check-cache"
COMPILER, TIDY = "clang++-19", "clang-tidy-19"
TIDY_FOLDER = tree.ROOT / "build/tidy"
BATCH_MAX = 6
FLAGS = ["-std=c++23", "-Isrc", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion",
         "-Werror", "-Wno-missing-field-initializers", "-Wno-unused-const-variable",
         "-Wno-unused-function", "-DBOOST_ASIO_NO_DEPRECATED",
         "-DBOOST_ASIO_DISABLE_BOOST_COROUTINE", "-DSPDLOG_FMT_EXTERNAL",
         '-DHOWDAH_VERSION="0"']
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


@functools.cache
def included(path):
    """The project headers that a file includes itself."""
    found = []
    for name in INCLUDE.findall(path.read_text()):
        for candidate in (tree.ROOT / "src" / name, path.parent / name):
            if candidate.is_file():
                found.append(candidate.resolve())
                break
    return found


def closure(path):
    seen, todo = set(), [path]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += included(at)
    return sorted(seen)


@functools.cache
def content_hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key(kind, path, extra):
    digest = hashlib.sha256(f"{kind}\0{extra}".encode())
    for member in closure(path):
        digest.update(f"{tree.relative(member)}\0{content_hash(member)}\0".encode())
    return CACHE / digest.hexdigest()


class Runner:
    """Runs commands in parallel; a path that passed with the same content is not run again."""

    def __init__(self, kind, paths, extra, seconds):
        CACHE.mkdir(parents=True, exist_ok=True)
        marks = {path: key(kind, path, extra) for path in paths}
        self.marks = {path: mark for path, mark in marks.items() if not mark.exists()}
        self.todo = list(self.marks)
        self.deadline = time.monotonic() + seconds if seconds else None
        self.seconds, self.failed, self.done, self.skipped = seconds, 0, 0, 0

    def run(self, jobs, command_of, on_failure):
        """jobs: lists of paths, one command each. on_failure gets a failed job and its output."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda job: self._one(command_of(job)), jobs)
            for job, result in zip(jobs, results):
                if result is None:
                    self.skipped += len(job)
                    continue
                if result.returncode == 0:
                    for path in job:
                        self.marks[path].touch()
                else:
                    on_failure(job, result.stdout)
                self.done += len(job)
                print(f"[{self.done}/{len(self.todo)}] {tree.relative(job[0])}", file=sys.stderr,
                      flush=True)

    def _one(self, command):
        if self.deadline and time.monotonic() > self.deadline:
            return None
        return subprocess.run(command, cwd=tree.ROOT, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def report(self, _job, output):
        self.failed += 1
        text = re.sub(r"(?m)^\d+ warnings? .*generated\.\n|^Suppressed .*\n|"
                      r"^Use -header-filter.*\n", "", output)
        print(text.replace(f"{tree.ROOT}/", "").rstrip())

    def result(self, kind):
        if self.skipped:
            print(f"{len(self.todo) - self.skipped} of {len(self.todo)} {kind} checks done "
                  f"in {self.seconds} s")
        return 1 if self.failed else 0


def headers(only_changed, seconds):
    paths = tree.files(".h", under="src")
    if only_changed:
        changed = set(tree.changed())
        paths = [path for path in paths if path in changed]
    runner = Runner("header", paths, version(COMPILER) + " ".join(FLAGS), seconds)
    runner.run([[path] for path in runner.todo],
               lambda job: [COMPILER, *FLAGS, "-fsyntax-only", "-x", "c++-header", str(job[0])],
               runner.report)
    return runner.result("header")


@functools.cache
def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout


def without_pch(command):
    """The flags without launcher, precompiled header, sanitizers, input and output."""
    words, kept = shlex.split(command), []
    while words and not re.search(r"clang\+\+(-\d+)?$", words[0]):
        words.pop(0)
    skip = 1
    for i, word in enumerate(words):
        if skip:
            skip -= 1
        elif word == "-Xclang" and words[i + 1] in ("-include-pch", "-include"):
            skip = 3
        elif word == "-Xclang" and words[i + 1] == "-fno-pch-timestamp":
            skip = 1
        elif word in ("-o", "-include", "-c"):
            skip = 1
        elif not re.match(r"-fsanitize|-fno-sanitize|-Winvalid-pch|-g", word):
            kept.append(word)
    return kept


def batches(paths):
    """Sources of one folder and kind, up to BATCH_MAX together."""
    groups = {}
    for path in paths:
        groups.setdefault((path.parent, path.stem.split("_")[-1].endswith("test")), []).append(path)
    return [group[i:i + BATCH_MAX] for group in groups.values()
            for i in range(0, len(group), BATCH_MAX)]


def tidy(seconds):
    """Most of the time goes into parsing headers, so sources are read several at a time, as one.

    A batch that fails for whatever reason (a finding, or names that clash only because the sources
    stand together) is gone through one by one, and only that counts.
    """
    database = tree.ROOT / "build/asan/compile_commands.json"
    if not database.exists():
        print("build/asan/compile_commands.json:1: missing; run cmake --preset asan")
        return 1
    known = set(tree.files(".cc"))
    flags = {tree.ROOT / entry["file"]: without_pch(entry["command"])
             for entry in json.loads(database.read_text()) if tree.ROOT / entry["file"] in known}
    TIDY_FOLDER.mkdir(parents=True, exist_ok=True)

    def command(job):
        source = job[0]
        if len(job) > 1:
            name = tree.relative(job[0]).replace("/", "-")
            source = TIDY_FOLDER / name
            source.write_text("".join(f'#include "{path}"\n' for path in job))
        return [TIDY, "--quiet", str(source), "--", *flags[job[0]]]

    rules = content_hash(tree.ROOT / ".clang-tidy")
    runner = Runner("tidy", sorted(flags), version(TIDY) + rules, seconds)
    again = []
    jobs = [[path] for path in runner.todo]
    if len(jobs) > BATCH_MAX:
        runner.run(batches(runner.todo), command, lambda job, _output: again.extend(job))
        runner.done -= len(again)
        jobs = [[path] for path in again]
    runner.run(jobs, command, runner.report)
    return runner.result("tidy")


def main():
    what, *options = sys.argv[1:] or ["?"]
    seconds = next((int(o.split("=")[1]) for o in options if o.startswith("--seconds=")), None)
    unknown = [o for o in options if o != "--changed" and not o.startswith("--seconds=")]
    if what == "headers" and not unknown:
        return headers("--changed" in options, seconds)
    if what == "tidy" and not unknown:
        return tidy(seconds)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
