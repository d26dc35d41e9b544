"""The whole API through httpx, requests and aiohttp, as their users write it."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from pytest_kvfake import FakeRegistry


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def of(response: httpx.Response | requests.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


Send = Callable[..., Answer]


@pytest.fixture(params=["httpx", "httpx in process", "httpx async", "requests", "aiohttp"])
def send(request: pytest.FixtureRequest, kv_registry: FakeRegistry) -> Iterator[Send]:
    """Sends one request through a client: ``send(method, url, content=…, json=…, headers=…)``."""
    key = {"Authorization": kv_registry.org_key}
    if request.param in {"httpx", "httpx in process"}:
        transport = kv_registry.httpx_transport() if request.param == "httpx in process" else None
        with httpx.Client(transport=transport, headers=key) as client:
            yield lambda method, url, **options: of(client.request(method, url, **options))
    elif request.param == "requests":
        with requests.Session() as session:
            session.headers.update(key)

            def by_requests(method: str, url: str, content: Any = None, **options: Any) -> Answer:
                return of(session.request(method, url, data=content, timeout=10, **options))

            yield by_requests
    else:
        with Loop() as loop:
            yield loop.aiohttp(key) if request.param == "aiohttp" else loop.httpx(key)


class Loop:
    """An event loop in a thread, so that async clients tell the same story as the others."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.closing: list[Callable[[], Any]] = []
        return self

    def __exit__(self, *_: object) -> None:
        for close in self.closing:
            self.run(close())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def run(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(10)

    def httpx(self, key: dict[str, str]) -> Send:
        client = httpx.AsyncClient(headers=key)
        self.closing.append(client.aclose)
        return lambda method, url, **options: of(self.run(client.request(method, url, **self.streamed(options))))

    def aiohttp(self, key: dict[str, str]) -> Send:
        async def opened() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(headers=key)

        session = self.run(opened())
        self.closing.append(session.close)

        async def asked(method: str, url: str, content: Any = None, **options: Any) -> Answer:
            async with session.request(method, url, data=content, **options) as response:
                return Answer(response.status, response.headers, await response.read())

        return lambda method, url, **options: self.run(asked(method, url, **self.streamed(options)))

    def streamed(self, options: dict[str, Any]) -> dict[str, Any]:
        """An iterator as the async one that these clients take."""
        content = options.get("content")
        if content is None or isinstance(content, (bytes, str)):
            return options

        async def pieces() -> AsyncIterator[bytes]:
            for piece in content:
                yield piece

        return {**options, "content": pieces()}


@pytest.fixture(params=["url", "service_url"])
def org(request: pytest.FixtureRequest, kv_registry: FakeRegistry) -> str:
    """The address of the org, plain and as the vendor's client writes it."""
    return f"{getattr(kv_registry, request.param)}/sample_org"


def test_data_from_the_first_write_to_the_delete(kv_registry, send, org):
    recipe = f"{org}//nemmies/rolls/recipe.data"
    made = send("PUT", recipe, content=b"The secret", headers={"Content-Type": "text/plain"})
    assert (made.status, made.json) == (201, {"create_org_time": 1, "update_org_time": 1})
    changed = send("PUT", recipe, content=b"passion", headers={"x-dk-update-org-time": "1"})
    assert (changed.status, changed.json) == (200, {"create_org_time": 1, "update_org_time": 2})
    late = send("PUT", recipe, content=b"late", headers={"x-dk-update-org-time": "1"})
    assert (late.status, late.json) == (409, {"update_org_time": 2})
    seen = send("GET", recipe)
    assert (seen.status, seen.body, seen.headers["x-dk-update-org-time"]) == (200, b"passion", "2")
    listed = send("GET", f"{org}/nemmies/")
    assert listed.json["files"] == ["/sample_org/nemmies/rolls/recipe.data"]
    gone = send("DELETE", recipe)
    assert (gone.status, gone.body, gone.headers["x-dk-org-time"]) == (200, b"", "3")
    assert send("GET", recipe).status == 404
    assert "nemmies/rolls/recipe" not in kv_registry


def test_a_role_from_the_first_take_to_the_release(kv_registry, send, org):
    cooks = f"{org}/nemmies/rolls/cooks.role"
    now = int(kv_registry.clock.freeze(1_708_110_795) * 1000)

    def take(player: str) -> Answer:
        wish = {"player_name": player, "playtime_secs": 30, "max_players": 2, "client_unix_time_in_msecs": now}
        return send("PUT", cooks, json=wish)

    assert [take(player).status for player in ("cook_1", "cook_2", "cook_3")] == [201, 200, 409]
    assert take("cook_1").json == {"client_expiration_time_in_msecs": now + 30_000}
    kv_registry.clock.advance(1)
    assert send("GET", cooks).json == {
        "default_playtime_secs": 10,
        "max_players": 2,
        "players_remaining_milliseconds": {"cook_1": 29_000, "cook_2": 29_000},
    }
    assert send("DELETE", cooks, json={"player_name": "cook_1"}).status == 200
    assert take("cook_3").status == 200
    kv_registry.clock.advance(30)
    assert send("GET", cooks).status == 404


def test_an_org_is_described_and_its_key_rotated(kv_registry, send, org):
    assert send("GET", org).json["org_key"] == "randomAlphaNumericString"
    key = send("PUT", org, json={}).json["org_key"]
    assert kv_registry.org_key == key
    assert send("GET", org).status == 404
    assert send("GET", org, headers={"Authorization": key}).json["org_time"] == 1


def test_a_stream_is_stored_and_too_long_a_one_refused(kv_registry, send):
    target = f"{kv_registry.url}/sample_org/blob.data"
    assert send("PUT", target, content=iter([b"x" * 50_000] * 2)).status == 201
    assert len(kv_registry["blob"].value) == 100_000
    refused = send("PUT", target, content=iter([b"x" * 50_000] * 2 + [b"x"]))
    assert (refused.status, refused.json) == (413, {"max_allowed_size": 100_000})


def test_all_bytes_and_an_odd_type_come_back(kv_registry, send):
    target = f"{kv_registry.url}/sample_org/blob.data"
    content_type = 'image/x-test; note="a b"'
    send("PUT", target, content=bytes(range(256)), headers={"Content-Type": content_type})
    seen = send("GET", target)
    assert (seen.body, seen.headers["content-type"]) == (bytes(range(256)), content_type)


def test_text_that_is_called_json_and_is_none_is_stored_all_the_same(kv_registry, send):
    target = f"{kv_registry.url}/sample_org/blob.data"
    assert send("PUT", target, content=b"no JSON", headers={"Content-Type": "application/json"}).status == 201
    assert kv_registry["blob"].value == b"no JSON"
    assert send("GET", target).headers["content-type"] == "application/json"
    assert kv_registry.conformance.take() == []


def test_an_empty_key_is_a_bad_request(kv_registry, send):
    assert send("GET", f"{kv_registry.url}/sample_org", headers={"Authorization": ""}).status == 400


def test_a_slow_answer_meets_the_clients_own_limit(kv_registry):
    kv_registry.faults.latency("read_data", 5.0)
    kv_registry["x"] = b"v"
    started = time.perf_counter()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{kv_registry.url}/sample_org/x.data", headers={"Authorization": kv_registry.org_key}, timeout=0.05)
    assert time.perf_counter() - started < 4


def test_one_session_serves_many_threads(kv_registry):
    with httpx.Client(base_url=kv_registry.url, headers={"Authorization": kv_registry.org_key}) as client:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(
                pool.map(lambda n: client.put(f"/sample_org/a/{n}.data", content=b"%d" % n).status_code, range(80))
            )
        assert statuses == [201] * 80
        assert client.get("/sample_org/a/").json()["stats"] == {"role_count": 0, "data_item_count": 80}
