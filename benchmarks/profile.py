"""Where the time of a small GET goes, step by step: ``python -m benchmarks.profile``.

Each line is the same request taken one step further through the pipeline, so the difference to the line above is what
the step costs. Everything runs in one process without a socket, over and over, so it is the least that the steps cost:
behind a socket the caches are cold, and each costs about twice as much.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.client import request_bytes
from benchmarks.harness import SERVER_CORE, on_core
from benchmarks.peers import VALUE
from pytest_kvfake import FakeCloudflare
from pytest_kvfake.engine import pipeline
from pytest_kvfake.engine.messages import Delivery
from pytest_kvfake.transport.http1 import RequestParser, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS, ROUNDS = 2_000, 15


def steps(kv: FakeCloudflare) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Gives the request path up to and including each of its steps, with the step's name."""
    namespace = kv.create_namespace("profile", {"key": VALUE})
    target = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/values/key"
    data = request_bytes("GET", target, 80)
    world, parser = kv.world, RequestParser()

    def parsed() -> Any:
        head = parser.next_head(data)
        assert head is not None
        return head[0]

    def routed() -> Any:
        head = parsed()
        return head, pipeline.route(world, world.service.normalise(head, world.state))

    def opened() -> Any:
        head, command = routed()
        return command, pipeline.open_journal(world, head, command)

    def decided() -> Any:
        command, exchange = opened()
        return command, exchange, pipeline.decide(world, command, exchange)[0]

    def rendered() -> Any:
        command, exchange, result = decided()
        return exchange, pipeline.render(world, command, result)

    def closed() -> Any:
        exchange, response = rendered()
        return pipeline.close_journal(world, exchange, Delivery(response, number=exchange.number), 0.0)

    yield "head parsed", parsed
    yield "operation found", routed
    yield "journal's entry opened", opened
    yield "checks and state step", decided
    yield "answer rendered", rendered
    yield "journal's entry closed", closed
    yield "answer as bytes", lambda: serialize(closed().response, "GET")


def main() -> None:
    """Prints the table."""
    with on_core(SERVER_CORE):
        print(f"{'step':24}{'µs':>7}{'up to here':>12}")
        before = 0.0
        kv = FakeCloudflare(seed=1)
        for name, step in steps(kv):
            least = float("inf")
            for _ in range(ROUNDS):
                kv.journal.clear()  # only an entry that is closed makes an old one go
                began = time.perf_counter()
                for _ in range(CALLS):
                    step()
                least = min(least, time.perf_counter() - began)
            upto = least / CALLS * 1e6
            print(f"{name:24}{upto - before:7.1f}{upto:12.1f}")
            before = upto


if __name__ == "__main__":
    main()
