"""The schemas are tight: answers of the contract cases, each damaged in one place, are all found out.

What cannot be found out in principle stands in ``untight.json``, with the reason: user data, optional members,
statuses that say the same.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from pytest_kvfake.contract.cases import load_cases
from pytest_kvfake.contract.document import DIALECTS, Document, Operation
from pytest_kvfake.contract.validation import check_answer
from pytest_kvfake.discovery import implemented
from pytest_kvfake.engine.exchange import Exchange
from pytest_kvfake.engine.messages import is_bodyless

EXCUSES: dict[str, list[dict[str, str]]] = json.loads(
    Path(__file__).with_name("untight.json").read_text(encoding="utf-8")
)
SERVICES = [service for service in implemented() if load_cases(service)]
STATUSES = (200, 201, 204, 302, 400, 401, 403, 404, 409, 413, 429, 500, 503)
ELSE = {str: 7, int: "text", float: "text", bool: "text", list: "text", dict: "text", type(None): [[]]}
OF_THE_SCHEMA = {"drop header", "change header", "drop member", "add member", "change type"}
LARGEST = 20_000
WIDEST = 8
OTHERS = 4


@dataclass(frozen=True)
class Answer:
    operation: Operation | None
    error: str | None
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    bodyless: bool
    faulted: bool

    def violations(self, document: Document, **damaged: Any) -> list:
        sent = {"status": self.status, "headers": self.headers, "body": self.body, **damaged}
        return check_answer(
            document, self.operation, error=self.error, bodyless=self.bodyless, injected=self.faulted, thorough=True,
            **sent,
        )  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One damaged answer: what was done to it, where, and the members that differ."""

    kind: str
    place: str
    damaged: dict[str, Any]


def answers(document: Document, exchanges: tuple[Exchange, ...]) -> Iterator[Answer]:
    """One answer of each shape that an operation has, and of each error."""
    seen = set()
    for exchange in exchanges:
        response = exchange.response
        if response is None or not exchange.by_service or response.stream is not None or len(response.body) > LARGEST:
            continue
        operation = document.operations.get(exchange.operation or "")
        bodyless = is_bodyless(exchange.request.method, response.status)
        found = Answer(
            operation, exchange.error, response.status, response.headers, response.body, bodyless,
            exchange.fault is not None,
        )  # fmt: skip
        shape = (exchange.operation, exchange.error, found.status, bodyless, frozenset(dict(response.headers)))
        members = frozenset(place for place, _, _ in members_of(parsed(document, found)))
        if (shape, members) not in seen:
            seen.add((shape, members))
            yield found


def parsed(document: Document, answer: Answer) -> Any:
    """The body where it is JSON of the contract; None where it is the user's bytes, or there is none."""
    media_type = (dict(answer.headers).get("content-type") or "").partition(";")[0]
    responses = answer.operation.raw["responses"] if answer.operation is not None else {}
    node = document.resolve(responses.get(str(answer.status), {}))
    if answer.bodyless or not answer.body or not media_type.endswith("json"):
        return None
    if answer.status < 400 and media_type not in node.get("content", {}):
        return None
    return json.loads(answer.body)


def members_of(value: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Place, container and name of every member, of lists only the first; list indices count as one place."""
    if isinstance(value, dict):
        for name, member in list(value.items())[:WIDEST]:
            yield f"{place}/{name}", value, name
            yield from members_of(member, f"{place}/{name}")
    elif isinstance(value, list) and value:
        yield f"{place}/*", value, 0
        yield from members_of(value[0], f"{place}/*")


def mutants(document: Document, answer: Answer) -> Iterator[Mutant]:
    for status in STATUSES:
        if status != answer.status:
            yield Mutant("status", str(status), {"status": status})
    for name, _ in answer.headers:
        rest = tuple(pair for pair in answer.headers if pair[0] != name)
        yield Mutant("drop header", name, {"headers": rest})
        yield Mutant("change header", name, {"headers": (*rest, (name, "?"))})
    value = parsed(document, answer)
    if value is None:
        return
    for place, container, name in list(members_of(value)):
        kept = container[name]
        if isinstance(container, dict):
            order = list(container.items())
            del container[name]
            yield Mutant("drop member", place, {"body": json.dumps(value).encode()})
            container.clear()
            container.update(order)
            container["strange"] = 1
            yield Mutant("add member", place.rpartition("/")[0], {"body": json.dumps(value).encode()})
            del container["strange"]
        container[name] = ELSE[type(kept)]
        yield Mutant("change type", place, {"body": json.dumps(value).encode()})
        container[name] = kept
    yield from wrong_errors(document, answer, value)


def wrong_errors(document: Document, answer: Answer, value: Any) -> Iterator[Mutant]:
    """The codes and texts of the operation's errors that are nearest to the right one, and some of no error."""
    if answer.error is None or not document.envelope:
        return
    for part, pointer in document.envelope.items():
        *way, last = pointer.split("/")[1:]
        if part == "chain":
            continue
        container = value
        for step in way:
            container = container[int(step)] if isinstance(container, list) else container[step]
        kept = container[last]
        rules = document.errors_of(answer.operation) if answer.operation else document.errors.values()
        others = {rule.code if part == "code" else rule.text({"verb": "v", "method": "GET"}) for rule in rules}
        undocumented = {-1} if isinstance(kept, int) else {"", kept[:-1], f"{kept} ", f"x{kept}"}
        near = sorted(others - {kept, None}, key=lambda other: (-shared(str(other), str(kept)), repr(other)))
        for other in (*near[:OTHERS], *sorted(undocumented - {kept}, key=repr)):
            container[last] = other
            yield Mutant(f"other {part}", repr(other), {"body": json.dumps(value).encode()})
        container[last] = kept


def shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def excused(service: str, answer: Answer, mutant: Mutant) -> int | None:
    """The excuse of `EXCUSES` that fits, by its index."""
    told = {
        "operation": answer.operation.name if answer.operation is not None else "",
        "answer": answer.error or str(answer.status),
        "kind": mutant.kind,
        "place": mutant.place,
    }
    for index, excuse in enumerate(EXCUSES.get(service, ())):
        if all(fnmatchcase(value, excuse.get(name, "*")) for name, value in told.items()):
            return index
    return None


def described(answer: Answer) -> str:
    """What the document says of an error answer: mostly a reference, the same for many operations."""
    responses = answer.operation.raw["responses"] if answer.operation is not None else {}
    return repr(responses.get(str(answer.status), responses.get(f"{answer.status // 100}XX")))


@cache
def escapes(service: str, brought) -> list[tuple[Answer, Mutant]]:
    """The mutants that nobody notices; the same damage to the same kind of answer is tried once."""
    document, tried, found = brought.document, set(), []
    for answer in answers(document, brought.exchanges):
        rule = document.errors.get(answer.error or "")
        operation = None if rule is not None and rule.everywhere else answer.operation and answer.operation.name
        for mutant in mutants(document, answer):
            name = (operation, answer.error or answer.status, mutant.kind, mutant.place)
            if rule is not None and mutant.kind in OF_THE_SCHEMA and not rule.more:
                name = (described(answer), tuple(rule.headers), rule.body is None, mutant.kind, mutant.place)
            if name not in tried and not answer.violations(document, **mutant.damaged):
                found.append((answer, mutant))
            tried.add(name)
    return found


services = pytest.mark.parametrize("service", SERVICES)
in_dialects = pytest.mark.parametrize("dialect", DIALECTS)


@services
@in_dialects
def test_every_recorded_answer_is_fine_as_it_is(service, dialect, recorded):
    brought = recorded(service, dialect)
    found = [answer.violations(brought.document) for answer in answers(brought.document, brought.exchanges)]
    assert [str(violation) for violations in found for violation in violations] == []
    assert found


@services
@in_dialects
def test_every_damaged_answer_is_found_out(service, dialect, recorded):
    unnoticed = [
        f"{answer.operation.name if answer.operation else None}, {answer.error or answer.status}: "
        f"{mutant.kind} {mutant.place}"
        for answer, mutant in escapes(service, recorded(service, dialect))
        if excused(service, answer, mutant) is None
    ]
    assert unnoticed == []


@services
def test_every_excuse_is_needed(service, recorded):
    used = Counter(
        excused(service, answer, mutant)
        for dialect in DIALECTS
        for answer, mutant in escapes(service, recorded(service, dialect))
    )
    for index, excuse in enumerate(EXCUSES.get(service, ())):  # the list, with -rP
        sys.stdout.write(f"{service}: {used[index]} unnoticed. {excuse['reason']}\n")
    unneeded = [excuse for index, excuse in enumerate(EXCUSES.get(service, ())) if not used[index]]
    assert unneeded == []


def test_every_excuse_has_a_reason():
    reasons = [excuse["reason"] for excuses in EXCUSES.values() for excuse in excuses]
    assert all(re.fullmatch(r"[A-Z].+\.", reason) for reason in reasons)


@services
def test_damage_is_done_to_every_operation(service, recorded):
    brought = recorded(service, DIALECTS[0])
    damaged = {answer.operation.name for answer in answers(brought.document, brought.exchanges) if answer.operation}
    assert damaged == set(brought.document.operations)
