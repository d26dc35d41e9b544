"""In-memory fakes of hosted key-value services, for tests.

Every name is loaded when it is first used: pytest imports this package in every run, whether a test needs it or not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_kvfake.apify import FakeApify
    from pytest_kvfake.cloudflare import FakeCloudflare
    from pytest_kvfake.errors import (
        ContractError,
        ContractViolationError,
        GoneError,
        JournalError,
        KVFakeConnectionError,
        KVFakeContractWarning,
        KVFakeError,
        NotRunningError,
        OptionError,
        PortTakenError,
        RuleError,
        UnknownFaultError,
        UnknownOperationError,
        UsageError,
        VerificationError,
    )
    from pytest_kvfake.hive import FakeHive
    from pytest_kvfake.registry import FakeRegistry

    __version__: str

__all__ = [
    "ContractError",
    "ContractViolationError",
    "FakeApify",
    "FakeCloudflare",
    "FakeHive",
    "FakeRegistry",
    "GoneError",
    "JournalError",
    "KVFakeConnectionError",
    "KVFakeContractWarning",
    "KVFakeError",
    "NotRunningError",
    "OptionError",
    "PortTakenError",
    "RuleError",
    "UnknownFaultError",
    "UnknownOperationError",
    "UsageError",
    "VerificationError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "strategies":  # not for everybody: it needs Hypothesis
        return import_module(f"{__name__}.strategies")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        value: Any = _version()
    else:
        # FakeCloudflare is in the package cloudflare; everything else is an error
        home = name.removeprefix("Fake").lower() if name.startswith("Fake") else "errors"
        value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # costs more than all the rest

    try:
        return version("pytest-kvfake")
    except PackageNotFoundError:  # a checkout on the path
        return "0+unknown"
