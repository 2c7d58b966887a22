# SPDX-License-Identifier: Apache-2.0
"""Many connects at once: to fifty sleeping databases, and to one."""
import contextlib
import time

import first_rows
import processes

SLEEPERS = 50
CONNECTS = 200


def all_at_once(clients, uris):
    """(ms until the last answer, [ms of each]): every URI by a client process of its own."""
    start = time.perf_counter()
    for client, uri in zip(clients, uris, strict=True):
        client.begin(uri)
    rows = [client.finish()["row"] for client in clients]
    return (time.perf_counter() - start) * 1000, rows


def wait_for_sleep(howdah, databases):
    def asleep():
        listed = {row["id"]: row["status"] for row in howdah.api("GET", "/databases")}
        return all(listed[database["id"]] == "suspended" for database in databases)

    processes.wait_for("suspend of all", 120, asleep, step=0.2)
    # What stopping wrote should not count.
    time.sleep(1)


def _rounds(howdah, clients, databases, plan):
    """Asleep and running in turns: all connects begin at the same moment."""
    uris = [databases[n % len(databases)]["connection_uri"] for n in range(len(clients))]
    asleep, running, single = [], [], []
    for _ in range(plan["herds"]):
        wait_for_sleep(howdah, databases)
        total, rows = all_at_once(clients, uris)
        asleep.append(total)
        single += rows
        running.append(all_at_once(clients, uris)[0])
    return {"asleep": first_rows.summary(asleep), "running": first_rows.summary(running),
            "single": first_rows.summary(single)}


def measure(howdah, _client, plan):
    """{"many": fifty sleepers, "one": 200 connects to one sleeper}"""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(first_rows.Client(howdah.binaries)) for _ in range(CONNECTS)]
        databases = [howdah.create_database(f"sleeper {n}", suspendAfterSeconds=1)
                     for n in range(SLEEPERS)]
        many = _rounds(howdah, clients[:SLEEPERS], databases, plan)
        for database in databases:
            howdah.delete_database(database)
        database = howdah.create_database("herd", suspendAfterSeconds=1,
                                          maxConnections=CONNECTS + 10)
        one = _rounds(howdah, clients, [database], plan)
        howdah.delete_database(database)
    return {"many": many, "one": one}
