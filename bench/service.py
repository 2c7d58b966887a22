# SPDX-License-Identifier: Apache-2.0
"""A Howdah of our own: `howdah up` in a temporary data folder, its API and its node's socket."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse

import processes

START_SECONDS = 180
IDLE_SECONDS_MAX = 20


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


class Howdah:
    """with Howdah(binaries, parent, log) as howdah: serves; afterwards nothing is left of it."""

    def __init__(self, binaries, parent, log, environment=None, volume_bytes=4 << 30):
        self.binaries = pathlib.Path(binaries)
        self._parent = parent
        self._log = log
        self._volume_bytes = volume_bytes
        self._environment = {**os.environ, **(environment or {})}
        self._process = None
        self._api = None
        self._used = 0.0
        self.data = None
        self.connection = {}

    def __enter__(self):
        # `howdah up` makes the folder itself, with the owner and mode that it needs.
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="howdah-bench-", dir=self._parent))
        self.data.rmdir()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self._process is not None:
                self._process.stop()
        finally:
            # A volume that is still mounted holds data: deleting it would hide the fault.
            if not os.path.ismount(self.data / "volume"):
                shutil.rmtree(self.data, ignore_errors=True)

    def restart(self):
        """Stops everything and starts it on the same ports; (seconds to stop, until it serves)."""
        begun = time.perf_counter()
        self._process.stop()
        stopped = time.perf_counter()
        self._start()
        return stopped - begun, time.perf_counter() - stopped

    def _start(self):
        self._process = processes.Background(
            [self.binaries / "howdah", "up", "--data-dir", str(self.data), "--no-sample",
             "--http-port", "0",
             "--direct-port", str(self.connection.get("direct_port", 0)),
             "--pooled-port", str(self.connection.get("pooled_port", 0)),
             "--volume-size", str(self._volume_bytes)],
            self._log, env=self._environment, stdin=subprocess.DEVNULL)
        path = self.data / "connection.json"

        def ready():
            if self._process.process.poll() is not None:
                raise RuntimeError(f"howdah up ended early, see {self._log}")
            return path.exists()

        processes.wait_for("start of howdah up", START_SECONDS, ready, step=0.01)
        self.connection = json.loads(path.read_text())
        url = urllib.parse.urlsplit(self.connection["api_url"])
        if url.scheme != "http":
            raise RuntimeError(f"expected plain HTTP on loopback, not {url.geturl()}")
        self._api = http.client.HTTPConnection(url.hostname, url.port, timeout=60)

    def api(self, method, path, body=None):
        """One call on a connection that is kept open; returns `data`."""
        content = self._call(method, path, body)
        return json.loads(content)["data"] if content else None

    def timed_get(self, path):
        """ms until the whole answer is here, unread."""
        begun = time.perf_counter()
        self._call("GET", path)
        return (time.perf_counter() - begun) * 1000

    def _call(self, method, path, body=None):
        headers = {"X-API-Key": self.connection["api_key"]}
        text = None
        if body is not None:
            text = json.dumps(body)
            headers["Content-Type"] = "application/json"
        # The server closes a connection that was not used for a while.
        if time.monotonic() - self._used > IDLE_SECONDS_MAX:
            self._api.close()
        self._api.request(method, "/api" + path, text, headers)
        response = self._api.getresponse()
        content = response.read()
        self._used = time.monotonic()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {content.decode()[:500]}")
        return content

    def create_database(self, name, **settings):
        return self.api("POST", "/databases", {"friendlyName": name,
                                               "ownerEmail": "bench@example.org", **settings})

    def delete_database(self, database):
        self.api("DELETE", f"/databases/{database['id']}")

    def status_of(self, database):
        return self.api("GET", f"/databases/{database['id']}")["status"]

    def instance_of(self, database):
        """Run state as the node knows it: pid, socket_directory, state."""
        slug = database["username"].removeprefix("user_")
        node = _UnixConnection(f"{self._runtime_directory()}/node.sock")
        try:
            node.request("GET", "/v1/instances")
            listed = json.loads(node.getresponse().read())["instances"]
        finally:
            node.close()
        return next(instance for instance in listed if instance["slug"] == slug)

    def _runtime_directory(self):
        tag = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:8]
        if os.geteuid() == 0:
            return f"/run/howdah/{tag}"
        base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
        return f"{base}/howdah-{os.geteuid()}-{tag}"

    def daemons(self):
        """{"howdahd": pid, "howdah-gate": pid, "howdah-node": pid, "howdah": pid of up}."""
        up = self._process.pid
        found = {processes.name_of(pid): pid for pid in processes.children(up)}
        return {"howdah up": up, **{name: found[name]
                                    for name in ("howdahd", "howdah-gate", "howdah-node")}}
