"""Rows that grow: keys from 10³ to 10⁶, bulks, archives, memory, snapshots, and a value of 25 MiB.

Times are CPU times of this process, apart from the archive's."""

from __future__ import annotations

import gc
import json
import statistics
import time
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.client import client, request_bytes
from benchmarks.harness import Row, Sizes, at_most, burnt, interleaved, memory_of, progress, ratio, skipped
from pytest_kvfake import FakeCloudflare
from pytest_kvfake.cloudflare.state import Entry
from pytest_kvfake.engine.keyspace import KeySpace
from pytest_kvfake.engine.messages import Headers, Request, body_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PAGE = 1_000
PUT_LIMIT = 8.0
AGAIN_LIMIT, WALK_LIMIT = 1.5, 3.0
BULK_LIMIT = 6.0
MEMORY_LIMIT = 350.0
SNAPSHOT_LIMIT = 3.0
RAW_LIMIT, MULTIPART_LIMIT = 2.2, 3.2
NOW = 1_750_000_000.0


def _name(number: int) -> str:
    return f"user:{number:07}"


def _filled(count: int, *, expiring: bool = False) -> KeySpace[Entry]:
    space: KeySpace[Entry] = KeySpace()
    for number in range(count):
        expires = int(NOW) + 60 if expiring and number % 2 else None
        space.put(_name(number), Entry(b"%08d" % number, None, expires), NOW, expires)
    return space


def curve_rows(sizes: Sizes) -> Iterator[Row]:
    """What a single call costs while the key space grows: the bare state, without a request around it."""
    pages: dict[int, tuple[KeySpace[Entry], str]] = {}
    for count in sizes.keys:
        progress(f"curves: {count:,} keys")
        space = _filled(count)
        step = max(1, count // sizes.samples)
        some = [_name(number) for number in range(0, count, step)][: sizes.samples]
        value = b"v" * 8
        puts = [f"new:{number:07}" for number in range(len(some))]
        yield from _calls(count, space, some, puts, value)
        yield from _listing(count, space)
        yield from _expiry(count)
        yield from _copies(count, space)
        pages[count] = space, "user:"
    smaller, larger = sizes.keys[max(0, len(sizes.keys) - 3)], sizes.keys[-1]
    yield from _page_budget(smaller, larger, pages[smaller][0], pages[larger][0], sizes)


def _calls(count: int, space: KeySpace[Entry], some: Sequence[str], puts: Sequence[str], value: bytes) -> Iterator[Row]:
    listed = partial(space.page, prefix="user:", limit=1, now=NOW)  # brings the order up to date
    works: dict[str, tuple[Callable[[str], object], Sequence[str]]] = {
        "put": (lambda key: space.put(key, Entry(value), NOW), puts),
        "get": (lambda key: space.get(key, NOW), some),
        "delete": (lambda key: space.delete(key, NOW), puts),
    }
    runs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(5):
        for name, (work, keys) in works.items():
            listed()
            runs[name].append(burnt(lambda work=work, keys=keys: [work(key) for key in keys]) / len(keys))
    for name, seconds in runs.items():
        microseconds = statistics.median(seconds) * 1e6
        what = f"{count:,} keys: {name}"
        if name == "put":
            yield at_most("curves", what, microseconds, PUT_LIMIT, "µs", raw={"seconds": seconds})
        else:
            yield Row("curves", what, microseconds, "µs", raw={"seconds": seconds})


def _listing(count: int, space: KeySpace[Entry]) -> Iterator[Row]:
    again = [burnt(lambda: space.page(prefix="user:", limit=PAGE, now=NOW)) for _ in range(9)]
    yield Row("curves", f"{count:,} keys: a page of {PAGE:,} with a prefix", statistics.median(again) * 1e6, "µs")
    walk = burnt(lambda: _walk(space))
    pages = -(-count // PAGE)
    yield Row(
        "curves", f"{count:,} keys: a page of a walk by cursor", walk / pages * 1e6, "µs", detail=f"{pages} pages"
    )


def _walk(space: KeySpace[Entry]) -> None:
    page = space.page(prefix="user:", limit=PAGE, now=NOW)
    while page.more:
        page = space.page(prefix="user:", after=page.last, limit=PAGE, now=NOW)


def _expiry(count: int) -> Iterator[Row]:
    space = _filled(count, expiring=True)
    space.page(limit=1, now=NOW)
    seconds = burnt(lambda: space.expire(NOW + 60))
    assert space.count(NOW) == count - count // 2
    each = seconds / (count // 2) * 1e6
    yield Row("curves", f"{count:,} keys: expiry of half of them", each, "µs", detail=f"{seconds * 1e3:.1f} ms in all")


def _copies(count: int, space: KeySpace[Entry]) -> Iterator[Row]:
    kv = FakeCloudflare(seed=1)
    namespace = kv.create_namespace("n")
    kv.world.state.accounts[kv.account_id].namespaces[namespace.id].entries = space
    saved = kv.snapshot()
    taking = [burnt(kv.snapshot) * 1e3 for _ in range(5)]
    putting = [burnt(lambda: kv.restore(saved)) * 1e3 for _ in range(5)]
    what = f"{count:,} keys: snapshot"
    if count == 10_000:
        yield at_most("curves", what, statistics.median(taking), SNAPSHOT_LIMIT, "ms", raw={"milliseconds": taking})
    else:
        yield Row("curves", what, statistics.median(taking), "ms")
    yield Row("curves", f"{count:,} keys: restore", statistics.median(putting), "ms")


def _page_budget(
    smaller: int, larger: int, small: KeySpace[Entry], large: KeySpace[Entry], sizes: Sizes
) -> Iterator[Row]:
    """A page of a big space against one of a small space: the same page again, and a walk over as many pages."""
    spaces = {"small": small, "large": large}
    walks = {name: _starts(space) for name, space in spaces.items()}

    def again(space: KeySpace[Entry]) -> Callable[[], float]:
        return lambda: burnt(lambda: space.page(prefix="user:", limit=PAGE, now=NOW))

    def walk(name: str) -> Callable[[], float]:
        starts = walks[name]
        turn = iter(range(1 << 60))

        def run() -> float:
            first = next(turn) * 7
            chosen = [starts[(first + place * 37) % len(starts)] for place in range(5)]
            space = spaces[name]
            return burnt(lambda: [space.page(prefix="user:", after=key, limit=PAGE, now=NOW) for key in chosen])

        return run

    title = f"page of {PAGE:,} with a prefix, {larger:,} : {smaller:,} keys"
    taken = interleaved({name: again(space) for name, space in spaces.items()}, sizes.rounds * 3)
    found = ratio(taken["large"], taken["small"])
    yield at_most("curves", f"{title}, the same page again", found.median, AGAIN_LIMIT, "x", **found.spread)
    taken = interleaved({name: walk(name) for name in spaces}, sizes.rounds * 3)
    found = ratio(taken["large"], taken["small"])
    yield at_most("curves", f"{title}, a walk", found.median, WALK_LIMIT, "x", **found.spread)


def _starts(space: KeySpace[Entry]) -> list[str | None]:
    starts: list[str | None] = [None]
    page = space.page(prefix="user:", limit=PAGE, now=NOW)
    while page.more:
        starts.append(page.last)
        page = space.page(prefix="user:", after=page.last, limit=PAGE, now=NOW)
    return starts[:-1] or starts


def bulk_rows(sizes: Sizes) -> Iterator[Row]:
    """A bulk write against `json.loads` of its body; the contract's checks of requests are off."""
    progress(f"bulk: {sizes.bulk:,} pairs")
    body = json.dumps([{"key": _name(number), "value": f"value {number}"} for number in range(sizes.bulk)]).encode()
    kv = FakeCloudflare(seed=1, strict="off")
    namespace = kv.create_namespace("n")
    target = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/bulk"
    headers = [("Authorization", f"Bearer {kv.api_token}"), ("Content-Type", "application/json")]
    head = Request("PUT", target, Headers([*headers, ("Content-Length", str(len(body)))]))

    def write() -> float:
        seconds = burnt(lambda: kv.world.handle(head, body_of(body)))
        assert kv.journal.last.status == 200
        return seconds

    taken = interleaved({"ours": write, "json": lambda: burnt(lambda: json.loads(body))}, sizes.rounds)
    found = ratio(taken["ours"], taken["json"])
    detail = (
        f"{statistics.median(taken['ours']) * 1e3:.1f} ms; json.loads {statistics.median(taken['json']) * 1e3:.1f} ms"
    )
    what = f"bulk write of {sizes.bulk:,} pairs : json.loads of it"
    yield at_most("bulk", what, found.median, BULK_LIMIT, "x", detail=detail, raw=dict(taken), **found.spread)


def memory_rows(sizes: Sizes) -> Iterator[Row]:
    """What a small key takes, above the bytes of key and value themselves, once it has been listed."""
    for count in sizes.keys[-2:]:
        progress(f"memory: {count:,} keys")
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        space = _filled(count)
        space.page(limit=1, now=NOW)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        memory = memory_of()
        detail = "" if memory is None else f"peak RSS of this process so far {memory.peak:,.0f} MB"
        above = taken / count - len(_name(0)) - 8
        what = f"a small key of {count:,}, above key and value"
        yield at_most("memory", what, above, MEMORY_LIMIT, "bytes", detail=detail)
        del space


def value_rows(sizes: Sizes) -> Iterator[Row]:
    """The peak of a large value's way up and down, over a socket, as a multiple of its size."""
    size = sizes.bodies[-1]
    with client() as asking:
        for form, limit in (("raw", RAW_LIMIT), ("multipart", MULTIPART_LIMIT)):
            progress(f"value: {size:,} bytes, {form}")
            for way, peak in _peaks(asking, size, form).items():
                yield at_most("value", f"{size:,} bytes {way}, {form}: peak", peak, limit, "x its size")


def _peaks(asking: Any, size: int, form: str) -> dict[str, float]:
    peaks: dict[str, float] = {}
    with FakeCloudflare(seed=1, journal_entries=1) as kv:
        namespace = kv.create_namespace("n")
        target = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/values/large"
        kind, start, end = "application/octet-stream", b"", ""
        if form == "multipart":
            kind = "multipart/form-data; boundary=benchmark"
            start = b'--benchmark\r\nContent-Disposition: form-data; name="value"; filename="v"\r\n\r\n'
            end = "\r\n--benchmark--\r\n"
        length = len(start) + size + len(end)
        head = request_bytes("PUT", target, kv.port, content_type=kind)
        head = head.replace(b"Content-Length: 0", b"Content-Length: %d" % length) + start
        gc.collect()
        for way in ("up", "down"):
            tracemalloc.start()
            if way == "up":
                asking.prepare(way, kv.port, head, padding=size, end=end)
            else:
                asking.prepare(way, kv.port, request_bytes("GET", target, kv.port))
            # On the way down the value is there already, so it counts too.
            stored = size if way == "down" else 0
            peaks[way] = (tracemalloc.get_traced_memory()[1] + stored) / size
            tracemalloc.stop()
            asking.forget(way)
        assert len(namespace["large"].value) == size
    return peaks


def archive_rows(sizes: Sizes) -> Iterator[Row]:
    """An archive of all records of an Apify store, over a socket."""
    what = f"ZIP of {sizes.bulk:,} records"
    try:
        from pytest_kvfake import FakeApify
    except ImportError as why:
        yield skipped("archive", what, str(why))
        return
    progress(f"archive: {sizes.bulk:,} records")
    import urllib.request

    with FakeApify(seed=1) as kv:
        store = kv.create_store("s", {f"record-{number:07}": b"v" * 100 for number in range(sizes.bulk)})
        url = f"{kv.url}/v2/key-value-stores/{store.id}/records"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {kv.token}"})
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as answer:
            length = len(answer.read())
        seconds = time.perf_counter() - began
    each = seconds / sizes.bulk * 1e6
    yield Row("archive", what, seconds * 1e3, "ms", detail=f"{length:,} bytes, {each:.0f} µs a record")
