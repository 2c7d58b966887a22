# SPDX-License-Identifier: Apache-2.0
"""Times to a first row: of a database just created, woken, crashed, and running."""
import os
import signal
import statistics
import subprocess
import time

import processes


class Client:
    """The measuring client first_row, running; times in ms."""

    def __init__(self, binaries):
        self._process = subprocess.Popen([f"{binaries}/first_row"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)

    def measure(self, uri):
        """{"connect", "row", "cpu"} of a new connection and its first row."""
        self.begin(uri)
        return self.finish()

    def begin(self, uri):
        """The first half of measure(): others may begin before this one is finished."""
        self._process.stdin.write(uri + "\n")
        self._process.stdin.flush()

    def finish(self):
        answer = self._process.stdout.readline().split()
        if not answer or answer[0] == "error":
            raise RuntimeError("first row: " + " ".join(answer[1:]))
        connect, row, cpu = (int(value) / 1000 for value in answer)
        return {"connect": connect, "row": row, "cpu": cpu}


def summary(values):
    """p50, p99 and the extremes; p99 of fewer than 100 values is their maximum."""
    ordered = sorted(values)
    rank = min(len(ordered) - 1, int(0.99 * len(ordered)))
    return {"count": len(ordered), "p50": statistics.median(ordered), "p99": ordered[rank],
            "min": ordered[0], "max": ordered[-1]}


def _create_and_read(howdah, client, name):
    """(ms of the POST, ms of connect and first row)"""
    start = time.perf_counter()
    database = howdah.create_database(name)
    posted_ms = (time.perf_counter() - start) * 1000
    row = client.measure(database["connection_uri"])["row"]
    return database, posted_ms, row


def create(howdah, client, plan):
    """Creates in a row with a pause for new spares, then without any."""
    result = {}
    for kind, count, pause in (("paced", plan["creates"], 0.7), ("burst", plan["burst"], 0.0)):
        posts, rows, totals, databases = [], [], [], []
        for number in range(count):
            database, posted_ms, row = _create_and_read(howdah, client, f"create {kind} {number}")
            posts.append(posted_ms)
            rows.append(row)
            totals.append(posted_ms + row)
            if pause:
                howdah.delete_database(database)
                time.sleep(pause)
            else:
                databases.append(database)
        for database in databases:
            howdah.delete_database(database)
        time.sleep(2)
        result[kind] = {"total": summary(totals), "post": summary(posts), "row": summary(rows)}
    return result


def _wait_for_suspend(howdah, database):
    processes.wait_for("suspend", 60, lambda: howdah.status_of(database) == "suspended", step=0.1)


def wake(howdah, client, plan):
    """Connects to a suspended database, and to the same one right after, in turns."""
    database = howdah.create_database("wake", suspendAfterSeconds=1)
    uri = database["connection_uri"]
    client.measure(uri)
    woken, running, cpu = [], [], []
    for _ in range(plan["wakes"]):
        _wait_for_suspend(howdah, database)
        # The node has only just stopped it: what that wrote should not count.
        time.sleep(0.3)
        woken.append(client.measure(uri)["row"])
        for _ in range(3):
            measured = client.measure(uri)
            running.append(measured["row"])
            cpu.append(measured["cpu"])
    howdah.delete_database(database)
    base = statistics.median(running)
    return {"woken": summary(woken), "running": summary(running), "client_cpu": summary(cpu),
            "above": summary([value - base for value in woken])}


def walls(fenced, open_, client, rounds):
    """Wakes of a database with the sandbox and of one without, in turns; ms, and the difference."""
    places = [(howdah, howdah.create_database("wall", suspendAfterSeconds=1))
              for howdah in (fenced, open_)]
    for _, database in places:
        client.measure(database["connection_uri"])
    times = {fenced: [], open_: []}
    for number in range(rounds):
        for howdah, database in places:
            _wait_for_suspend(howdah, database)
        time.sleep(0.3)
        for howdah, database in places if number % 2 else places[::-1]:
            times[howdah].append(client.measure(database["connection_uri"])["row"])
    return {"with": summary(times[fenced]), "without": summary(times[open_]),
            "cost": summary([a - b for a, b in zip(times[fenced], times[open_])])}


def crash(howdah, client, plan):
    """Kills the postmaster (kill -9), waits until it is gone, connects."""
    database = howdah.create_database("crash", suspendAfterSeconds=0)
    uri = database["connection_uri"]
    times = []
    for _ in range(plan["crashes"]):
        client.measure(uri)
        pid = howdah.instance_of(database)["pid"]
        family = processes.with_descendants(pid)
        os.kill(pid, signal.SIGKILL)
        processes.wait_for("end of the killed instance", 10,
                           lambda: not any(processes.is_running(member) for member in family),
                           step=0.01)
        times.append(client.measure(uri)["row"])
        time.sleep(0.5)
    howdah.delete_database(database)
    return {"row": summary(times)}
