"""Whom we measure ourselves against: each server is a process of its own, and answers a GET with 100 bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from benchmarks.harness import SERVER_CORE, on_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUE = b"v" * 100
NODE_FOLDER = Path(__file__).parent / "node"
START_SECONDS = 60.0
INSTALL_SECONDS = 300


class MissingPeerError(Exception):
    """A peer cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Server:
    """A server that listens.

    Attributes:
        name: of the peer.
        port: on 127.0.0.1.
        target: of the GET that it answers with 100 bytes.
        pid: of its process.
    """

    name: str
    port: int
    target: str
    pid: int


# What runs in the server's process: each says where it listens, and ends with its input.


def _say(port: int, target: str) -> None:
    print(json.dumps({"port": port, "target": target}), flush=True)


def _serve_raw() -> None:
    """The limit: a loop that reads whatever comes and sends a constant, with the headers that ours has."""
    answer = (
        b"HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 21:28:38 GMT\r\ncontent-type: application/octet-stream\r\n"
        b"cf-ray: 0123456789abcdef-HEL\r\ncf-cache-status: DYNAMIC\r\nserver: cloudflare\r\n"
        b"Content-Length: 100\r\n\r\n" + VALUE
    )
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while accepted.recv(65_536):
            accepted.sendall(answer)

    def accept() -> None:
        while True:
            accepted, _ = listener.accept()
            threading.Thread(target=serve, args=(accepted,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    _say(listener.getsockname()[1], "/")
    sys.stdin.read()


def _serve_kvfake() -> None:
    from pytest_kvfake import FakeCloudflare

    with FakeCloudflare(seed=1) as kv:
        namespace = kv.create_namespace("peer", {"key": VALUE})
        path = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}"
        _say(kv.port, f"{path}/values/key")
        sys.stdin.read()


def _serve_httpserver() -> None:
    from pytest_httpserver import HTTPServer

    _quiet()
    # threaded, as ours is; without it a second connection would wait for the first
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        server.expect_request("/value").respond_with_data(VALUE, content_type="application/octet-stream")
        _say(server.port, "/value")
        sys.stdin.read()


def _serve_moto() -> None:
    import urllib.request

    from moto.server import ThreadedMotoServer

    _quiet()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for path, body in (("bucket", b""), ("bucket/key", VALUE)):
        put = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data=body, method="PUT")
        urllib.request.urlopen(put, timeout=30).close()
    _say(port, "/bucket/key")
    sys.stdin.read()


def _quiet() -> None:
    """werkzeug writes a line for each request, which would be measured too."""
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)


SERVERS: dict[str, Callable[[], None]] = {
    "raw": _serve_raw,
    "kvfake": _serve_kvfake,
    "httpserver": _serve_httpserver,
    "moto": _serve_moto,
}
_MODULES = {"httpserver": "pytest_httpserver", "moto": "moto"}

TITLES = {
    "raw": "raw loop, constant answer",
    "httpserver": "pytest-httpserver, constant handler",
    "moto": "moto's S3 in server mode",
    "miniflare": "miniflare's KV",
    "explorer": "miniflare's KV over its REST routes",
}
_NODE = {"miniflare": "worker", "explorer": "explorer"}
"""The peers that run in Node.js, and the way in which each is asked."""


# What runs in the parent.


@contextmanager
def server(name: str, *, download: bool = True) -> Iterator[Server]:
    """Starts a peer in a process of its own, bound to the server's core, and ends it.

    Args:
        name: of the peer.
        download: whether npm may install what is missing.

    Raises:
        MissingPeerError: it is not installed here.
    """
    own = [sys.executable, "-m", "benchmarks.peers", name]
    command = _miniflare(_NODE[name], download=download) if name in _NODE else own
    module = _MODULES.get(name)
    if module is not None and find_spec(module) is None:
        raise MissingPeerError(f"{module} is not installed (pip install -e '.[bench]')")
    # A pipe that nobody reads would fill at some time, and the server stop.
    with tempfile.TemporaryFile("w+") as errors:
        with on_core(SERVER_CORE):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdin is not None
            try:
                yield _listening(name, process, errors)
            finally:
                process.stdin.close()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


def _listening(name: str, process: subprocess.Popen[str], errors: TextIO) -> Server:
    """Waits until a peer says where it listens."""
    assert process.stdout is not None
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    line = process.stdout.readline()
    watchdog.cancel()
    if not line:
        process.kill()
        process.wait()
        errors.seek(0)
        raise MissingPeerError(f"it did not start: {errors.read().strip()[-300:]}")
    said = json.loads(line)
    return Server(name, said["port"], said["target"], process.pid)


def _miniflare(way: str, *, download: bool) -> list[str]:
    """Gives the command that starts miniflare; installs it into the user's cache on first use."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise MissingPeerError("Node.js with npm is not on the PATH")
    files = [NODE_FOLDER / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = _cache() / "node" / f"benchmark-{digest}"
    complete = folder / "complete"
    if not complete.is_file():
        if not download:
            raise MissingPeerError("it is not installed yet, and a smoke run downloads nothing")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder)
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            raise MissingPeerError(f"npm ci failed: {done.stderr.strip()[-300:]}")
        complete.touch()
    shutil.copy(NODE_FOLDER / "kv.mjs", folder)
    command = [node, str(folder / "kv.mjs"), str(len(VALUE)), way]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    taskset = shutil.which("taskset")
    if taskset is None or len(cores) < 2:
        return command
    return [taskset, "-c", str(cores[SERVER_CORE % len(cores)]), *command]


def _cache() -> Path:
    chosen = os.environ.get("KVFAKE_TEST_CACHE")
    return (
        Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-kvfake"
    )


if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
