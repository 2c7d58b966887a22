# SPDX-License-Identifier: Apache-2.0
"""The files of the project as every check sees them: what git tracks or would track."""
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


# A checkout may belong to another user than the one who runs the checks (CI, containers).
GIT = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]


@functools.cache
def _listed():
    output = subprocess.run(
        [*GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    names = sorted(set(name for name in output.split("\0") if name))
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def files(*suffixes, under=""):
    """Paths with one of the suffixes (all without), below the folder `under`."""
    prefix = ROOT / under
    return [path for path in _listed()
            if (not suffixes or path.suffix in suffixes) and path.is_relative_to(prefix)]


def changed():
    """Paths that differ from the last commit, or all where there is none."""
    head = subprocess.run([*GIT, "diff", "-z", "--name-only", "HEAD"],
                          capture_output=True, text=True)
    if head.returncode != 0:
        return files()
    new = subprocess.run([*GIT, "ls-files", "-z", "--others", "--exclude-standard"],
                         check=True, capture_output=True, text=True)
    names = set((head.stdout + new.stdout).split("\0"))
    return [path for path in files() if relative(path) in names]


def shell_scripts():
    """Files with a shell's first line, and those sourced by them (*.sh)."""
    found = []
    for path in files():
        if path.suffix == ".sh":
            found.append(path)
        elif path.suffix == "":
            with path.open("rb") as stream:
                if re.match(rb"#!.*\b(ba)?sh\b", stream.readline()):
                    found.append(path)
    return found


def relative(path):
    return str(path.relative_to(ROOT))
