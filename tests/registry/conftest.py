import http.client
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_kvfake import FakeRegistry
from pytest_kvfake.transport.client import Client

CLOCK = 1_700_000_000
"""Where the clock of these tests stands, in seconds."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def org_time(self) -> int:
        return int(self.headers["x-dk-org-time"])


class Caller:
    """One kept-alive connection that shows one key."""

    def __init__(self, kv: FakeRegistry, key: str | None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=20)
        self.key = key

    def __call__(self, method: str, target: str, body: bytes | str | None = None, **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key is not None:
            fields["Authorization"] = self.key
        self.connection.request(method, target, body, fields)
        response = self.connection.getresponse()
        return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())

    def write(self, path: str, body: bytes | str = b"v", condition: int | None = None) -> Answer:
        conditional = {} if condition is None else {"x_dk_update_org_time": str(condition)}
        return self("PUT", f"/sample_org/{path}.data", body, content_type="text/plain", **conditional)

    def read(self, path: str) -> Answer:
        return self("GET", f"/sample_org/{path}.data")

    def delete(self, path: str, condition: int | None = None) -> Answer:
        conditional = {} if condition is None else {"x_dk_update_org_time": str(condition)}
        return self("DELETE", f"/sample_org/{path}.data", **conditional)

    def take(self, path: str, player: str, seconds: int = 30, seats: int | None = None) -> Answer:
        body = {"player_name": player, "playtime_secs": seconds, "client_unix_time_in_msecs": CLOCK * 1000}
        body |= {} if seats is None else {"max_players": seats}
        return self("PUT", f"/sample_org/{path}.role", json.dumps(body), content_type="application/json")

    def release(self, path: str, player: str) -> Answer:
        body = json.dumps({"player_name": player})
        return self("DELETE", f"/sample_org/{path}.role", body, content_type="application/json")

    def players(self, path: str) -> dict[str, int] | None:
        """Remaining milliseconds by player; None where the role does not exist."""
        answer = self("GET", f"/sample_org/{path}.role")
        return answer.json["players_remaining_milliseconds"] if answer.status == 200 else None

    def rotate(self, key: str | None = None) -> Answer:
        body = json.dumps({} if key is None else {"org_key": key})
        return self("PUT", "/sample_org", body, content_type="application/json")


@pytest.fixture(params=[(0, 1), (2**53, 7)], ids=["step-1", "step-7"])
def kv(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    """A fake whose clock stands; once as usual, once with org times that show who counts on 1."""
    start, step = request.param
    with FakeRegistry(seed=1, org_time_start=start, org_time_step=step) as fake:
        fake.clock.freeze(CLOCK)
        yield fake


class Replayed:
    """The fake as what a case is run against; like the vendor's client, with a connection for each request."""

    def __init__(self, kv: FakeRegistry) -> None:
        self.kv = kv
        self.send = Client(kv.origin).send
        self.advance = kv.clock.advance
        self.differences = kv.differences

    def arrange(self, given: Any, clock: float, names: Any) -> Any:
        self.kv.clock.freeze(clock)
        return self.kv.arrange(given, names)


@pytest.fixture
def replayed(kv: FakeRegistry) -> Replayed:
    return Replayed(kv)


Connect = Callable[..., Caller]


@pytest.fixture
def connect(kv: FakeRegistry) -> Iterator[Connect]:
    """Opens a connection of its own at each call; with the org's key unless another is given."""
    made: list[Caller] = []

    def connected(key: str | None = "the org's") -> Caller:
        caller = Caller(kv, kv.org_key if key == "the org's" else key)
        made.append(caller)
        return caller

    yield connected
    for caller in made:
        caller.connection.close()


@pytest.fixture
def call(connect: Connect) -> Caller:
    return connect()


@pytest.fixture
def at_once(connect: Connect) -> Callable[..., list[Any]]:
    """Lets ``count`` threads do something at the same moment, each with a connection, and gives what came of it."""

    def run(count: int, act: Callable[[Caller, int], Any]) -> list[Any]:
        gate = threading.Barrier(count)

        def one(number: int) -> Any:
            caller = connect()
            caller.connection.connect()
            gate.wait(10)
            return act(caller, number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run
