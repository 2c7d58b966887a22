# SPDX-License-Identifier: Apache-2.0
"""How long the command line takes to start, beside a program that does nothing."""
import os
import random
import subprocess
import time

import first_rows


def _run(command, environment):
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000


def measure(howdah, binaries, plan):
    """ms of each command; targets take turns, in another order each round."""
    program = str(binaries / "howdah")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    commands = {"true": ["/bin/true"], "version": [program, "--version"],
                "list": [program, "db", "list", "--data-dir", str(howdah.data)]}
    times = {name: [] for name in commands}
    for _ in range(plan["starts"]):
        for name in random.sample(list(commands), len(commands)):
            times[name].append(_run(commands[name], environment))
    return {name: first_rows.summary(values) for name, values in times.items()}
