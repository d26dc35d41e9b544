"""The pytest plugin: options, marker, fixtures, and the hooks that look after the fakes at the end of each test.

It is imported in every pytest run, so it imports pytest and the standard library only. The fakes, the engine and
the report come when the first fixture is set up.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

import pytest_kvfake
from pytest_kvfake import settings
from pytest_kvfake.options import OPTIONS, RANDOM

if TYPE_CHECKING:
    import logging
    from collections.abc import Generator, Iterator

    from pytest_kvfake import FakeApify, FakeCloudflare, FakeHive, FakeRegistry
    from pytest_kvfake.factory import FakeFactory
    from pytest_kvfake.fake import Fake

F = TypeVar("F", bound="Fake[Any]")

_MARKER = (
    "kvfake(service=None, /, **options): options of the fakes in the fixtures kv_…, for all services or for the one "
    'that is named: @pytest.mark.kvfake("cloudflare", dialect="observed").'
)


class _Run:
    """What one pytest run remembers.

    Attributes:
        options: what command line, environment and ini file set.
        drawn: the seed, if one was drawn for the run.
        item: the test that runs now.
        log: prints the exchanges.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.drawn: int | None = None
        self.item: pytest.Item | None = None
        self.log: logging.StreamHandler[Any] | None = None


_RUN = pytest.StashKey[_Run]()

_WORKER_SEED = "kvfake_seed"


# Options and marker


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the table."""
    settings.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> None:
    """Names the right option where one is misspelt; pytest only says that it doesn't know it."""
    with _usage_errors():
        settings.refuse_misspelt_arguments(args)


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options once, so that a wrong one ends the run before any test."""
    config.addinivalue_line("markers", _MARKER)
    with _usage_errors():
        settings.refuse_misspelt(config)
        options = settings.configured(config)
    run = config.stash[_RUN] = _Run(options)
    if options.get("seed") == RANDOM:
        run.drawn = options["seed"] = _drawn_seed(config)
    if options.get("coverage") or options.keys() & {"coverage_json", "coverage_fail_under"}:
        from pytest_kvfake.coverage_run import CoverageRun  # only if somebody wants to know

        config.pluginmanager.register(CoverageRun(options), "kvfake-coverage")
    if options.get("log"):
        from pytest_kvfake import log  # only if somebody wants to see it

        # a copy of the stderr that pytest was started with: while it configures itself, nothing is captured
        run.log = log.start(os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace"))


def _drawn_seed(config: pytest.Config) -> int:
    from pytest_kvfake.engine.seed import random_seed  # only for a seed that is drawn

    given: dict[str, Any] = getattr(config, "workerinput", {})  # what xdist's workers get from their controller
    return int(given.get(_WORKER_SEED) or random_seed())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands the seed that was drawn on to one of xdist's workers."""
    node.workerinput[_WORKER_SEED] = node.config.stash[_RUN].drawn


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the log."""
    run = config.stash.get(_RUN, None)
    if run is not None and run.log is not None:
        from pytest_kvfake import log  # it is imported

        log.stop(run.log)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Prints the seed that was drawn for the run."""
    drawn = config.stash[_RUN].drawn
    return None if drawn is None else f"kvfake: seed {drawn}, replay with {OPTIONS['seed'].flag}={drawn}"


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except pytest_kvfake.OptionError as error:
        raise pytest.UsageError(str(error)) from None


# Fixtures


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    del fixture_name
    return config.stash[_RUN].options.get("scope", "function")


@pytest.fixture(scope=_scope)
def kv_apify(request: pytest.FixtureRequest) -> Iterator[FakeApify]:
    """A running fake of Apify's key-value stores, verified at the end of the test."""
    yield from _running(request, pytest_kvfake.FakeApify)


@pytest.fixture(scope=_scope)
def kv_cloudflare(request: pytest.FixtureRequest) -> Iterator[FakeCloudflare]:
    """A running fake of Cloudflare Workers KV's REST API, verified at the end of the test."""
    yield from _running(request, pytest_kvfake.FakeCloudflare)


@pytest.fixture(scope=_scope)
def kv_hive(request: pytest.FixtureRequest) -> Iterator[FakeHive]:
    """A running fake of Backendless Hive's REST API, verified at the end of the test."""
    yield from _running(request, pytest_kvfake.FakeHive)


@pytest.fixture(scope=_scope)
def kv_registry(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    """A running fake of DK Lab Registry's HTTP API, verified at the end of the test."""
    yield from _running(request, pytest_kvfake.FakeRegistry)


@pytest.fixture(scope="session")
def kvfake_factory(pytestconfig: pytest.Config) -> Iterator[FakeFactory]:
    """Makes fakes of any service with the options of the run.

    ::

        with kvfake_factory(FakeCloudflare, dialect="observed") as kv:
            ...
    """
    from pytest_kvfake.factory import FakeFactory  # it is about to be needed

    factory = FakeFactory(pytestconfig.stash[_RUN].options)
    yield factory
    factory.stop()


def _running(request: pytest.FixtureRequest, fake_class: type[F]) -> Iterator[F]:
    """Starts a fake with the options of the fixture's node, and stops it."""
    from pytest_kvfake.factory import running  # it is about to be needed

    run = request.config.stash[_RUN]
    yield from running(fake_class, run.options, request.node, run.item)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Gives each package fixtures of its own under ``kvfake_scope = package``.

    What pytest calls package scope is the package that defines a fixture; for a plugin's, that is the whole run.
    """
    if isinstance(collector, pytest.Package) and _scope("", collector.config) == "package":
        holder = ModuleType(__name__)
        vars(holder).update({name: value for name, value in globals().items() if name.startswith("kv_")})
        parse: Any = collector.session._fixturemanager.parsefactories  # noqa: SLF001 - what is public came with 9.1
        if hasattr(pytest, "register_fixture"):
            parse(holder=holder, node=collector)
        else:
            parse(holder, collector.nodeid)


# The end of each test


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remembers what was there before the test."""
    item.config.stash[_RUN].item = item
    if _has_fakes():
        _watch().begin(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Verifies the fakes as a part of the test, so that it is the test that fails."""
    result = yield
    if _has_fakes():
        _watch().verify(item)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the fakes have to say to the report of a failed test."""
    report = yield
    if call.excinfo is not None and call.when != "teardown" and _has_fakes():
        _watch().report_failure(item, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Ends all waits before any fixture is torn down."""
    if _has_fakes():
        _watch().end(item)


def _has_fakes() -> bool:
    """Whether there can be any fake: the fixtures, or the tests themselves, have imported them."""
    return "pytest_kvfake.fake" in sys.modules


def _watch() -> ModuleType:
    from pytest_kvfake import watch  # it imports the fakes

    return watch
