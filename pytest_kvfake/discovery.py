"""Finds the services that have a fake; nothing else in the package knows one by name, but for their fixtures."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pytest_kvfake.contract.document import services
from pytest_kvfake.fake import Fake

__all__ = ["fake_class", "implemented"]


def implemented() -> tuple[str, ...]:
    """Gives the names of the services that have both a contract and a fake."""
    return tuple(service for service in services() if _has_package(service))


def fake_class(service: str) -> type[Fake[Any]]:
    """Gives the class of a service's fake: the one public class of its package."""
    package = import_module(f"pytest_kvfake.{service}")
    public = [getattr(package, name) for name in package.__all__]
    (found,) = [one for one in public if isinstance(one, type) and issubclass(one, Fake)]
    return found


def _has_package(service: str) -> bool:
    spec = find_spec(f"pytest_kvfake.{service}")
    return spec is not None and spec.origin is not None  # a folder without __init__.py has none
