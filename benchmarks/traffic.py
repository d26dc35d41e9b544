"""Rows over a socket: one small GET against the peers, many connections, large bodies, a fake that must not grow."""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.client import Client, client, request_bytes
from benchmarks.harness import (
    CLIENT_CORE,
    SERVER_CORE,
    Row,
    Sizes,
    at_least,
    at_most,
    interleaved,
    memory_of,
    progress,
    ratio,
    skipped,
)
from benchmarks.peers import TITLES, MissingPeerError, Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SLOW = {"httpserver": 10, "moto": 20, "miniflare": 10, "explorer": 10}
"""A slow peer makes so many times fewer requests a round."""

LIMITS = {"httpserver": 5.0, "moto": 20.0, "miniflare": 20.0, "explorer": None}
"""How many times faster than a peer ours is to be; None where no budget speaks of it."""

RAW_LIMIT = 3.5
GROWTH_LIMIT = 1.05


def get_rows(sizes: Sizes) -> Iterator[Row]:
    """GET of 100 bytes, kept alive where the peer keeps it, 16 headers, each server in a process of its own.

    The budgets speak of client and server on one core: there the time is what the two compute. On a core each, every
    request wakes a sleeping core twice, which takes the same from everybody and, on a virtual machine, more than an
    answer does; that is told, and not judged.
    """
    with ExitStack() as stack:
        together, apart = stack.enter_context(client(SERVER_CORE)), stack.enter_context(client(CLIENT_CORE))
        missing: dict[str, str] = {}
        there = []
        for name in ("kvfake", "raw", *LIMITS):
            progress(f"get: {name} starts")
            try:
                one = stack.enter_context(server(name, download=sizes.name != "tiny"))
                for asking in (together, apart):
                    asking.prepare(name, one.port, request_bytes("GET", one.target, one.port))
                there.append(name)
            except (MissingPeerError, RuntimeError) as why:
                missing[name] = str(why)
        if "kvfake" not in there:
            raise RuntimeError(missing["kvfake"])
        counts = {name: max(1, sizes.requests // SLOW.get(name, 1)) for name in there}
        for asking in (together, apart):
            progress(f"get: {sizes.rounds} rounds of {counts}")
            taken = interleaved({name: partial(asking.run, name, counts[name]) for name in there}, sizes.rounds)
            yield from _get_rows(taken, missing, judged=asking is together)


def _get_rows(taken: Mapping[str, list[float]], missing: Mapping[str, str], *, judged: bool) -> Iterator[Row]:
    ours = taken["kvfake"]
    what = "GET 100 B" if judged else "GET 100 B, a core each"
    shown = f"ours {statistics.median(ours) * 1e6:.1f} µs"
    yield Row("get", what, statistics.median(ours) * 1e6, "µs", detail=shown, raw={"seconds": ours})
    for name in ("raw", *LIMITS):
        compared = f"{what}, ours : {TITLES[name]}" if name == "raw" else f"{what}, {TITLES[name]} : ours"
        if name in missing:
            yield skipped("get", compared, missing[name])
            continue
        peer = taken[name]
        above, below = (ours, peer) if name == "raw" else (peer, ours)
        found = ratio(above, below)
        detail = f"{shown}, peer {statistics.median(peer) * 1e6:.1f} µs"
        more: dict[str, Any] = {"detail": detail, "raw": {"seconds": peer}, "spread": found.quartiles}
        limit = RAW_LIMIT if name == "raw" else LIMITS[name]
        if limit is None or not judged:
            yield Row("get", compared, found.median, "x", **more)
        else:
            kept = at_most if name == "raw" else at_least
            yield kept("get", compared, found.median, limit, "x", **more)


def connection_rows(sizes: Sizes) -> Iterator[Row]:
    """Many connections at the same time, each with one request under way."""
    for count in sizes.connections:
        progress(f"connections: {count}")
        with client() as asking, server("kvfake") as ours, server("raw") as raw:
            for one in (ours, raw):
                request = request_bytes("GET", one.target, one.port)
                asking.prepare(one.name, one.port, request, connections=count)
            requests = max(sizes.requests, count)
            taken = interleaved(
                {one.name: partial(asking.run, one.name, requests, connections=count) for one in (ours, raw)},
                max(1, sizes.rounds // 2),
            )
        mine, theirs = statistics.median(taken["kvfake"]), statistics.median(taken["raw"])
        what = f"{count} connection{'s' if count > 1 else ''}, GET 100 B"
        detail = f"{mine * 1e6:.1f} µs each; raw loop {theirs * 1e6:.1f} µs"
        yield Row("connections", what, 1 / mine, "requests/s", detail=detail, raw=dict(taken))


def body_rows(sizes: Sizes) -> Iterator[Row]:
    """Values up and down, and a bulk of large values."""
    with client() as asking, server("kvfake") as ours:
        base = ours.target.removesuffix("/key")
        for size in sizes.bodies:
            progress(f"bodies: {size} bytes")
            head = request_bytes("PUT", f"{base}/{size}", ours.port, content_type="application/octet-stream")
            head = head.replace(b"Content-Length: 0", b"Content-Length: %d" % size)
            asking.prepare("up", ours.port, head, padding=size)
            asking.prepare("down", ours.port, request_bytes("GET", f"{base}/{size}", ours.port))
            count = max(1, min(sizes.requests // 4, 50_000_000 // size))
            for way in ("up", "down"):
                seconds = statistics.median(asking.run(way, count) for _ in range(max(1, sizes.rounds // 3)))
                rate = size / seconds / 1e6
                yield Row("bodies", f"{size:,} bytes {way}", seconds * 1e3, "ms", detail=f"{rate:,.0f} MB/s")
            asking.forget("up")
            asking.forget("down")
        progress(f"bodies: bulk of {sizes.large} bytes")
        seconds, pairs = _large_bulk(asking, ours, base, sizes)
        memory = memory_of(ours.pid)
        peak = "" if memory is None else f", peak RSS of the server {memory.peak:,.0f} MB"
        yield Row("bodies", f"bulk of {sizes.large:,} bytes", seconds * 1e3, "ms", detail=f"{pairs} pairs{peak}")


def _large_bulk(asking: Client, ours: Server, base: str, sizes: Sizes) -> tuple[float, int]:
    value = "v" * min(1_000_000, sizes.large // 10)
    pair = len(json.dumps({"key": "large-000", "value": value}, separators=(",", ":")))
    pairs = (sizes.large - 2) // (pair + 1)
    items = [{"key": f"large-{number:03}", "value": value} for number in range(pairs)]
    body = json.dumps(items, separators=(",", ":")).encode()
    target = f"{base.removesuffix('/values')}/bulk"
    head = request_bytes("PUT", target, ours.port)
    asking.prepare("bulk", ours.port, head.replace(b"Content-Length: 0", b"Content-Length: %d" % len(body)) + body)
    seconds = asking.run("bulk", 1)
    asking.forget("bulk")
    return seconds, pairs


def steady_rows(sizes: Sizes) -> Iterator[Row]:
    """Very many requests to one fake: neither its memory nor the time of a request may grow."""
    steps = 10
    with client() as asking, server("kvfake") as ours:
        asking.prepare("steady", ours.port, request_bytes("GET", ours.target, ours.port))
        asking.run("steady", max(1, min(5_000, sizes.steady // steps)))  # fills the journal
        memory, seconds = [memory_of(ours.pid)], []
        for step in range(steps):
            progress(f"steady: {sizes.steady * step // steps:,} of {sizes.steady:,} requests")
            seconds.append(asking.run("steady", sizes.steady // steps))
            memory.append(memory_of(ours.pid))
    what = f"{sizes.steady:,} requests: memory"
    known = [one.resident for one in memory if one is not None]
    raw = {"seconds": seconds, "megabytes": known}
    if not known:
        yield skipped("steady", what, "there is no /proc to read it from")
        return
    times = f"{seconds[0] * 1e6:.1f} µs first, {seconds[-1] * 1e6:.1f} µs last"
    detail = f"{known[0]:.1f} MB, then {known[-1]:.1f} MB; {times}"
    yield at_most("steady", what, known[-1] / known[0], GROWTH_LIMIT, "x", detail=detail, raw=raw)
