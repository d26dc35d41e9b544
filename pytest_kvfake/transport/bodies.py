"""Request bodies without I/O: framed bytes to the body, by length or in chunks (RFC 9112 sections 6 and 7)."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

from pytest_kvfake.engine.messages import Body, MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BELIEVED_LENGTH", "CHUNK_LINE_LIMIT", "TRAILERS_LIMIT", "BodyCollector", "BodyReader"]

BELIEVED_LENGTH = 134_217_728
"""Bytes for which there is room before they come. The system gives real memory only to those that do."""

CHUNK_LINE_LIMIT = 4_096
"""Bytes that the line with a chunk's size and extensions may have."""

TRAILERS_LIMIT = 65_536
"""Bytes that all trailer lines of a body may have together."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\n-\x1f\x7f]*)?\r\n").fullmatch
_SIZE_START = re.compile(rb"[0-9A-Fa-f]{1,16}[ \t]*(?:;[^\x00-\x08\n-\x1f\x7f]*)?\r?").fullmatch
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\n-\x1f\x7f]*\r\n").fullmatch


class BodyCollector:
    """Keeps a body of at most ``limit`` bytes; of a longer one it only counts the bytes.

    ``BytesIO`` hands out its buffer without a copy: the body is never there twice. To grow it the allocator may have to
    copy it again and again, so there is room for what was announced from the beginning.

    Args:
        limit: bytes.
        announced: bytes; 0 where the client has said nothing.
    """

    __slots__ = ("_kept", "_limit", "size")

    def __init__(self, limit: int, announced: int = 0) -> None:
        self._limit = limit
        room = announced if announced <= min(limit, BELIEVED_LENGTH) else 0
        self._kept: io.BytesIO | None = io.BytesIO(bytes(room))
        self.size = 0

    def add(self, piece: bytes | memoryview) -> None:
        """Takes in the next bytes of the body."""
        self.size += len(piece)
        if self.size > self._limit:
            self._kept = None
        elif self._kept is not None:
            self._kept.write(piece)

    def body(self) -> Body:
        """Gives what has come so far."""
        if self._kept is None:
            return Body(b"", self.size)
        self._kept.truncate(self.size)
        return Body(self._kept.getvalue(), self.size)


class BodyReader:
    """Takes the bytes behind a head and finds the body in them, however they are cut.

    Args:
        length: bytes of the body; None for a chunked one.
        limit: a body of more bytes than this is counted and thrown away.

    Attributes:
        collector: what has come of it.
    """

    __slots__ = ("_decoder", "collector")

    def __init__(self, length: int | None, limit: int) -> None:
        self.collector = BodyCollector(limit, length or 0)
        self._decoder = _Chunks(self.collector.add) if length is None else _Length(length, self.collector.add)

    @property
    def done(self) -> bool:
        """Whether the body is complete."""
        return self._decoder.done

    def feed(self, data: bytes) -> bytes:
        """Takes in bytes from the connection.

        Returns:
            The bytes behind the body: what the client sent next. Empty while the body is not done.

        Raises:
            MalformedBodyError: the chunks' framing is broken.
        """
        return self._decoder.feed(data)


class _Length:
    __slots__ = ("_left", "_sink", "done")

    def __init__(self, length: int, sink: Callable[[bytes | memoryview], None]) -> None:
        self._left = length
        self._sink = sink
        self.done = length == 0

    def feed(self, data: bytes) -> bytes:
        rest = b""
        if len(data) > self._left:
            data, rest = data[: self._left], data[self._left :]
        self._left -= len(data)
        self.done = self._left == 0
        self._sink(data)
        return rest


class _Chunks:
    __slots__ = ("_expected", "_left", "_line", "_sink", "_trailers", "done")

    def __init__(self, sink: Callable[[bytes | memoryview], None]) -> None:
        self._sink = sink
        self._left = 0
        self._line = b""
        self._trailers = 0
        self._expected: Literal["size", "end", "trailer"] = "size"
        self.done = False

    def feed(self, data: bytes) -> bytes:
        position, end = 0, len(data)
        view = memoryview(data)
        while position < end and not self.done:
            if self._left:
                taken = min(self._left, end - position)
                self._sink(view[position : position + taken])
                self._left -= taken
            else:
                newline = data.find(b"\n", position)
                taken = (end if newline < 0 else newline + 1) - position
                self._line += view[position : position + taken]
                if newline < 0:
                    self._check_beginning()
                else:
                    self._end_line()
            position += taken
        return data[position:] if self.done else b""

    def _end_line(self) -> None:
        line, self._line = self._line, b""
        if self._expected == "end":
            if line != b"\r\n":
                raise MalformedBodyError(f"a chunk is followed by {line[:40]!r} and not by CR LF")
            self._expected = "size"
        elif self._expected == "size":
            match = _SIZE(line)
            if match is None or len(line) > CHUNK_LINE_LIMIT:
                raise MalformedBodyError(f"{line[:40]!r} is no chunk size: hexadecimal digits, then CR LF")
            self._left = int(match[1], 16)
            self._expected = "end" if self._left else "trailer"
        elif line == b"\r\n":
            self.done = True
        else:
            self._trailers += len(line)
            if _TRAILER(line) is None or self._trailers > TRAILERS_LIMIT:
                raise MalformedBodyError(f"{line[:40]!r} is no trailer field, or there are too many")

    def _check_beginning(self) -> None:
        """Refuses at once a line that can never end well, so that nobody waits for its end."""
        line = self._line
        if self._expected == "end":
            if line != b"\r":
                raise MalformedBodyError(f"a chunk is followed by {line[:40]!r} and not by CR LF")
        elif self._expected == "size":
            if not _SIZE_START(line) or len(line) > CHUNK_LINE_LIMIT:
                raise MalformedBodyError(f"{line[:40]!r} is no chunk size: hexadecimal digits, then CR LF")
        elif self._trailers + len(line) > TRAILERS_LIMIT:
            raise MalformedBodyError(f"the trailer fields have more than {TRAILERS_LIMIT} bytes")
