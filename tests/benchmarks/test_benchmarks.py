"""The benchmarks' harness runs; nothing here looks at a time, and no budget is held."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY_SECONDS = 120

pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def harness():
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("benchmarks.harness")
    finally:
        sys.path.remove(str(ROOT))


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TINY_SECONDS, check=False)


GROUPS = [
    "get",
    "inprocess",
    "curves",
    "bulk",
    "memory",
    "value",
    "plugin",
    "fixture",
    "connections",
    "bodies",
    "archive",
    "steady",
    "xdist",
]


def test_every_group_of_rows_is_tried_here():
    assert run("speed", "--tiny").stderr.strip().endswith(f"there are {', '.join(GROUPS)}")


@pytest.mark.parametrize("group", GROUPS)
def test_rows_can_be_measured(group, tmp_path):
    written = tmp_path / "results.json"
    done = run(group, "--tiny", "--json", str(written))
    assert done.returncode in {0, 1}, done.stderr  # 1 says that a budget was missed
    assert "Traceback" not in done.stderr, done.stderr
    rows = json.loads(written.read_text())["rows"]
    assert {row["group"] for row in rows} == {group}
    for row in rows:
        assert row["value"] is not None or row["detail"].startswith("skipped: "), row


def test_table_names_what_was_measured_and_whether_its_budget_is_met():
    done = run("memory", "--tiny")
    header, *lines = done.stdout.splitlines()[1:]
    assert header.split() == ["what", "measured", "spread", "budget"]
    assert all("≤ 350" in line and ("met" in line or "MISSED" in line) for line in lines[:2])


def test_the_profile_takes_a_request_through_all_of_its_steps():
    command = [sys.executable, "-m", "benchmarks.profile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TINY_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()[1:]
    assert (first.startswith("head parsed "), last.startswith("answer as bytes ")) == (True, True)


def test_rows_that_do_not_exist_are_an_error_that_names_the_others():
    done = run("speed", "--tiny")
    assert done.returncode == 2
    assert "there are no rows speed; there are get, inprocess" in done.stderr


def test_contestants_take_turns_and_the_first_round_does_not_count(harness):
    came = []

    def contestant(name):
        return lambda: came.append(name) or float(len(came))

    taken = harness.interleaved({"a": contestant("a"), "b": contestant("b")}, rounds=2)
    assert came == ["a", "b", "b", "a", "a", "b"]
    assert taken == {"a": [4.0, 5.0], "b": [3.0, 6.0]}


def test_a_ratio_is_the_median_of_the_rounds_ratios_with_its_quartiles(harness):
    found = harness.ratio([2.0, 9.0, 8.0, 20.0, 5.0], [1.0, 3.0, 2.0, 4.0, 1.0])  # 2, 3, 4, 5, 5
    assert (found.median, found.quartiles) == (4.0, (3.0, 5.0))


def test_a_row_knows_whether_its_budget_is_met(harness):
    assert harness.at_most("g", "w", 3.5, 3.5).met
    assert not harness.at_most("g", "w", 3.6, 3.5).met
    assert harness.at_least("g", "w", 5.0, 5.0).met
    assert not harness.at_least("g", "w", 4.9, 5.0).met
    assert harness.skipped("g", "w", "it is not installed").met is None
