# SPDX-License-Identifier: Apache-2.0
"""A thousand databases: what they cost asleep and awake, and what still takes the same time."""
import contextlib
import random
import time

import first_rows
import herds
import processes

# Asleep soon, so that no more than a few hundred run while they are made.
SUSPEND_SECONDS = 2
WAKES_AT_ONCE = 100
AWAKE_BATCH = 50
VOLUME_BYTES = 24 << 30


def _create_all(howdah, count):
    """Databases and the ms of each POST, one after the other."""
    databases, posts = [], []
    for number in range(count):
        begun = time.perf_counter()
        databases.append(howdah.create_database(f"of a thousand {number}", sizeClass="nano",
                                                suspendAfterSeconds=SUSPEND_SECONDS))
        posts.append((time.perf_counter() - begun) * 1000)
    return databases, posts


def _daemons(howdah, seconds):
    """Memory in MB and percent of a core of howdahd, gate and node, over that time."""
    pids = [pid for name, pid in howdah.daemons().items() if name != "howdah up"]
    before = sum(processes.cpu_us(pid) for pid in pids)
    time.sleep(seconds)
    used_us = sum(processes.cpu_us(pid) for pid in pids) - before
    memory = [processes.memory_kb(pid) for pid in pids]
    return {"pss": sum(pss for pss, _ in memory) / 1024,
            "rss": sum(rss for _, rss in memory) / 1024,
            "cpu_percent": used_us / 1e6 / seconds * 100, "seconds": seconds}


def _wakes(client, databases):
    """Each asleep, and once more right after."""
    woken, running = [], []
    for database in databases:
        woken.append(client.measure(database["connection_uri"])["row"])
        running.append(client.measure(database["connection_uri"])["row"])
    base = first_rows.summary(running)["p50"]
    return {"above": first_rows.summary([value - base for value in woken]),
            "woken": first_rows.summary(woken)}


def _herd(howdah, databases, rounds):
    totals = []
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(first_rows.Client(howdah.binaries)) for _ in databases]
        uris = [database["connection_uri"] for database in databases]
        for _ in range(rounds):
            herds.wait_for_sleep(howdah, databases)
            totals.append(herds.all_at_once(clients, uris)[0])
    return first_rows.summary(totals)


def _awake(howdah, client, databases, seconds):
    """What all of them take of the machine's memory while they run, idle."""
    before_kb = processes.available_kb()
    for database in databases:
        howdah.api("PATCH", f"/databases/{database['id']}", {"suspendAfterSeconds": 0})
    begun = time.perf_counter()
    for database in databases:
        client.measure(database["connection_uri"])
    started_seconds = time.perf_counter() - begun
    time.sleep(5)
    after_kb = processes.available_kb()
    return {"available_mb": (before_kb - after_kb) / 1024, "start_seconds": started_seconds,
            "daemons": _daemons(howdah, seconds)}


def measure(howdah, client, plan):
    count, sampled = plan["thousand"], min(WAKES_AT_ONCE, plan["thousand"])
    choice = random.Random(1)
    databases, posts = _create_all(howdah, count)
    tenth = max(1, count // 10)
    found = {"count": count,
             "creates": {"first": first_rows.summary(posts[:tenth]),
                         "last": first_rows.summary(posts[-tenth:])}}
    herds.wait_for_sleep(howdah, databases)
    time.sleep(5)
    found["asleep"] = _daemons(howdah, plan["idle_seconds"])
    found["lists"] = first_rows.summary([howdah.timed_get("/databases") for _ in range(200)])
    found["wakes"] = _wakes(client, choice.sample(databases, sampled))
    found["herd"] = _herd(howdah, choice.sample(databases, sampled), plan["herds"])
    herds.wait_for_sleep(howdah, databases)
    stop_seconds, start_seconds = howdah.restart()
    row_ms = client.measure(choice.choice(databases)["connection_uri"])["row"]
    found["restart"] = {"stop_seconds": stop_seconds, "start_seconds": start_seconds,
                        "row_ms": row_ms}
    found["awake"] = _awake(howdah, client, databases, plan["idle_seconds"])
    return found
