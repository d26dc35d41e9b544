"""What the tests of real clients share: Node projects, installed once and kept outside the repository."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NODE_PROJECTS = Path(__file__).parent / "node"
INSTALL_SECONDS = 300
RUN_SECONDS = 60
UNWANTED_VARIABLES = ("APIFY_", "BACKENDLESS_", "CF_", "CLOUDFLARE_", "WRANGLER_", "NODE_OPTIONS", "HTTP", "ALL_PROXY")


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
