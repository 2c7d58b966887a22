# SPDX-License-Identifier: Apache-2.0
"""A plain Postgres of our own, for comparing the relays with a straight connection over TCP."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

import machine
import processes


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """with Server(log) as server: listens on its socket_directory and port, trusts everybody."""

    def __init__(self, log):
        self._log = log
        self._binaries = machine.postgres_directory()
        self._process = None
        self.port = free_port()
        self.socket_directory = None

    def __enter__(self):
        self.socket_directory = pathlib.Path(tempfile.mkdtemp(prefix="hb-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self._process is not None:
                self._process.stop(number=2)
        finally:
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    @property
    def socket_path(self):
        return f"{self.socket_directory}/.s.PGSQL.{self.port}"

    def _start(self):
        options = {"cwd": self.socket_directory}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = pwd.getpwnam("postgres")
            os.chown(self.socket_directory, user.pw_uid, user.pw_gid)
            options.update(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        data = f"{self.socket_directory}/data"
        subprocess.run([self._binaries / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E",
                        "UTF8", "--no-sync"], check=True, capture_output=True, **options)
        self._process = processes.Background(
            [self._binaries / "postgres", "-D", data, "-k", str(self.socket_directory),
             "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "fsync=off",
             "-c", "max_connections=200"], self._log, **options)
        ready = [self._binaries / "pg_isready", "-q", "-h", str(self.socket_directory), "-p",
                 str(self.port)]
        processes.wait_for("start of Postgres", 20,
                           lambda: subprocess.run(ready, check=False).returncode == 0)
