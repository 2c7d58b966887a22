# SPDX-License-Identifier: Apache-2.0
"""What /proc tells about processes: children, memory, processor time."""
import os
import pathlib
import subprocess
import time

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def _stat(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    # The name may hold spaces and brackets: fields count from behind its last bracket.
    return text[text.rindex(")") + 2:].split()


def name_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if int(_stat(entry)[1]) == pid:
                found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found)


def with_descendants(pid):
    found = [pid]
    for parent in found:
        found.extend(children(parent))
    return found


def cpu_us(pid):
    """User and system time of all threads of the process, so far."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * TICK_US


def memory_kb(pid):
    """(PSS, RSS) in kB."""
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        values[name] = int(value.split()[0])
    return values["Pss"], values["Rss"]


def available_kb():
    """MemAvailable of the machine: what programs could still get, page cache counted as free."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/meminfo has no MemAvailable")


def is_running(pid):
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Background:
    """A program that runs until the block ends; its log is a file."""

    def __init__(self, arguments, log, **options):
        self._file = open(log, "ab")
        options.setdefault("stdout", self._file)
        self.process = subprocess.Popen(arguments, stderr=self._file, **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=15, seconds=90):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.process.args[0]} did not stop within {seconds} s") from None
        finally:
            self._file.close()


def wait_for(what, seconds, poll, step=0.05):
    """Calls poll() until it returns something true; returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = poll()
        if result:
            return result
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(step)
