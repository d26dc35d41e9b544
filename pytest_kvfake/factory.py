"""Makes the fakes of the fixtures, with the options of the run; the plugin imports it for the first of them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_kvfake import settings
from pytest_kvfake.engine.seed import seed_of
from pytest_kvfake.errors import OptionError
from pytest_kvfake.options import OPTIONS, checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_kvfake.fake import Fake

__all__ = ["FakeFactory", "running"]

F = TypeVar("F", bound="Fake[Any]")


def running(
    fake_class: type[F], options: dict[str, Any], node: pytest.Item | pytest.Collector, item: pytest.Item | None
) -> Iterator[F]:
    """Starts a fake, gives it, and stops it.

    Args:
        fake_class: of which service.
        options: of the run; the markers of the node go before them.
        node: for which the fixture is set up; its id is the default seed.
        item: the test that runs, at whose line a wrong marker is shown.
    """
    try:
        marked = settings.from_markers(node, fake_class)
    except OptionError as error:
        from pytest_kvfake.reporting import raise_at  # only if there is an error

        raise_at(item, error)
    fake = fake_class(**{**_defaults(options, node.nodeid), **marked})
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()


class FakeFactory:
    """What the fixture ``kvfake_factory`` gives."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._made: weakref.WeakSet[Fake[Any]] = weakref.WeakSet()

    def __call__(self, fake: type[F], **options: Any) -> F:
        """Makes a fake that is not running yet; use it as a context manager.

        Args:
            fake: its class, such as ``FakeCloudflare``.
            options: what its class takes; they go before command line, environment and ini file. The seed is the
                same for every fake of a run unless it is given.

        Raises:
            OptionError: an option does not exist, or has a value it cannot take.
        """
        __tracebackhide__ = True
        given = checked(options, where=f"kvfake_factory({fake.__name__}, …)", fake=fake)
        made = fake(**{**_defaults(self._options, ""), **given})
        self._made.add(made)
        return made

    def stop(self) -> None:
        """Stops the fakes that were started and never stopped."""
        for fake in list(self._made):
            fake.stop()


def _defaults(options: dict[str, Any], node_id: str) -> dict[str, Any]:
    """What is set for the whole run, and the seed of a node where none is."""
    configured = {name: value for name, value in options.items() if OPTIONS[name].of_fakes}
    return {"seed": seed_of(node_id), **configured}
