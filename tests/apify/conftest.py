import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_kvfake import FakeApify

CLOCK = 1_750_000_000
"""Where the clock of these tests stands, in seconds: 2025-06-15T15:06:40Z."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> tuple[str, str]:
        return self.json["error"]["type"], self.json["error"]["message"]


class Caller:
    """One kept-alive connection that shows one token."""

    def __init__(self, kv: FakeApify, token: str | None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=20)
        self.token = token

    def __call__(self, method: str, target: str, body: bytes | str | None = None, **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            fields["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, f"/v2{target}", body, fields)
        response = self.connection.getresponse()
        return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())


@pytest.fixture
def kv() -> Iterator[FakeApify]:
    """A fake whose clock stands."""
    with FakeApify(seed=1) as fake:
        fake.clock.freeze(CLOCK)
        yield fake


Connect = Callable[..., Caller]


@pytest.fixture
def connect(kv: FakeApify) -> Iterator[Connect]:
    """Opens a connection of its own at each call; with the default token unless another is given."""
    made: list[Caller] = []

    def connected(token: str | None = "the default") -> Caller:
        caller = Caller(kv, kv.token if token == "the default" else token)
        made.append(caller)
        return caller

    yield connected
    for caller in made:
        caller.connection.close()


@pytest.fixture
def call(connect: Connect) -> Caller:
    return connect()
