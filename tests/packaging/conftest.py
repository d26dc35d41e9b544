"""Builds of a copy of the checkout, and environments of their own to install them into; nothing is downloaded."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120

PROBE = """
import http.client, json
import pytest_kvfake
from pytest_kvfake import FakeCloudflare
from pytest_kvfake.contract.document import schemas_folder

with FakeCloudflare() as kv:
    connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=10)
    connection.request("GET", "/client/v4/user/tokens/verify", headers={"Authorization": f"Bearer {kv.api_token}"})
    status = connection.getresponse().status
    connection.close()
print(json.dumps({"package": pytest_kvfake.__path__[0], "schemas": str(schemas_folder()), "status": status}))
"""


def run(*command, cwd):
    """Runs a command as a user would who has set nothing; gives what it prints."""
    unset = ("PYTHON", "PYTEST_", "KVFAKE_", "COV_", "MYPY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(target, source, folder):
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    (built,) = folder.iterdir()
    return built


class Environment:
    """A virtual environment that sees this one's packages behind its own."""

    def __init__(self, folder):
        venv.create(folder, symlinks=os.name != "nt", with_pip=False)
        where = {"base": str(folder), "platbase": str(folder)}
        scheme = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_default_scheme()
        self.packages = Path(sysconfig.get_path("purelib", scheme, where))
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        outer = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (self.packages / "outer.pth").write_text("\n".join(outer), encoding="utf-8")

    def install(self, *arguments):
        pip = ("-m", "pip", "--disable-pip-version-check", "--python", self.python)
        offline = ("--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed")
        run(sys.executable, *pip, "install", *offline, *arguments, cwd=self.packages)

    def probe(self, cwd):
        """Starts a fake there: gives where package and documents are, and the status of one request."""
        return json.loads(run(self.python, "-W", "error", "-c", PROBE, cwd=cwd))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy of what is built, so that building leaves nothing in the real one."""
    folder = tmp_path_factory.mktemp("checkout") / "pytest-kvfake"
    folder.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tox.ini", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("pytest_kvfake", "schemas", "tests", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    return folder


@pytest.fixture(scope="session")
def wheel(checkout, tmp_path_factory):
    return build("wheel", checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def unpacked_sdist(checkout, tmp_path_factory):
    with tarfile.open(build("sdist", checkout, tmp_path_factory.mktemp("sdist"))) as archive:
        folder = tmp_path_factory.mktemp("unpacked")
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="session")
def wheel_of_sdist(unpacked_sdist, tmp_path_factory):
    return build("wheel", unpacked_sdist, tmp_path_factory.mktemp("wheel-of-sdist"))


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "environment")


@pytest.fixture(name="run")
def run_fixture():
    return run
