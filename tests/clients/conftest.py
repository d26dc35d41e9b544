"""What the tests of real clients share.

`sent_as` holds what a client really sends against the contract case that says so; Node projects are installed once
and kept outside the repository.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from pytest_kvfake.contract.cases import Answer, Case, Sent, filled, load_cases, run
from pytest_kvfake.transport.client import Client

NODE_PROJECTS = Path(__file__).parent / "node"
INSTALL_SECONDS = 300
RUN_SECONDS = 60
UNWANTED_VARIABLES = ("APIFY_", "BACKENDLESS_", "CF_", "CLOUDFLARE_", "WRANGLER_", "NODE_OPTIONS", "HTTP", "ALL_PROXY")


class Watched:
    """A fake that a real client talks to, as what a contract case is run against: the journal has its requests."""

    def __init__(self, fake, case: Case, act: Callable, never: Iterable[str]) -> None:
        self.fake = fake
        self.case = case
        self.act = act
        self.never = set(never)
        self.outcome: Any = None

    def arrange(self, given, clock, names):
        if clock is not None:
            self.fake.clock.freeze(clock)
        names = {**names, **self.fake.arrange(given, names)}
        self.outcome = self.act(*filled(self.case.client["calls"], names))
        self.left = list(self.fake.journal)
        return names

    def send(self, request: Sent) -> Answer:
        if request.target in self.never:
            self.never.remove(request.target)
            return Client(self.fake.origin).send(request)
        assert self.left, f"{request.method} {request.target} was not sent"
        exchange = self.left.pop(0)
        sent = exchange.request
        expected = Seen.of(request.method, request.target, dict(request.headers), request.body)
        assert Seen.of(sent.method, sent.target, sent.headers, sent.body).like(expected) == expected
        headers = {name.lower(): value for name, value in exchange.response.headers}
        return Answer(exchange.status, headers, exchange.response.body)

    def differences(self, then, names):
        return self.fake.differences(then, names)


@dataclass(frozen=True)
class Seen:
    """A request as far as it can be compared: no order of members, no boundary between parts."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Seen":
        fields = {name.lower(): value for name, value in headers.items()}
        kind, _, boundary = fields.get("content-type", "").partition("; boundary=")
        if not boundary:
            with suppress(ValueError):
                return cls(method, target, fields, json.loads(body))
            return cls(method, target, fields, body)
        whole = message_from_bytes(f"Content-Type: {kind}; boundary={boundary}\r\n\r\n".encode() + body)
        parts = [({**part}, part.get_payload(decode=True)) for part in whole.get_payload()]
        return cls(method, target, {**fields, "content-type": kind}, parts)

    def like(self, other: "Seen") -> "Seen":
        """This request with only those headers that the other has; the type of a body always counts."""
        counting = {*other.headers, *(["content-type"] if other.body else [])}
        return replace(self, headers={name: value for name, value in self.headers.items() if name in counting})


@pytest.fixture
def sent_as(kv) -> Callable:
    """Holds a real client against a contract case, and gives what its calls came to.

    ``sent_as("cloudflare-186", act)`` puts what the case takes for given into the fake ``kv`` and calls ``act`` with
    the case's calls. Then the journal must have the requests of the case's steps, one for one, answered as the case
    expects. ``never``: targets that this release of the client does not send; they are sent in its place.
    """

    def hold(case_id: str, act: Callable, *, never: Iterable[str] = ()) -> Any:
        (case,) = (case for case in load_cases(kv.service.name) if case.id == case_id)
        names = {**case.names, "A": kv.account_id, "T": kv.api_token}
        watched = Watched(kv, case, act, never)
        assert run(replace(case, names=names), watched, kv.document) == []
        assert [str(exchange) for exchange in watched.left] == [], "more was sent"
        assert not watched.never, "the case does not have it either"
        return watched.outcome

    return hold


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a folder with the files of ``tests/clients/node/<name>`` and its installed ``node_modules``.

    Packages are installed from the lock file into the user's cache, once per lock file and Node version, also
    under xdist. The test is skipped where Node is missing or older than package.json's "engines" asks.
    """
    made: dict[str, Path] = {}

    def project(name: str) -> Path:
        if name not in made:
            source = NODE_PROJECTS / name
            modules = installed_modules(source, require_node(source))
            folder = tmp_path_factory.mktemp(f"node-{name}-", numbered=True)
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
            (folder / "node_modules").symlink_to(modules, target_is_directory=True)
            made[name] = folder
        return made[name]

    return project


@pytest.fixture(scope="session")
def run_node(node_project: Callable[[str], Path]) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a script of a Node project to its end and gives what it printed.

    ``run_node(project, script, *arguments, env={…}, cwd=…, text=True)``; with ``text=False`` the output is bytes.
    """

    def run(
        name: str,
        script: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        text: bool = True,
    ) -> subprocess.CompletedProcess:
        folder = node_project(name)
        return subprocess.run(
            ["node", str(folder / script), *arguments],
            env={**clean_environment(), **(env or {})},
            cwd=cwd or folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8" if text else None,
            timeout=RUN_SECONDS,
            check=False,
        )

    return run


def clean_environment() -> dict[str, str]:
    """This process's environment without what would make a client talk to the real service or to a proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(UNWANTED_VARIABLES)}
    return {**kept, "CI": "1", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1,localhost"}


def require_node(source: Path) -> str:
    """Gives Node's version, or skips the test."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js with npm on the PATH")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    asked = json.loads((source / "package.json").read_text(encoding="utf-8"))["engines"]["node"].removeprefix(">=")
    if int(version.lstrip("v").partition(".")[0]) < int(asked):
        pytest.skip(f"needs Node.js {asked} or newer, this is {version}")
    return version


def installed_modules(source: Path, node_version: str) -> Path:
    """Gives the cached ``node_modules`` of a project; installs them where they are missing."""
    described = [(source / name).read_bytes() for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"\0".join([*described, node_version.encode(), sys.platform.encode()])).hexdigest()
    folder = cache_folder() / "node" / f"{source.name}-{digest[:16]}"
    complete = folder / "complete"
    with locked(folder.with_suffix(".lock")):
        if not complete.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, folder)
            install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
            done = subprocess.run(
                install, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            if done.returncode != 0:
                pytest.fail(f"npm ci failed for tests/clients/node/{source.name}:\n{done.stdout}\n{done.stderr}")
            complete.touch()
    return folder / "node_modules"


def cache_folder() -> Path:
    """Where downloaded clients are kept: KVFAKE_TEST_CACHE, or a folder in the user's cache."""
    chosen = os.environ.get("KVFAKE_TEST_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-kvfake-tests"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock among processes; the system releases it when a process dies."""
    fcntl = pytest.importorskip("fcntl", reason="the cache of Node packages needs POSIX file locks")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
