import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_kvfake import FakeHive
from pytest_kvfake.engine.messages import Headers, Request, body_of

T0 = 1_700_000_000


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def kv() -> Iterator[FakeHive]:
    with FakeHive(seed=1, strict="off") as kv:
        kv.clock.freeze(T0)
        yield kv


@pytest.fixture
def h(kv):
    return kv.create_hive("h")


@pytest.fixture
def call(kv) -> Callable[..., Answer]:
    """Sends a request without any transport: method, target, and a body that is sent as JSON."""

    def call(method: str, target: str, body: Any = ..., **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b""
        if body is not ...:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            fields = {"content-type": "application/json", **fields}
        delivery = kv.world.handle(Request(method, target, Headers(fields.items())), body_of(raw))
        return Answer(delivery.response.status, dict(delivery.response.headers), delivery.response.body)

    return call
