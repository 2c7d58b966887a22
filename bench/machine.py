# SPDX-License-Identifier: Apache-2.0
"""The facts about the machine that figures mean nothing without."""
import datetime
import os
import pathlib
import platform
import re
import subprocess


def _output(*arguments):
    try:
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=10, check=True)
        return result.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _field(path, pattern, fallback="unknown"):
    found = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    return found.group(1).strip() if found else fallback


def postgres_directory():
    """The newest installed server's bin folder."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                   key=lambda path: int(path.parts[-3]))
    if not found:
        raise SystemExit("no PostgreSQL server in /usr/lib/postgresql: apt-get install postgresql")
    return found[-1].parent


def file_system_of(path):
    device = os.stat(path).st_dev
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if left.split()[2] == f"{os.major(device)}:{os.minor(device)}":
            return right.split()[0]
    return _output("stat", "-f", "-c", "%T", str(path)) or "unknown"


def facts(data_parent):
    memory_kb = int(_field("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0"))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _output("git", "rev-parse", "--short", "HEAD") or "not committed",
        "CPU": _field("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_kb / 1024 / 1024:.1f} GiB",
        "kernel": platform.release(),
        "system": _field("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "PostgreSQL": _output(str(postgres_directory() / "postgres"), "--version"),
        "file system": f"{file_system_of(data_parent)} ({data_parent})",
        "run as": "root" if os.geteuid() == 0 else "an ordinary user",
        "load before": f"{os.getloadavg()[0]:.2f} (one minute's average)",
    }
