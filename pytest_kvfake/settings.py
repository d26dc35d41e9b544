"""Where the values of options come from, and which place wins.

================== ============================================================================
marker             ``@pytest.mark.kvfake(dialect="observed")``, ``@pytest.mark.kvfake("cloudflare", …)``
command line       ``--kvfake-dialect=observed``
environment        ``KVFAKE_DIALECT=observed``
ini                ``kvfake_dialect = observed``
================== ============================================================================

The first that has a value wins; without any, the default of `pytest_kvfake.fake.Fake` holds. Of several markers
the nearest to the test wins.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_kvfake.options import OPTIONS, Option, checked, from_text, is_near, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

    from pytest_kvfake.fake import Fake

__all__ = ["add_options", "configured", "from_markers", "refuse_misspelt", "refuse_misspelt_arguments"]


def add_options(parser: pytest.Parser) -> None:
    """Makes command-line options and ini values of the table."""
    group = parser.getgroup("kvfake", "fakes of key-value services")
    for option in OPTIONS.values():
        parser.addini(option.key, option.help, type="string", default=None)
        if not option.metavar:
            group.addoption(option.flag, dest=option.key, action="store_const", const="true", help=option.help)
        elif not option.ini_only:
            group.addoption(option.flag, dest=option.key, metavar=option.metavar, help=option.help)


def configured(config: pytest.Config) -> dict[str, Any]:
    """Gives the options that are set on the command line, in the environment or in the ini file.

    Raises:
        OptionError: a value that its option cannot take; the text says where it is set.
    """
    found = {}
    for option in OPTIONS.values():
        for where, text in _settings(option, config):
            if text:
                found[option.name] = from_text(option, str(text), where=where.format(text))
                break
    return found


def _settings(option: Option, config: pytest.Config) -> Iterator[tuple[str, Any]]:
    if not option.ini_only:
        yield f"{option.flag}={{}}", config.getoption(option.key, None)
        yield f"{option.variable}={{}}", os.environ.get(option.variable)
    file = f" in {config.inipath.name}" if config.inipath is not None else ""
    yield f"{option.key} = {{}}{file}", config.getini(option.key)


def from_markers(node: pytest.Item | pytest.Collector, fake: type[Fake[Any]]) -> dict[str, Any]:
    """Gives the options that the ``kvfake`` markers of a node and of those around it set for one service.

    The nearest marker wins; of those at the same place, one that names the service.

    Raises:
        OptionError: a marker names no service, or an option that does not exist or fit.
    """
    merged: dict[str, Any] = {}
    for _, found in groupby(node.iter_markers_with_node("kvfake"), key=lambda pair: pair[0]):
        for marker in sorted((marker for _, marker in found), key=lambda marker: not marker.args):
            where = f"@pytest.mark.kvfake({', '.join(_written(marker))})"
            if not marker.args:
                merged = {**checked(marker.kwargs, where=where), **merged}
            elif _service(marker.args, where) == fake.service.name:
                merged = {**checked(marker.kwargs, where=where, fake=fake), **merged}
    return merged


def refuse_misspelt(config: pytest.Config) -> None:
    """Raises for ini values and environment variables that were meant to be ours.

    Raises:
        OptionError: one has a name that is nearly an option's.
    """
    keys = {option.key: option for option in OPTIONS.values()}
    in_file = vars(config).get("_inicfg")  # in pytest 9; reading the old place there is deprecated
    overrides = (text.partition("=")[0] for text in config.getoption("override_ini", None) or ())
    for key in (*(config.inicfg if in_file is None else in_file), *overrides):
        if key.startswith("kvfake_") and key not in keys:
            raise unknown(f"There is no ini value {key!r}.", key, keys)
    variables = {option.variable for option in OPTIONS.values() if not option.ini_only}
    for variable in sorted(os.environ):
        ours = variable.startswith("KVFAKE_") and variable not in variables
        if ours and is_near(variable, variables, prefix="KVFAKE_"):
            raise unknown(f"There is no environment variable {variable!r}.", variable, variables)


def refuse_misspelt_arguments(args: Iterable[str]) -> None:
    """Raises for command-line arguments that were meant to be ours; what is far from that is left to pytest.

    Raises:
        OptionError: one has a name that is nearly an option's.
    """
    flags = {option.flag for option in OPTIONS.values() if not option.ini_only}
    for argument in args:
        flag = argument.partition("=")[0]
        ours = flag.startswith("--kvfake-") and flag not in flags
        if ours and is_near(flag, flags, prefix="--kvfake-"):
            raise unknown(f"There is no command-line option {flag}.", flag, flags)


def _written(marker: pytest.Mark) -> list[str]:
    return [*map(repr, marker.args), *(f"{name}={value!r}" for name, value in marker.kwargs.items())]


def _service(args: tuple[Any, ...], where: str) -> str:
    from pytest_kvfake.contract.document import services  # only if a marker names a service

    known = services()
    if len(args) > 1:
        raise unknown(f"{where}: a marker names one service; write one for each.", "", ())
    if args[0] not in known:
        raise unknown(f"{where}: there is no service {args[0]!r}.", str(args[0]), known)
    return str(args[0])
