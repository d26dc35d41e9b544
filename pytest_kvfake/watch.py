"""Looks after the open fakes while a test runs: what it began with, what is wrong at its end, what its report says.

The plugin imports it once there are fakes to look after.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kvfake.errors import KVFakeContractWarning, VerificationError
from pytest_kvfake.fake import open_fakes, recent_fakes, starts
from pytest_kvfake.reporting import FailureSection, raise_at

if TYPE_CHECKING:
    from pytest_kvfake.fake import Fake

__all__ = ["begin", "end", "report_failure", "verify"]


@dataclass
class _Watch:
    """What is remembered of one test.

    Attributes:
        starts: how many fakes had been started when it began.
        seen: how many exchanges each open fake had had then, by the fake's ``opened``.
        failed: it, or a subtest of it, has raised something by itself.
        verified: its fakes have been verified.
    """

    starts: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    failed: bool = False
    verified: bool = False


_WATCH = pytest.StashKey[_Watch]()


def begin(item: pytest.Item) -> None:
    """Remembers what was there before the test."""
    item.stash[_WATCH] = _Watch(starts(), {fake.opened: len(fake.journal) for fake in open_fakes()})


def verify(item: pytest.Item) -> None:
    """Verifies every open fake, unless the test has failed, skipped or expectedly failed by itself.

    Raises:
        VerificationError: something is wrong; of several fakes, all of it.
        KVFakeContractWarning: the contract was violated, and the run makes errors of warnings.
    """
    watch = item.stash.setdefault(_WATCH, _Watch())
    # unittest's tests keep what they have raised to themselves
    if watch.failed or getattr(item, "_excinfo", None):
        return
    watch.verified = True
    problems = _problems()
    if len(problems) == 1:
        raise_at(item, problems[0])
    if problems:
        raise_at(item, VerificationError("\n\n".join(map(str, problems))))


def report_failure(item: pytest.Item, report: pytest.TestReport) -> None:
    """Notes that something was raised in the test, and adds what the fakes say to the report of a failure."""
    watch = item.stash.setdefault(_WATCH, _Watch())
    watch.failed = True
    if not report.failed:
        return
    section = FailureSection(recent_fakes(watch.starts), watch.seen)
    text = str(section)
    add = getattr(report.longrepr, "addsection", None)
    if text and add is not None:
        add(section.title, text)
    elif text and isinstance(report.longrepr, str):  # pytest.fail(pytrace=False) and the like
        report.longrepr = f"{report.longrepr}\n--- {section.title} ---\n{text}"


def end(item: pytest.Item) -> None:
    """Ends all waits, and forgets what a failed test has left: it shall not fail the next one."""
    if not item.stash.setdefault(_WATCH, _Watch()).verified:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KVFakeContractWarning)
            _problems()
    for fake in open_fakes():
        fake.release()


def _problems() -> list[BaseException]:
    found = [_problem(fake) for fake in open_fakes()]
    return [problem for problem in found if problem is not None]


def _problem(fake: Fake[Any]) -> BaseException | None:
    try:
        fake.verify()
    except (VerificationError, KVFakeContractWarning) as problem:
        return problem
    return None
