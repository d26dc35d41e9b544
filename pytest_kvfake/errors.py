"""What can go wrong on the user's side, one class per mistake.

::

    KVFakeError
    ├── UsageError                  a call that cannot mean anything here
    │   ├── OptionError             an unknown or ill-typed option
    │   ├── UnknownOperationError   a fault or query names no operation of the service
    │   ├── UnknownFaultError       an error that the operation cannot answer, or more than one fits
    │   ├── GoneError               the store behind a view is not there any more
    │   └── NotRunningError         the fake has no socket (yet, or any more)
    ├── RuleError                   a write without HTTP that the service would refuse
    ├── PortTakenError              the port that was asked for is in use
    ├── ContractError               a contract document that cannot be read
    ├── JournalError                an assertion would need exchanges that were dropped
    ├── KVFakeConnectionError       a wire fault, where the caller speaks WSGI
    └── VerificationError           what ``verify()`` found
        └── ContractViolationError  it found requests or answers outside the contract

    KVFakeContractWarning           the same as a warning (``kvfake_strict = warn``)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ContractError",
    "ContractViolationError",
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
    "did_you_mean",
]


class KVFakeError(Exception):
    """The base of every error that a user of this package causes."""


class UsageError(KVFakeError):
    """A call whose arguments cannot mean anything here."""


class OptionError(UsageError):
    """An option that does not exist, or has a value it cannot take."""


class UnknownOperationError(UsageError):
    """A name that is neither an operation nor a group of the service."""


class UnknownFaultError(UsageError):
    """An error that the operation cannot answer, or that names more than one."""


class GoneError(UsageError, LookupError):
    """What a view shows (a namespace, a store, a hive, an org) is not there any more."""


class NotRunningError(UsageError):
    """The fake is not started, so it has no address."""


class RuleError(KVFakeError, ValueError):
    """A write through the state's Python face that the service itself would refuse.

    Attributes:
        name: the catalogue name of the service's error (for example ``key_too_long``).
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class PortTakenError(KVFakeError, OSError):
    """The port that was asked for is in use."""


class ContractError(KVFakeError):
    """A contract document is missing, or says something that cannot be understood."""


class JournalError(KVFakeError):
    """A question to the journal that only dropped exchanges could answer."""


class KVFakeConnectionError(KVFakeError, ConnectionError):
    """The connection was broken on purpose, under a caller that speaks WSGI."""


class VerificationError(KVFakeError, AssertionError):
    """Faults that did not fire, bugs of the fake, clients that never gave up."""


class ContractViolationError(VerificationError):
    """Requests or answers that the service's contract does not allow."""


class KVFakeContractWarning(UserWarning):
    """A request or an answer that the service's contract does not allow."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Gives `` Did you mean 'x'?``, or the whole list where nothing is near.

    Args:
        word: what the user wrote.
        known: everything that would have been right.

    Returns:
        One sentence, with a leading space, to put behind an error message.
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" Known: {', '.join(names)}." if names else ""
