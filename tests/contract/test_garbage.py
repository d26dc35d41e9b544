"""Bad input never gives a 500, a hang or a changed state: Hypothesis damages requests of the cases, byte for byte."""

import contextlib
import dataclasses
import http.client
import json
import os
import socket
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from pytest_kvfake import FakeCloudflare
from pytest_kvfake.contract.cases import Answer, Sent, load_cases, run
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.discovery import fake_class, implemented
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import KVFakeContractWarning

SERVICES = [service for service in implemented() if load_cases(service)]
EXAMPLES = int(os.environ.get("KVFAKE_GARBAGE_EXAMPLES", "120"))
LARGEST = 1 << 16
PATIENCE = 10.0

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="KVFAKE_GARBAGE_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
services = pytest.mark.parametrize("service", SERVICES)


@dataclass(frozen=True)
class Seed:
    """A request of a case, and the state that the case takes for given."""

    given: Mapping[str, Any]
    clock: float | None
    names: Mapping[str, str]
    sent: Sent


@cache
def seeds(service: str, in_process: type) -> list[Seed]:
    """The requests of the cases that begin with nothing but a state."""
    found: list[Seed] = []
    for case in load_cases(service):
        if DIALECTS[0] in case.dialects and not {"limits", "faults"} & set(case.needs):
            collector = Collector(in_process(fake_class(service)(seed=1)))
            run(case, collector, load(service))
            found += collector.seeds[:6]
    return found


class Collector:
    """What a case is run against to learn its requests."""

    def __init__(self, target) -> None:
        self.target = target
        self.seeds: list[Seed] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    def arrange(self, given: Mapping, clock: float | None, names: Mapping[str, str]) -> Mapping[str, str]:
        self.given, self.clock, self.names = given, clock, dict(names)
        return self.target.arrange(given, clock, names)

    def send(self, request: Sent) -> Answer:
        if len(request.body) <= LARGEST:
            self.seeds.append(Seed(self.given, self.clock, self.names, request))
        return self.target.send(request)


# --- damage --------------------------------------------------------------------------------------------------

FRAGMENTS = (
    "%", "%zz", "%0", "%00", "%FF", "%C3%28", "%ED%A0%80", "%2F", "%2e%2e", "%252F", "..", ".", "//", "/", "/./",
    "/../", "?", "&", "=", "#", ";", "+", "\\", "\xc3\xa9", "\xff", "\t", "\x7f", "\x00", "[", "{", '"', "'",
    "<", "a" * 600,
    "b/" * 400, "%E2%82%AC" * 200, "d" * 9000, "e" * 70_000,
)  # fmt: skip
NUMBERS = (
    "-1",
    "0",
    "00",
    "1.5",
    "1e3",
    "1e999",
    "NaN",
    "Infinity",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "\u0663",
    " 1",
    "",
)
CONTENT_TYPES = (
    "", "application/json", "application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x",
    'multipart/form-data; boundary="a b"', "multipart/form-data; boundary=" + "b" * 300, "/", ";", "a" * 3000,
)  # fmt: skip
CODINGS = ("gzip", "br", "deflate", "zstd", "identity", "gzip, br", "GZIP", "", "x" * 300)
OTHER_HEADERS = ("Accept", "Range", "If-Match", "Accept-Encoding", "X-HTTP-Method-Override", "Cookie")
OTHER_VALUES = ("*", "bytes=9-1", "gzip;q=x", "DELETE")
CREDENTIALS = ("", "Bearer", "Bearer \xff", "Basic !!", "a" * 5000, "x y z")
LENGTHS = ("-1", "x", "", "1e3", "9" * 30)
CHUNKS = (b"zz\r\n", b"-1\r\n", b"5\r\nab", b"f" * 18 + b"\r\n", b"1;" + b"e" * 9000, b"\r\n", b"0\r\nA")
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X", "M" * 300)
PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="value"\r\n\r\nv\r\n', b"--x--\r\n", b"--x--", b"--x\r\n", b"--x",
    b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n", b"--x\r\n\r\nv\r\n", b"--x\r\nbroken\r\n\r\nv\r\n",
    b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"a":\r\n', b"\r\n", b"\n--x\n",
    b'--x\r\nContent-Disposition: form-data; name="value"; filename="\xff"\r\nContent-Type: \r\n\r\n\x00\r\n',
    b"--x\r\n" + b"A: b\r\n" * 300 + b"\r\nv\r\n", b"--x\r\nContent-Disposition: attachment; name=value\r\n\r\n",
)  # fmt: skip


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


RAW_JSON = (
    b"", b"{", b"[", b"nul", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 5000, b'"\\ud800"', b'"\\u0000"',
    b'"\xff"', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"a":1,"a":2}', b"{}{}", b"[1,]", b"{'a':1}",
    nested(100), nested(900),
    nested(5000), nested(100_000), b'{"a":' * 3000 + b"1" + b"}" * 3000,
)  # fmt: skip
LEAVES = (
    None, True, False, 0, -1, 1.5, 10**30, 10**400, float("nan"), float("inf"), "", "\ud800", "\x00", "a" * 70_000,
    "\u20ac" * 513, [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": 1}}}, ".", "..", "null", "9" * 5000,
    ["x"] * 300,
)  # fmt: skip


def damaged_target(rng: Random, target: str, names: list[str]) -> str:
    for _ in range(rng.choice((0, 1, 1, 2))):
        start = rng.randint(0, len(target)) if rng.random() < 0.3 else rng.randint(target.rfind("/") + 1, len(target))
        end = min(start + rng.choice((0, 0, 1, 6)), len(target))
        target = target[:start] + rng.choice(FRAGMENTS) + target[end:]
    if names and rng.random() < 0.4:
        for name in rng.choices(names, k=rng.randint(1, 3)):
            target += f"{'&' if '?' in target else '?'}{name}={rng.choice((*NUMBERS, *FRAGMENTS))}"
    return target


def damaged_headers(rng: Random, headers: Iterable[tuple[str, str]], names: list[str]) -> list[tuple[str, str]]:
    kept = [pair for pair in headers if rng.random() < 0.95]
    for _ in range(rng.choice((0, 0, 1, 2))):
        pair = rng.choice(
            (
                ("Content-Type", rng.choice(CONTENT_TYPES)),
                ("Content-Encoding", rng.choice(CODINGS)),
                ("Authorization", rng.choice(CREDENTIALS)),
                (rng.choice(names or ["Accept"]), rng.choice((*NUMBERS, *FRAGMENTS[:30]))),
                (rng.choice(OTHER_HEADERS), rng.choice((*FRAGMENTS[:30], *OTHER_VALUES))),
            )
        )
        kept = [other for other in kept if other[0].lower() != pair[0].lower()] + [pair]
    return kept


def damaged_body(rng: Random, body: bytes) -> bytes:
    kind = rng.choice(("same", "leaf", "leaf", "leaf", "raw", "multipart", "binary", "cut"))
    if kind == "raw":
        return rng.choice(RAW_JSON)
    if kind == "multipart":
        return b"".join(rng.choices(PARTS, k=rng.randint(1, 4)))
    if kind == "binary":
        return rng.randbytes(rng.randint(0, 200))
    if kind == "cut":
        return body[: rng.randint(0, len(body))]
    if kind == "leaf":
        with contextlib.suppress(ValueError):
            return json.dumps(damaged(rng, json.loads(body))).encode()
    return body


def damaged(rng: Random, value: Any) -> Any:
    """A JSON value with one place replaced or taken away."""
    if isinstance(value, dict) and value and rng.random() < 0.75:
        name = rng.choice(sorted(value))
        rest = {other: member for other, member in value.items() if other != name}
        return rest if rng.random() < 0.2 else {**rest, name: damaged(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.75:
        index = rng.randrange(min(len(value), 5))
        return [*value[:index], damaged(rng, value[index]), *value[index + 1 :]]
    return rng.choice(LEAVES)


def framed(rng: Random, body: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The framing headers and the bytes behind the head; mostly right, sometimes garbage."""
    length = ("Content-Length", str(len(body)))
    chunks = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    wrong = rng.choice((*LENGTHS, f"{len(body)}, {len(body) + 1}", str(len(body) + 5)))
    return rng.choice(
        (
            *[([length], body)] * 8,
            ([length, ("Expect", "100-continue")], body),
            ([("Transfer-Encoding", "chunked")], chunks + b"0\r\n\r\n"),
            ([("Transfer-Encoding", "chunked")], chunks + rng.choice(CHUNKS)),
            ([("Content-Length", wrong)], body),
            ([], body),
        )
    )


def head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: fake", *(f"{name}: {value}" for name, value in headers)]
    return b"".join(encoded(line) + b"\r\n" for line in lines) + b"\r\n"


def encoded(line: str) -> bytes:
    line = line.replace("\r", "").replace("\n", "")
    return line.encode("latin-1" if all(ord(character) < 256 for character in line) else "utf-8")


def damaged_request(number: str, service: str, sent: Sent) -> tuple[str, bytes]:
    """The method and the bytes of the request that a text of numbers stands for."""
    rng = Random(f"{number} {sent.method} {sent.target}")  # Hypothesis alone likes small numbers too much
    parameters = [p for operation in load(service).operations.values() for p in operation.parameters]
    of = {place: sorted({p.name for p in parameters if p.location == place}) for place in ("query", "header")}
    method = rng.choice(METHODS) if rng.random() < 0.1 else sent.method
    target = damaged_target(rng, sent.target, of["query"])
    more, behind = framed(rng, damaged_body(rng, sent.body))
    return method, head(method, target, [*damaged_headers(rng, sent.headers, of["header"]), *more]) + behind


# --- sending -------------------------------------------------------------------------------------------------


def answers(port: int, method: str, sent: bytes) -> Iterator[int]:
    """The statuses that come back to some bytes; a hang is a time-out."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with contextlib.suppress(ConnectionError, BrokenPipeError):  # an answer may come before all is sent
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        while True:
            response = http.client.HTTPResponse(connection, method=method)
            try:
                response.begin()
                response.read()
            except (http.client.HTTPException, ConnectionError):
                return
            finally:
                response.close()
            yield response.status
            if response.will_close:
                return


@contextlib.contextmanager
def verified(fake):
    """A running fake that ends without a bug, a hang or a wrong answer, whatever the requests were."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KVFakeContractWarning)
        with fake:
            yield fake


def state(fake) -> str:
    return json.dumps(fake.world.state.dump(), sort_keys=True)


def throw(service: str, sown: list[Seed], **more: Any) -> None:
    """Sends damaged requests, several to each fake, and looks at the state before and after each."""

    @settings(bounded, **more)
    @given(st.sampled_from(sown), st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=10))
    def send(seed, numbers):
        fake = fake_class(service)(seed=1, wait_limit=1)
        if seed.clock is not None:
            fake.clock.freeze(seed.clock)
        fake.arrange(seed.given, seed.names)
        with verified(fake):
            list(answers(fake.port, "GET", head("GET", seed.sent.target, seed.sent.headers)))  # drops what has expired
            for index, number in enumerate(numbers):
                method, sent = damaged_request(f"{index} {number}", service, seed.sent)
                note(repr(sent[:2000]))
                before = state(fake)
                statuses = list(answers(fake.port, method, sent))
                assert 500 not in statuses
                assert state(fake) == before or any(status < 400 for status in statuses)

    send()


@services
def test_damaged_requests_are_answered_or_refused_and_refusals_change_nothing(service, in_process):
    throw(service, seeds(service, in_process))


def boom(state, command, now):
    if "%zz" in command.request.target or {"cookie", "x-http-method-override"} & set(command.request.headers):
        raise KeyError("planted")


def creeping(right):
    def step(state, command, now):
        result = right(state, command, now)
        if isinstance(result, ServiceError):
            state.account(f"{command.number:032x}")
        return result

    return step


@pytest.mark.parametrize("planted", ["an exception", "a change"])
def test_a_planted_bug_is_found(planted, monkeypatch, in_process):
    """The test above can fail."""
    right = FakeCloudflare.service
    broken = {
        "an exception": dataclasses.replace(right, checks=(boom, *right.checks)),
        "a change": dataclasses.replace(right, steps={name: creeping(step) for name, step in right.steps.items()}),
    }
    sown = seeds("cloudflare", in_process)
    monkeypatch.setattr(FakeCloudflare, "service", broken[planted])
    with pytest.raises(AssertionError, match={"an exception": "assert 500 not in", "a change": "assert "}[planted]):
        # The first find ends it. Hypothesis draws other examples where other tests have imported other modules.
        throw("cloudflare", sown, max_examples=1_000, phases=[Phase.generate])


@services
def test_bytes_that_are_no_request_are_refused_and_change_nothing(service):
    @settings(bounded, max_examples=max(EXAMPLES // 3, 10))
    @given(
        st.lists(
            st.binary(max_size=60) | st.sampled_from((b"\r\n", b"GET ", b" HTTP/1.1", b": ", b"\x16\x03\x01", b"\x00")),
            max_size=8,
        )
    )
    def send(pieces):
        with verified(fake_class(service)(seed=1)) as fake:
            before = state(fake)
            assert 500 not in list(answers(fake.port, "GET", b"".join(pieces)))
            assert state(fake) == before

    send()


@services
def test_an_undamaged_request_of_each_kind_is_sent_too(service, in_process):
    """The seeds reach the service: without that, everything would be refused at the door."""
    reached = set()
    for seed in seeds(service, in_process)[::7]:
        fake = fake_class(service)(seed=1)
        if seed.clock is not None:
            fake.clock.freeze(seed.clock)
        fake.arrange(seed.given, seed.names)
        with verified(fake):
            sent, length = seed.sent, ("Content-Length", str(len(seed.sent.body)))
            whole = head(sent.method, sent.target, [*sent.headers, length]) + sent.body
            reached |= set(answers(fake.port, sent.method, whole))
    assert {status // 100 for status in reached} >= {2, 4}
