"""What pyproject.toml, tox.ini and lock files promise each other."""

import configparser
import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")


def bounds(requirements, sign):
    """Names and versions of requirements that hold on CPython."""
    plain = (text.partition(";")[0].strip() for text in requirements if "!= 'CPython'" not in text)
    return dict(text.split(sign) for text in plain if sign in text)


def test_requirements_have_lower_bounds_only():
    extras = PROJECT["optional-dependencies"].values()
    every = [*PROJECT["dependencies"], *(requirement for extra in extras for requirement in extra)]
    assert [
        text for text in every if not re.fullmatch(r"[A-Za-z0-9-]+(\[[a-z]+\])?(>=[0-9.]+)?", text.partition(";")[0])
    ] == []


def test_the_lowest_supported_versions_are_tested():
    pinned = bounds([line for line in TOX["testenv:lowest"]["deps"].splitlines() if "==" in line], "==")
    lowest = bounds(PROJECT["dependencies"], ">=")
    assert {name: version.removesuffix(".0") for name, version in pinned.items()} == lowest


def test_every_supported_python_is_tested():
    listed = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)]
    environments = TOX["tox"]["env_list"].split()
    assert [f"py{version.replace('.', '')}" for version in listed] == [n for n in environments if n.startswith("py")]
    assert PROJECT["requires-python"] == f">={listed[0]}"


@pytest.mark.parametrize("lock", sorted(ROOT.glob("tests/**/package-lock.json")), ids=lambda path: path.parent.name)
def test_a_lock_file_holds_no_download_addresses(lock):
    assert '"resolved"' not in lock.read_text(encoding="utf-8")
