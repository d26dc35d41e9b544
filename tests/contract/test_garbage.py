"""Bad input never gives a 500, a hang or a changed state: Hypothesis damages requests of the cases, byte for byte."""

import contextlib
import http.client
import json
import os
import socket
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from pytest_kvfake.contract.cases import Answer, Sent, load_cases, run
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.discovery import fake_class, implemented
from pytest_kvfake.errors import KVFakeContractWarning

SERVICES = [service for service in implemented() if load_cases(service)]
EXAMPLES = int(os.environ.get("KVFAKE_GARBAGE_EXAMPLES", "150"))
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


@st.composite
def targets(draw, seed: Sent, names: list[str]) -> str:
    target = seed.target
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(target)))
        end = draw(st.integers(start, min(start + 6, len(target))))
        target = target[:start] + draw(st.sampled_from(FRAGMENTS)) + target[end:]
    if names and draw(st.booleans()):
        pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from((*NUMBERS, *FRAGMENTS))), max_size=3))
        for name, value in pairs:
            target += f"{'&' if '?' in target else '?'}{name}={value}"
    return target


@st.composite
def header_lists(draw, seed: Sent, names: list[str]) -> list[tuple[str, str]]:
    headers = [pair for pair in seed.headers if draw(st.integers(0, 9)) > 0]
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(("content-type", "content-encoding", "known", "authorization", "other")))
        if kind == "content-type":
            pair = ("Content-Type", draw(st.sampled_from(CONTENT_TYPES)))
        elif kind == "content-encoding":
            pair = ("Content-Encoding", draw(st.sampled_from(CODINGS)))
        elif kind == "known" and names:
            pair = (draw(st.sampled_from(names)), draw(st.sampled_from((*NUMBERS, *FRAGMENTS[:30]))))
        elif kind == "authorization":
            pair = (
                "Authorization",
                draw(st.sampled_from(("", "Bearer", "Bearer \xff", "Basic !!", "a" * 5000, "x y z"))),
            )
        else:
            pair = (draw(st.sampled_from(OTHER_HEADERS)), draw(st.sampled_from((*FRAGMENTS[:30], *OTHER_VALUES))))
        headers = [other for other in headers if other[0].lower() != pair[0].lower()] + [pair]
    return headers


@st.composite
def bodies(draw, seed: Sent) -> bytes:
    kind = draw(st.sampled_from(("same", "leaf", "leaf", "raw", "multipart", "binary", "cut")))
    if kind == "raw":
        return draw(st.sampled_from(RAW_JSON))
    if kind == "multipart":
        return b"".join(draw(st.lists(st.sampled_from(PARTS), max_size=4)))
    if kind == "binary":
        return draw(st.binary(max_size=200))
    if kind == "cut":
        return seed.body[: draw(st.integers(0, len(seed.body)))]
    if kind == "leaf":
        with contextlib.suppress(ValueError):
            return json.dumps(damaged(draw, json.loads(seed.body))).encode()
    return seed.body


def damaged(draw, value: Any) -> Any:
    """A JSON value with one place replaced, added or taken away."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {other: member for other, member in value.items() if other != name}
        return rest if draw(st.integers(0, 4)) == 0 else {**rest, name: damaged(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, min(len(value), 5) - 1))
        return [*value[:index], damaged(draw, value[index]), *value[index + 1 :]]
    return draw(st.sampled_from(LEAVES))


@st.composite
def framed(draw, body: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The framing headers and the bytes behind the head; mostly right, sometimes garbage."""
    kind = draw(
        st.sampled_from(("length", "length", "length", "chunked", "bad chunks", "bad length", "none", "expect"))
    )
    if kind == "chunked":
        chunks = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        return [("Transfer-Encoding", "chunked")], chunks + b"0\r\n\r\n"
    if kind == "bad chunks":
        bad = draw(
            st.sampled_from(
                (b"zz\r\n", b"-1\r\n", b"5\r\nab", b"ffffffffffffffffff\r\n", b"1;" + b"e" * 9000, b"\r\n", b"0\r\nA")
            )
        )
        return [("Transfer-Encoding", "chunked")], b"%x\r\n%s\r\n" % (len(body), body) + bad
    if kind == "bad length":
        wrong = draw(
            st.sampled_from(("-1", "x", "", "1e3", "9" * 30, f"{len(body)}, {len(body) + 1}", str(len(body) + 5)))
        )
        return [("Content-Length", wrong)], body
    if kind == "none":
        return [], body
    return [("Content-Length", str(len(body))), *([("Expect", "100-continue")] if kind == "expect" else [])], body


def head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: fake", *(f"{name}: {value}" for name, value in headers)]
    return b"".join(encoded(line) + b"\r\n" for line in lines) + b"\r\n"


def encoded(line: str) -> bytes:
    line = line.replace("\r", "").replace("\n", "")
    return line.encode("latin-1" if all(ord(character) < 256 for character in line) else "utf-8")


METHODS = st.sampled_from(
    ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X", "M" * 300)
)


@st.composite
def requests(draw, service: str, sown: list[Seed]) -> tuple[Seed, str, bytes]:
    """A seed, the method, and the bytes of a damaged request."""
    seed = draw(st.sampled_from(sown))
    parameters = [p for operation in load(service).operations.values() for p in operation.parameters]
    of = {place: sorted({p.name for p in parameters if p.location == place}) for place in ("query", "header")}
    method = seed.sent.method if draw(st.integers(0, 5)) else draw(METHODS)
    target = draw(targets(seed.sent, of["query"]))
    headers = draw(header_lists(seed.sent, of["header"]))
    more, behind = draw(framed(draw(bodies(seed.sent))))
    return seed, method, head(method, target, [*headers, *more]) + behind


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


@services
def test_damaged_requests_are_answered_or_refused_and_refusals_change_nothing(service, in_process):
    @bounded
    @given(requests(service, seeds(service, in_process)))
    def send(damaged_request):
        seed, method, sent = damaged_request
        note(repr(sent[:2000]))
        fake = fake_class(service)(seed=1, wait_limit=1)
        if seed.clock is not None:
            fake.clock.freeze(seed.clock)
        fake.arrange(seed.given, seed.names)
        with verified(fake):
            list(answers(fake.port, "GET", head("GET", seed.sent.target, seed.sent.headers)))  # drops what has expired
            before = state(fake)
            statuses = list(answers(fake.port, method, sent))
            assert 500 not in statuses
            assert state(fake) == before or any(status < 400 for status in statuses)

    send()


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
