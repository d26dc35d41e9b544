"""Every operation x every kind x before and after x transport, with one raw client.

Three facts each time: what the client got, what the journal says, what the state is. The request that stands
for an operation is taken from the contract cases: the first that succeeds, and changes the state if it can.
What an operation does not take is data in its document, and is counted.
"""

from __future__ import annotations

import functools
import http.client
import importlib
import importlib.util
import inspect
import io
import json
import socket
import struct
import wsgiref.util
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from pytest_kvfake.contract.cases import Answer, Case, Sent, load_cases, run
from pytest_kvfake.contract.document import load, schemas_folder, services
from pytest_kvfake.engine.faults.vocabulary import Faults
from pytest_kvfake.errors import KVFakeConnectionError, UsageError
from pytest_kvfake.fake import Fake

BUILT = [service for service in services() if importlib.util.find_spec(f"pytest_kvfake.{service}")]


def fake_class(service: str) -> type[Fake]:
    module = importlib.import_module(f"pytest_kvfake.{service}")
    return next(v for n in module.__all__ if inspect.isclass(v := getattr(module, n)) and issubclass(v, Fake))


@dataclass
class Sample:
    """A request that succeeds, with the steps of a case before it."""

    case: Case
    before: int
    request: Sent


class HaltError(Exception):
    """Ends a case early."""


class Recorder:
    """Runs a case in process, and stops before a given request."""

    def __init__(self, fake: Fake, stop_at: int | None = None, known: Mapping[str, Any] | None = None) -> None:
        self.fake = fake
        self.known = known
        self.stop_at = stop_at
        self.sent: list[tuple[Sent, str | None, int, bool]] = []

    def arrange(self, given, clock, names):
        if clock is not None:
            self.fake.clock.freeze(clock)
        return self.fake.arrange(given, names)

    def send(self, request: Sent) -> Answer:
        if self.stop_at is not None and len(self.sent) == self.stop_at:
            raise HaltError
        found = self.fake.world.router.match(request.method, request.target.partition("?")[0])
        new = self.known is not None and found is not None and found.operation.name not in self.known
        before = self.fake.world.state.dump() if new else None
        status, headers, body = wsgi(self.fake, request)
        changed = new and self.fake.world.state.dump() != before
        self.sent.append((request, self.fake.journal.last.operation, status, changed))
        return Answer(status, headers, body)

    def advance(self, seconds):
        self.fake.clock.advance(seconds)

    def fault(self, described):
        raise HaltError

    def differences(self, then, names):
        return []


@functools.cache
def samples(service: str) -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    document = load(service)
    for case in load_cases(service):
        if "documented" not in case.dialects:
            continue
        fake = fake_class(service)(seed=1, strict="off")
        fake.conformance.answers = False
        recorder = Recorder(fake, known=found)
        with suppress(HaltError):
            run(case, recorder, document)
        for index, (request, operation, status, changed) in enumerate(recorder.sent):
            if operation is None or operation in found or status >= 300 or len(request.body) > 100_000:
                continue
            if changed or not document.operations[operation].changes:
                found[operation] = Sample(case, index, request)
    return found


def prepared(service: str, sample: Sample) -> Fake:
    fake = fake_class(service)(seed=1, strict="off", wait_limit=0.01)
    fake.start()
    recorder = Recorder(fake, stop_at=sample.before)
    with suppress(HaltError):
        run(sample.case, recorder, fake.document)
    fake.journal.clear()
    return fake


# Transports: each gives ("answer", status, whole body?) or the name of what went wrong.


def wsgi(fake: Fake, request: Sent) -> tuple[int, dict[str, str], bytes]:
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": io.BytesIO(request.body),
    }
    wsgiref.util.setup_testing_defaults(environ)
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.encode().decode("latin-1")
    started: list[Any] = []
    parts = fake.wsgi_app(environ, lambda status, headers, *_: started.extend((status, headers)))
    body = b"".join(parts)
    return int(started[0][:3]), {k.lower(): v for k, v in started[1]}, body


def by_wsgi(fake: Fake, request: Sent) -> tuple[str, int | None]:
    try:
        return "answer", wsgi(fake, request)[0]
    except KVFakeConnectionError:
        return "broken", None


def by_httpx(fake: Fake, request: Sent) -> tuple[str, int | None]:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    sent = httpx.Request(
        request.method,
        "http://fake/",
        headers=headers,
        content=request.body,
        extensions={"target": request.target.encode("latin-1")},
    )
    try:
        response = fake.httpx_transport().handle_request(sent)
        response.read()
        return "answer", response.status_code
    except httpx.TransportError:
        return "broken", None


def by_socket(fake: Fake, request: Sent, connection: socket.socket | None = None) -> tuple[str, int | None]:
    try:
        made = connection or socket.create_connection(("127.0.0.1", fake.port), timeout=5)
    except OSError:
        return "broken", None
    lines = [f"{request.method} {request.target} HTTP/1.1", "Host: fake", f"Content-Length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    try:
        made.sendall("\r\n".join([*lines, "", ""]).encode("utf-8") + request.body)
        response = http.client.HTTPResponse(made, method=request.method)
        response.begin()
        response.read()
        return "answer", response.status
    except (http.client.HTTPException, OSError, struct.error):
        return "broken", None
    finally:
        if connection is None:
            made.close()


TRANSPORTS: dict[str, Callable[[Fake, Sent], tuple[str, int | None]]] = {
    "socket": by_socket,
    "httpx": by_httpx,
    "wsgi": by_wsgi,
}


@dataclass(frozen=True)
class Expected:
    """What a kind does: to the client, in the journal's words for the wire, to the state."""

    arm: Callable[[Fake, str, bool], Any]
    client: str
    wire: str | None
    carried_out: bool | None = None  # None: as the test's ``applied`` says


def bare(fake: Fake, operation: str, applied: bool) -> Any:
    return fake.faults.error(operation, status=502, applied=applied)


KINDS = {
    "error": Expected(bare, "answer", None),
    "hang": Expected(lambda f, o, a: f.faults.hang(o, applied=a), "broken", "nothing (hang)"),
    "reset": Expected(lambda f, o, a: f.faults.reset(o, applied=a), "broken", "nothing (reset)"),
    "empty": Expected(lambda f, o, a: f.faults.empty(o, applied=a), "broken", "nothing (empty)"),
    "truncate": Expected(lambda f, o, a: f.faults.truncate(o, applied=a), "broken", "truncate"),
    "wrong_length": Expected(lambda f, o, a: f.faults.wrong_length(o, applied=a), "broken", "wrong_length"),
    "corrupt": Expected(lambda f, o, a: f.faults.corrupt(o, applied=a), "any", "corrupt"),
    "dribble": Expected(lambda f, o, a: f.faults.dribble(o, rate=1e9), "answer", "dribble", carried_out=True),
    "latency": Expected(lambda f, o, a: f.faults.latency(o, 0.001), "answer", None, carried_out=True),
    "outage": Expected(lambda f, o, a: f.faults.outage(o, status=502), "answer", None, carried_out=False),
    "rate_limit": Expected(lambda f, o, a: f.faults.rate_limit(o, requests=0), "answer", None, carried_out=False),
    "storage_full": Expected(lambda f, o, a: f.faults.storage_full(o), "answer", None, carried_out=False),
}
TAKE_APPLIED = {"error", "hang", "reset", "empty", "truncate", "wrong_length", "corrupt"}
ELSEWHERE = {"refuse", "stale_connection", "partial", "stale"}
"""The kinds that ask for more than one request, or for another one: each has a test of its own below."""
# What an answer without a body cannot show: WSGI has nothing to cut, `http.client` forgives a head that lacks its
# last line, and a length is only missed where a body is read.
SILENT = {
    ("wrong_length", "wsgi"),
    ("wrong_length", "httpx"),
    ("wrong_length", "socket"),
    ("truncate", "wsgi"),
    ("truncate", "socket"),
}


CELLS = [
    (transport, kind, applied)
    for transport in TRANSPORTS
    for kind in KINDS
    for applied in (False, True)
    if kind in TAKE_APPLIED or not applied
]


@pytest.mark.parametrize(
    ("service", "operation"), [(service, operation) for service in BUILT for operation in load(service).operations]
)
def test_client_journal_and_state_agree(service: str, operation: str, record_property):
    fake = prepared(service, samples(service)[operation])
    saved = fake.snapshot()
    problems: list[str] = []
    not_taken: set[str] = set()
    try:
        for transport, kind, applied in CELLS:
            fake.restore(saved)
            fake.journal.clear()
            try:
                fault = KINDS[kind].arm(fake, operation, applied)
            except UsageError:
                not_taken.add(kind)
                continue
            found = differs(fake, operation, KINDS[kind], fault=fault, applied=applied, transport=transport)
            problems += [f"{kind}{' applied' if applied else ''} by {transport}: {text}" for text in found]
            fault.remove()
    finally:
        fake.stop()
    reasons = fake.document.operations[operation].faults_not
    assert not_taken == reasons & KINDS.keys()
    record_property("fault kinds not taken", sorted(reasons))
    assert not problems, "\n".join(problems)


def differs(fake: Fake, name: str, expected: Expected, *, fault, applied: bool, transport: str) -> list[str]:
    operation = fake.document.operations[name]
    request = samples(fake.service.name)[name].request
    before = fake.world.state.dump()
    came, status = TRANSPORTS[transport](fake, request)
    exchange = fake.journal.last
    after = fake.world.state.dump()
    problems = []
    bodyless = request.method == "HEAD" or (exchange.response is not None and not exchange.response.body)
    silent = bodyless and (expected.wire, transport) in SILENT
    if expected.client not in {came, "any"} and not silent:
        problems.append(f"the client was to see {expected.client}, and saw {came} {status}")
    if fault.fired != 1 or exchange.fault is None:
        problems.append(f"the fault fired {fault.fired} times, the journal says {exchange.fault}")
    if expected.wire is not None and expected.wire not in (exchange.wire or ""):
        problems.append(f"the journal has {exchange.wire!r} on the wire")
    carried_out = applied if expected.carried_out is None else expected.carried_out
    if operation.changes:
        if exchange.applied is not carried_out:
            problems.append(f"the journal says applied={exchange.applied}")
        if (after != before) is not carried_out:
            problems.append(f"the state {'did not change' if carried_out else 'changed'}")
    elif exchange.applied is not None:
        problems.append(f"a read has applied={exchange.applied}")
    return problems


def test_the_matrix_has_every_kind_of_the_vocabulary():
    methods = (one for one in vars(Faults).items() if inspect.isfunction(one[1]) and not one[0].startswith("_"))
    kinds = {name: method for name, method in methods if method.__annotations__.get("return") == "Fault"}
    schema = json.loads((schemas_folder() / "x-kvfake.schema.json").read_text(encoding="utf-8"))
    assert set(schema["$defs"]["fault_kind"]["enum"]) == kinds.keys()
    assert KINDS.keys() | ELSEWHERE == kinds.keys()
    assert {name for name, method in kinds.items() if "applied" in inspect.signature(method).parameters} == TAKE_APPLIED


@pytest.mark.parametrize("service", BUILT)
def test_every_operation_has_a_sample(service: str):
    assert set(load(service).operations) - set(samples(service)) == set()


@pytest.mark.parametrize("service", BUILT)
def test_a_stale_connection_is_reset_at_its_second_request(service: str):
    problems = []
    for name, sample in samples(service).items():
        fake = prepared(service, sample)
        try:
            fault = fake.faults.stale_connection(name)
            with socket.create_connection(("127.0.0.1", fake.port), timeout=5) as connection:
                first = by_socket(fake, sample.request, connection)[0]
                second = by_socket(fake, sample.request, connection)[0]
            if (first, second, fault.fired) != ("answer", "broken", 1):
                problems.append(f"{name}: {first}, then {second}, fired {fault.fired}")
        finally:
            fake.stop()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("service", BUILT)
def test_a_refusing_fake_is_reached_by_nobody(service: str, transport: str):
    sample = next(iter(samples(service).values()))
    fake = prepared(service, sample)
    try:
        port = fake.port
        with fake.faults.outage(refuse=True):
            assert TRANSPORTS[transport](fake, sample.request) == ("broken", None)
            assert len(fake.journal) == 0
        assert TRANSPORTS[transport](fake, sample.request)[0] == "answer"
        assert fake.port == port
    finally:
        fake.stop()


def taking(kind: str) -> list[tuple[str, str]]:
    """The operations of all services that take a kind that only some of them can."""
    return [
        (service, operation.name)
        for service in BUILT
        for operation in load(service).operations.values()
        if kind not in operation.faults_not
    ]


def texts_in(value: Any) -> set[str]:
    """Every text in a JSON value; whatever the keys of a bulk body are, they are among them."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for item in inner for text in texts_in(item)}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("service", "operation"), taking("partial"))
def test_a_partial_failure_of_all_keys_is_answered_and_changes_nothing(service: str, operation: str, transport: str):
    sample = samples(service)[operation]
    fake = prepared(service, sample)
    try:
        fault = fake.faults.partial(operation, texts_in(json.loads(sample.request.body)))
        before = fake.world.state.dump()
        came, status = TRANSPORTS[transport](fake, sample.request)
        assert (came, status, fault.fired) == ("answer", 200, 1)
        assert "partial" in (fake.journal.last.fault or "")
        assert fake.journal.last.applied is True
        assert fake.world.state.dump() == before
    finally:
        fake.stop()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("service", "operation"), taking("stale"))
def test_a_stale_view_answers_and_says_so_in_the_journal(service: str, operation: str, transport: str):
    sample = samples(service)[operation]
    fake = prepared(service, sample)
    try:
        fake.faults.stale(operation)
        answers = [TRANSPORTS[transport](fake, sample.request) for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0][0] == "answer"
        assert "stale" in fake.journal.last.fault
        assert fake.journal.last.applied is None
    finally:
        fake.stop()
