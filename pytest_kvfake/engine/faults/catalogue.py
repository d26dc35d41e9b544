"""Which operations a test means by a name, and which error by a name, a code or a status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.contract.document import GROUPS
from pytest_kvfake.errors import UnknownFaultError, UnknownOperationError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kvfake.contract.document import Document, ErrorRule, LimitRule, Operation

__all__ = [
    "BARE_STATUSES",
    "check_keyed",
    "limited",
    "meant_error",
    "meant_operations",
    "takers",
    "unknown_operation",
]

BARE_STATUSES = frozenset({500, 502, 503, 524})
"""Statuses without a body rule: a proxy in front of any service can send them."""


def meant_operations(document: Document, where: str) -> list[Operation]:
    """Gives the operations of a name or group.

    Raises:
        UnknownOperationError: there is no such operation or group.
    """
    known = document.operations
    if where in known:
        return [known[where]]
    if where == "*":
        return list(known.values())
    if where in GROUPS:
        return [operation for operation in known.values() if where in operation.groups]
    raise unknown_operation(document, where)


def unknown_operation(document: Document, where: str) -> UnknownOperationError:
    """Gives the error for a name that is neither operation nor group."""
    known = (*document.operations, *GROUPS, "*")
    return UnknownOperationError(f"{document.service} has no operation or group {where!r}.{did_you_mean(where, known)}")


def takers(document: Document, operations: Iterable[Operation], kind: str, where: str) -> list[Operation]:
    """Gives those of the operations that take a kind of fault.

    Raises:
        UsageError: none of them does.
    """
    found = [operation for operation in operations if kind not in operation.faults_not]
    if not found:
        reason = document.fault_reasons.get(kind, "The contract leaves no room for it there.")
        raise UsageError(f"{where} does not take the fault {kind!r}. {reason}")
    return found


def limited(rule: LimitRule, operations: Iterable[Operation], where: str) -> list[Operation]:
    """Gives those of the operations that a rate limit is about.

    Raises:
        UsageError: none of them is.
    """
    found = [
        operation
        for operation in operations
        if rule.error in operation.errors and (not rule.operations or operation.name in rule.operations)
    ]
    if not found:
        raise UsageError(f"The limit {rule.name} counts nothing of {where}: {rule.value} {rule.unit}.")
    return found


def check_keyed(operations: Iterable[Operation], where: str, *, in_body: bool) -> None:
    """Refuses ``key=`` where no request can fit it.

    Raises:
        UsageError: none of the operations names a key, or only in a body that the fault does not see.
    """
    operations = list(operations)
    if any(operation.key is not None for operation in operations):
        return
    in_bodies = any("requestBody" in operation.raw for operation in operations)
    if not in_bodies:
        raise UsageError(f"Requests of {where} name no key, so key= never fits one.")
    if not in_body:
        raise UsageError(
            f"Requests of {where} name their keys in the body, which this fault does not wait for, so key= never fits "
            "one. Leave it out, or use applied=True or another kind."
        )


def meant_error(
    document: Document, where: str, operations: Iterable[Operation], error: str | int | None, status: int | None
) -> ErrorRule | None:
    """Gives the one catalogue entry that is meant; None for a bare status.

    Raises:
        UnknownFaultError: none fits, or more than one; the text lists the candidates.
        UsageError: nothing was asked for.
    """
    if error is None and status is None:
        raise UsageError("A fault needs an error's name, the service's own code, or a status.")
    rules = {rule.name: rule for operation in operations for rule in document.errors_of(operation)}
    if isinstance(error, str) and error in rules and status in (None, rules[error].status):
        return rules[error]
    fitting = [
        rule
        for rule in rules.values()
        if (error is None or str(rule.code) == str(error)) and (status is None or rule.status == status)
    ]
    if len(fitting) == 1:
        return fitting[0]
    namesake = rules.get(error.replace("-", "_")) if isinstance(error, str) else None
    if namesake is not None and namesake in fitting:
        return namesake  # of several errors with one code, the one that is named like it
    if not fitting and error is None and status in BARE_STATUSES:
        return None
    asked = " and ".join(
        f"{what} {value!r}" for what, value in (("error", error), ("status", status)) if value is not None
    )
    problem = "is more than one error that" if fitting else "is no error that"
    near = did_you_mean(error, rules) if isinstance(error, str) and not fitting else ""
    near = near if near.startswith(" Did") else ""
    shown = "".join(f"\n  {rule.name}: {rule.status}, {rule.code}" for rule in fitting or rules.values())
    raise UnknownFaultError(f"{asked} {problem} {where} can answer.{near} Candidates:{shown}")
