# SPDX-License-Identifier: Apache-2.0
"""Memory of idle instances and of the daemons. PSS counts a page shared by n processes as 1/n."""
import statistics
import time

import processes

INSTANCES = 5


def measure(howdah, client, plan):
    databases = [howdah.create_database(f"idle {number}", sizeClass="nano", suspendAfterSeconds=0)
                 for number in range(INSTANCES)]
    for database in databases:
        client.measure(database["connection_uri"])
    time.sleep(plan["idle_seconds"])
    sizes, members = [], []
    for database in databases:
        family = processes.with_descendants(howdah.instance_of(database)["pid"])
        sizes.append(sum(processes.memory_kb(pid)[0] for pid in family) / 1024)
        members.append(len(family))
    daemons = {name: dict(zip(("pss", "rss"), (kb / 1024 for kb in processes.memory_kb(pid))))
               for name, pid in howdah.daemons().items()}
    for database in databases:
        howdah.delete_database(database)
    three = [values for name, values in daemons.items() if name != "howdah up"]
    return {"instance_pss": {"p50": statistics.median(sizes), "max": max(sizes),
                             "count": len(sizes), "processes": statistics.median(members)},
            "daemons": daemons,
            "three_pss": sum(values["pss"] for values in three),
            "three_rss": sum(values["rss"] for values in three)}
