"""Rows without a socket: the same GET through httpx, against the constant answers of MockTransport and respx."""

from __future__ import annotations

import statistics
from importlib.util import find_spec
from typing import TYPE_CHECKING

import httpx

from benchmarks.client import SDK_HEADERS
from benchmarks.harness import Row, Sizes, at_most, burnt, interleaved, progress, ratio, skipped
from benchmarks.peers import VALUE
from pytest_kvfake import FakeCloudflare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOCK_LIMIT = 2.0


def inprocess_rows(sizes: Sizes) -> Iterator[Row]:
    """GET of 100 bytes through an `httpx.Client` whose transport is the fake."""
    kv = FakeCloudflare(seed=1)
    namespace = kv.create_namespace("peer", {"key": VALUE})
    url = f"http://fake/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/values/key"
    headers = {"Authorization": f"Bearer {kv.api_token}", "Content-Type": "application/json", **dict(SDK_HEADERS)}
    count = max(1, sizes.requests // 4)

    def asking(client: httpx.Client) -> Callable[[], float]:
        def run() -> float:
            return burnt(lambda: [client.get(url) for _ in range(count)]) / count

        answer = client.get(url)
        assert answer.content == VALUE
        return run

    mock = httpx.MockTransport(lambda _request: httpx.Response(200, content=VALUE))
    contestants = {
        "kvfake": asking(httpx.Client(transport=kv.httpx_transport(), headers=headers)),
        "mock": asking(httpx.Client(transport=mock, headers=headers)),
    }
    if find_spec("respx") is not None:
        import respx

        router = respx.Router()
        router.get(url).respond(200, content=VALUE)
        respx_transport = httpx.MockTransport(router.handler)
        contestants["respx"] = asking(httpx.Client(transport=respx_transport, headers=headers))
    progress(f"inprocess: {sizes.rounds} rounds of {count}")
    taken = interleaved(contestants, sizes.rounds)
    ours, theirs = taken["kvfake"], taken["mock"]
    found = ratio(ours, theirs)
    detail = f"ours {statistics.median(ours) * 1e6:.1f} µs, peer {statistics.median(theirs) * 1e6:.1f} µs"
    what = "in process, ours : httpx.MockTransport, constant"
    yield at_most("inprocess", what, found.median, MOCK_LIMIT, "x", detail=detail, raw=dict(taken), **found.spread)
    what = "in process, respx : ours"
    if "respx" not in taken:
        yield skipped("inprocess", what, "respx is not installed (pip install -e '.[bench]')")
        return
    found = ratio(taken["respx"], ours)
    detail = f"respx {statistics.median(taken['respx']) * 1e6:.1f} µs"
    yield Row("inprocess", what, found.median, "x", detail=detail, **found.spread)
