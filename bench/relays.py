# SPDX-License-Identifier: Apache-2.0
"""pgbench -S through the gate, through the bare relays and straight to the same instance."""
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

import machine
import processes
import server

CLIENTS = 32


class Target:
    """A way to the server. pid: of the process in the middle, None where there is none."""

    def __init__(self, name, conninfo, pid=None):
        self.name = name
        self.conninfo = conninfo
        self.pid = pid


def _pgbench(conninfo, *arguments):
    result = subprocess.run([machine.postgres_directory() / "pgbench", *arguments, conninfo],
                            capture_output=True, text=True, check=False,
                            env={**os.environ, "PGOPTIONS": ""})
    if result.returncode != 0:
        raise RuntimeError("pgbench: " + result.stderr[-1000:])
    return result.stdout


def _run(target, seconds):
    """{"tps", "cpu_us" per transaction of the process in the middle}"""
    before = processes.cpu_us(target.pid) if target.pid else 0
    text = _pgbench(target.conninfo, "-n", "-S", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds))
    after = processes.cpu_us(target.pid) if target.pid else 0
    transactions = int(re.search(r"actually processed: (\d+)", text).group(1))
    tps = float(re.search(r"tps = ([\d.]+) \(without", text).group(1))
    return {"tps": tps, "cpu_us": (after - before) / transactions}


def _compare(targets, plan):
    """Rounds over all targets, each in another order, after one warming round."""
    for target in targets:
        _run(target, 1)
    measured = {target.name: [] for target in targets}
    for number in range(plan["rounds"]):
        shift = number % len(targets)
        for target in targets[shift:] + targets[:shift]:
            measured[target.name].append(_run(target, plan["seconds"]))
            print(f"  round {number + 1}: {target.name:14} "
                  f"{measured[target.name][-1]['tps']:8.0f} tps", flush=True)
    return {name: _summary(runs, measured, plan) for name, runs in measured.items()}


def _summary(runs, measured, plan):
    tps = [run["tps"] for run in runs]
    ratios = {}
    for other in ("unix", "relay_epoll", "relay_uring"):
        pairs = zip(tps, (run["tps"] for run in measured[other]))
        ratios[other] = statistics.median(mine / theirs for mine, theirs in pairs)
    return {"tps": statistics.median(tps), "tps_min": min(tps), "tps_max": max(tps),
            "cpu_us": statistics.median(run["cpu_us"] for run in runs), "ratio": ratios,
            "rounds": plan["rounds"], "seconds": plan["seconds"]}


@contextlib.contextmanager
def _relay(binaries, name, socket_path, log):
    with processes.Background([f"{binaries}/{name}", "0", socket_path], log,
                              stdout=subprocess.PIPE) as relay:
        yield int(relay.process.stdout.readline()), relay.pid


@contextlib.contextmanager
def _pgbouncer(backend, folder, log):
    """PgBouncer in session mode, the usual process in that place; None where it is missing."""
    program = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        yield None
        return
    port = server.free_port()
    config = pathlib.Path(folder) / "pgbouncer.ini"
    config.write_text(
        f"[databases]\npostgres = host={backend.socket_directory} port={backend.port} user=bench\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = session\ndefault_pool_size = 100\nmax_client_conn = 200\n")
    os.chmod(folder, 0o755)
    arguments = [program, "-q", str(config)]
    if os.geteuid() == 0:
        arguments[1:1] = ["-u", "postgres"]
    with processes.Background(arguments, log) as bouncer:
        target = Target("pgbouncer", f"host=127.0.0.1 port={port} user=bench dbname=postgres "
                                     "sslmode=disable", bouncer.pid)
        ready = [machine.postgres_directory() / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                 str(port)]
        processes.wait_for("start of pgbouncer", 10,
                           lambda: subprocess.run(ready, check=False).returncode == 0)
        yield target


def plain(binaries, log, plan):
    """The yardsticks alone, on a Postgres of our own that also listens on TCP."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(server.Server(log))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-"))
        common = "user=bench dbname=postgres sslmode=disable"
        targets = [
            Target("unix", f"host={backend.socket_directory} port={backend.port} {common}"),
            Target("tcp", f"host=127.0.0.1 port={backend.port} {common}"),
        ]
        for name in ("relay_epoll", "relay_uring"):
            port, pid = stack.enter_context(_relay(binaries, name, backend.socket_path, log))
            targets.append(Target(name, f"host=127.0.0.1 port={port} {common}", pid))
        bouncer = stack.enter_context(_pgbouncer(backend, folder, log))
        if bouncer:
            targets.append(bouncer)
        _pgbench(targets[0].conninfo, "-i", "-q", "-s", str(plan["scale"]))
        return _compare(targets, plan)


def through_gate(howdah, binaries, log, plan):
    """The gate against the relays on the same instance; `howdah` serves without TLS too."""
    database = howdah.create_database("relay", maxConnections=100, suspendAfterSeconds=0)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-"))
        # The password goes through a file, not through arguments that others can read.
        passwords = pathlib.Path(folder) / "pgpass"
        passwords.write_text(f"*:*:*:*:{database['password']}\n")
        passwords.chmod(0o600)
        gate = (f"host=127.0.0.1 port={howdah.connection['direct_port']} "
                f"user={database['username']} dbname={database['database_name']} "
                f"passfile={passwords} sslmode=")
        _pgbench(gate + "disable", "-i", "-q", "-s", str(plan["scale"]))
        directory = howdah.instance_of(database)["socket_directory"]
        # Straight to the instance's private socket: as the platform, whom peer authentication
        # knows by our own uid, and the relays' uid is the same.
        common = f"user=howdah_admin dbname={database['database_name']} sslmode=disable"
        targets = [Target("unix", f"host={directory} port=5432 {common}")]
        for name in ("relay_epoll", "relay_uring"):
            port, pid = stack.enter_context(
                _relay(binaries, name, f"{directory}/.s.PGSQL.5432", log))
            targets.append(Target(name, f"host=127.0.0.1 port={port} {common}", pid))
        pid = howdah.daemons()["howdah-gate"]
        targets.append(Target("gate", gate + "disable", pid))
        targets.append(Target("gate with TLS", gate + "require", pid))
        result = _compare(targets, plan)
    howdah.delete_database(database)
    return result
