# SPDX-License-Identifier: Apache-2.0
"""The firewall: from the API call to both ports, and what 10,000 rules cost a connection."""
import json
import subprocess
import time

import first_rows

RULES = (0, 1, 100, 10_000)


def _admitted(client, database):
    """Whether the very next connections, one on each port, are let in."""
    found = []
    for uri in (database["connection_uri"], database["connection_uri_pooled"]):
        try:
            client.measure(uri)
            found.append(True)
        except RuntimeError as error:
            if "no firewall rule" not in str(error):
                raise
            found.append(False)
    return found


def _timed(call):
    start = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - start) * 1000


def _expect(client, database, admitted, after):
    if _admitted(client, database) != [admitted, admitted]:
        raise RuntimeError(f"after {after} was answered, a port did otherwise")


def enforce(howdah, client, plan):
    """ms of each call that opens or closes; a port that lags behind its answer is an error."""
    database = howdah.create_database("firewall", allowedIps=["198.51.100.7"],
                                      suspendAfterSeconds=0)
    path = f"/databases/{database['id']}/whitelist"
    adds, removes = [], []
    for _ in range(plan["rules"]):
        rule, took = _timed(lambda: howdah.api("POST", path, {"ipAddress": "127.0.0.0/8"}))
        adds.append(took)
        _expect(client, database, True, "POST")
        _, took = _timed(lambda: howdah.api("DELETE", f"{path}/{rule['id']}"))
        removes.append(took)
        _expect(client, database, False, "DELETE")
    howdah.delete_database(database)
    return {"add": first_rows.summary(adds), "remove": first_rows.summary(removes)}


def lookups(binaries):
    """{"10000": ns of one look at that many rules}, from src/gate/firewall_bench.cc."""
    run = subprocess.run([f"{binaries}/gate_bench", "--benchmark_filter=^admits",
                          "--benchmark_format=json"], capture_output=True, text=True, check=True)
    times = {row["name"]: row["cpu_time"] for row in json.loads(run.stdout)["benchmarks"]}
    return {str(count): times[f"admits/{count}"] for count in RULES}
