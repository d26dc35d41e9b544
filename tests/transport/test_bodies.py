from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kvfake.engine.messages import Body, MalformedBodyError
from pytest_kvfake.transport.bodies import BELIEVED_LENGTH, CHUNK_LINE_LIMIT, BodyReader

MIB = 1024 * 1024


def read(data: bytes, *, length: int | None = None, limit: int = 1000) -> tuple[Body, bytes, bool]:
    reader = BodyReader(length, limit)
    rest = reader.feed(data)
    return reader.collector.body(), rest, reader.done


def chunked(pieces: list[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + end


def test_a_body_of_a_length_ends_there():
    assert read(b"bodyGET", length=4) == (Body(b"body", 4), b"GET", True)


def test_a_body_that_is_not_all_there_is_not_done():
    assert read(b"bo", length=4) == (Body(b"bo", 2), b"", False)


def test_no_body_is_done_at_once():
    assert BodyReader(0, 10).done


def test_a_body_above_the_limit_is_counted_and_thrown_away():
    assert read(b"x" * 11, length=11, limit=10) == (Body(b"", 11), b"", True)


def test_a_body_as_long_as_the_limit_is_kept():
    assert read(b"x" * 10, length=10, limit=10)[0] == Body(b"x" * 10, 10)


def test_chunks_are_joined():
    assert read(b"4\r\nbody\r\nA\r\n0123456789\r\n0\r\n\r\nGET") == (Body(b"body0123456789", 14), b"GET", True)


def test_chunk_extensions_and_trailers_are_passed_over():
    data = b'4;a=b;c="d e"\r\nbody\r\n000 ;last\r\nX-Trailer: 1\r\nX-More: 2\r\n\r\nnext'
    assert read(data) == (Body(b"body", 4), b"next", True)


def test_chunks_above_the_limit_are_counted_and_thrown_away():
    assert read(chunked([b"x" * 8, b"y" * 8]), limit=10) == (Body(b"", 16), b"", True)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"g\r\n",
        b"-1\r\n",
        b"0x4\r\nbody\r\n",
        b" 4\r\nbody\r\n",
        b"\r\n",
        b"4\nbody\r\n",
        b"4\r\nbodyX",
        b"4\r\nbody\rX",
        b"4\r\nbody\n",
        b"4 4\r\nbody\r\n",
        b"4;\x00\r\n",
        b"11111111111111111\r\n",
        b"4;" + b"x" * CHUNK_LINE_LIMIT + b"\r\n",
        b"4;" + b"x" * CHUNK_LINE_LIMIT,
        b"0\r\nno trailer\r\n",
        b"0\r\n folded: 1\r\n",
        b"0\r\nX: 1\n\r\n",
        b"0\r\nX: " + b"x" * 70_000,
    ],
)
def test_broken_chunks_are_refused_as_soon_as_they_show(data):
    with pytest.raises(MalformedBodyError):
        read(data)


@given(st.data(), st.lists(st.binary(max_size=40), max_size=8), st.binary(max_size=10))
def test_chunks_make_the_round_trip_however_they_are_cut(data, pieces, following):
    whole = chunked(pieces, b"0\r\nTrailer: x\r\n\r\n") + following
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    reader, behind = BodyReader(None, 1000), b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        piece = whole[start:end]
        behind += piece if reader.done else reader.feed(piece)
    assert (reader.collector.body().data, behind) == (b"".join(pieces), following)


@given(st.binary(max_size=200))
def test_garbage_for_chunks_is_refused_or_read_and_nothing_else(garbage):
    with suppress(MalformedBodyError):
        read(garbage)


def test_a_length_beyond_belief_takes_no_memory():
    tracemalloc.start()
    try:
        reader = BodyReader(BELIEVED_LENGTH + 1, 1 << 62)
        reader.feed(b"x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.collector.body() == Body(b"x", 1)
    assert peak < MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body_is_in_memory_little_more_than_once(framing):
    size, piece = 25 * MIB, b"x" * (256 * 1024)
    tracemalloc.start()
    try:
        reader = BodyReader(size if framing == "length" else None, size)
        for _ in range(size // len(piece)):
            reader.feed(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
        if framing == "chunked":
            reader.feed(b"0\r\n\r\n")
        body = reader.collector.body()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.done
    assert len(body.data) == size
    assert peak < 1.3 * size
