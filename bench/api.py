# SPDX-License-Identifier: Apache-2.0
"""The API under load: times of reads at a fixed rate, and what a read costs howdahd."""
import json
import subprocess
import urllib.parse

import processes

RATE = 500
CONNECTIONS = 16


def _load(binaries, howdah, seconds, rate, paths):
    port = urllib.parse.urlsplit(howdah.connection["api_url"]).port
    done = subprocess.run([binaries / "api_load", str(port), howdah.connection["api_key"],
                           str(CONNECTIONS), str(seconds), str(rate), *paths],
                          check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def _saturate(binaries, howdah, seconds, paths):
    """Requests a second, and howdahd's CPU time for each."""
    pid = howdah.daemons()["howdahd"]
    before = processes.cpu_us(pid)
    run = _load(binaries, howdah, seconds, 0, paths)
    run["cpu_us"] = (processes.cpu_us(pid) - before) / run["requests"]
    run["per_second"] = run["requests"] / run["seconds"]
    return run


def measure(howdah, binaries, plan):
    databases = [howdah.create_database(f"api {number}") for number in range(3)]
    howdah.api("POST", f"/databases/{databases[0]['id']}/whitelist", {"ipAddress": "127.0.0.1"})
    one = f"/api/databases/{databases[0]['id']}"
    reads = ["/api/databases", one, f"{one}/stats", f"{one}/connection-strings",
             f"{one}/whitelist", "/api/operations"]
    found = {"paced": _load(binaries, howdah, plan["api_seconds"], RATE, reads),
             "one": _saturate(binaries, howdah, plan["api_seconds"], [one]),
             "all": _saturate(binaries, howdah, plan["api_seconds"], reads),
             "bound": _saturate(binaries, howdah, plan["api_seconds"], ["/ca.crt"])}
    for database in databases:
        howdah.delete_database(database)
    return found
