"""HTTP/1.1 without I/O: bytes to the head of a request, an answer to bytes (RFC 9110, RFC 9112).

Heads are decoded as Latin-1, the target as well as the fields: a character a byte, so nothing fails, no half of a
surrogate pair gets into a key or into JSON, and ``encode("latin-1")`` gives the bytes back. WSGI does the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from pytest_kvfake.engine.messages import BODYLESS, Headers, Request, Response, is_bodyless

__all__ = [
    "HEAD_LIMIT",
    "REFUSALS",
    "Framing",
    "RequestParser",
    "UnreadableError",
    "answer_fields",
    "encode_field",
    "origin_form",
    "serialize",
    "serialize_head",
    "status_text",
]

HEAD_LIMIT = 65_536
"""Bytes that a request's head may have. The number of its lines is free."""

METHOD_LIMIT = 32
"""Bytes that a method may have: the registered ones have at most 17."""

LENGTH_DIGITS = 18
"""Digits that a Content-Length may have."""

REFUSALS: dict[str, tuple[int | None, str]] = {
    "tls": (None, "a TLS handshake on a plain-HTTP port: use http://{address} instead of https://{address}"),
    "http2": (505, "an HTTP/2 connection preface: this server speaks HTTP/1.1 only, switch HTTP/2 off in the client"),
    "http09": (505, "an HTTP/0.9 request: the request line must end in HTTP/1.1 or HTTP/1.0"),
    "version": (505, "an HTTP version other than 1.1 and 1.0"),
    "method": (400, "no HTTP request: the method is not a token of at most 32 characters"),
    "line": (400, "a request line that is not 'METHOD target HTTP/1.1' with single spaces"),
    "control": (400, "a control character in the request line: percent-encode it"),
    "target": (400, "a request target that is neither '/path' nor 'http://host/path' (nor '*' with OPTIONS)"),
    "connect": (501, "a CONNECT request: this server is no proxy, take it out of the proxy settings of the client"),
    "line_too_long": (414, "a request line of more than 65536 bytes"),
    "head_too_long": (431, "a request head of more than 65536 bytes"),
    "bare_lf": (400, "a line that ends in LF alone: lines of a request head end in CR LF"),
    "folded": (400, "a header field that goes on in a second line (obs-fold, RFC 9112 section 5.2)"),
    "colon": (400, "white space between a header field's name and its colon (RFC 9112 section 5.1)"),
    "field": (400, "a header line that is not 'Name: value', or has a control character (RFC 9110 section 5.5)"),
    "host": (400, "not exactly one Host header field in an HTTP/1.1 request (RFC 9112 section 3.2)"),
    "framing": (400, "both Content-Length and Transfer-Encoding (request smuggling, RFC 9112 section 6.1)"),
    "length": (400, "a Content-Length that is not one decimal number (RFC 9112 section 6.3)"),
    "coding": (501, "a Transfer-Encoding other than 'chunked'"),
    "coding10": (400, "a Transfer-Encoding in an HTTP/1.0 request (RFC 9112 section 6.1)"),
    "expect": (417, "an Expect header field other than '100-continue'"),
    "cut": (None, "the client closed the connection in the middle of a request head"),
}
"""Why bytes are no request that can be served: the status to answer (None: nothing), and what to tell a person."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"  # noqa: S105 - RFC 9110's word for a name
_LINE = re.compile(rf"({_TOKEN}{{1,{METHOD_LIMIT}}}) ([!-~\x80-\xff]+) HTTP/1\.(\d)").fullmatch
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_FIELDS = re.compile(rf"^({_TOKEN}+):[ \t]*([^\x00-\x08\n-\x1f\x7f]*)\r\n", re.MULTILINE).findall
_EMPTY_LINES = re.compile(rb"(?:\r\n)+").sub
_METHOD_START = re.compile(rf"{_TOKEN}{{0,{METHOD_LIMIT}}}$|{_TOKEN}{{1,{METHOD_LIMIT}}} ").match
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_BARE_LF = re.compile(r"(?<!\r)\n").search
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE).match
_LENGTH = re.compile(rf"[0-9]{{1,{LENGTH_DIGITS}}}").fullmatch
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_UNSENDABLE = str.maketrans("\r\n\0", "   ")
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class UnreadableError(Exception):
    """Bytes that are no HTTP request which this server can serve.

    Attributes:
        kind: which row of `REFUSALS`.
        status: what to answer; None for nothing.
        reason: what happened, and what to do about it; may hold ``{address}``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.status, self.reason = REFUSALS[kind]
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True)
class Framing:
    """How the body of one request is framed, and what becomes of its connection.

    Attributes:
        length: bytes of the body; None for a chunked one.
        expects: the client waits for a ``100 Continue`` before it sends the body.
        close: the client wants the connection closed after the answer.
        http10: the client speaks HTTP/1.0.
    """

    length: int | None
    expects: bool
    close: bool
    http10: bool


@dataclass(frozen=True, slots=True)
class _Fields:
    """What one block of header fields says; a framing is None where it may not stand under a version of HTTP."""

    headers: Headers
    framing: Framing | None
    framing10: Framing | None


class RequestParser:
    """Turns the bytes of one connection into the heads of its requests, however the bytes are cut.

    Attributes:
        received: bytes that came and were not taken yet.
    """

    __slots__ = ("_block", "_fields", "_lined", "_scanned", "_served", "received")

    def __init__(self) -> None:
        self.received = b""  # mostly one piece, which is then never copied
        self._scanned = 0
        self._lined = False
        self._served = 0
        self._block = b""
        self._fields: _Fields | None = None

    def take(self) -> bytes:
        """Hands over all bytes behind the last head: a body's beginning, or the next request."""
        data, self.received = self.received, b""
        return data

    def put_back(self, data: bytes) -> None:
        """Takes back what of them was not the body's."""
        self.received = data

    def next_head(self, data: bytes = b"") -> tuple[Request, Framing] | None:
        """Takes in bytes from the connection, and gives the next head; None while it is not complete.

        Returns:
            The request, its body still empty, and the framing of that body.

        Raises:
            UnreadableError: the bytes are no request. The parser is of no use any more.
        """
        buffer = self.received = self.received + data
        if not buffer:
            return None
        if buffer[0] == 13 and buffer.startswith(b"\r\n"):
            # RFC 9112 section 2.2: empty lines before a request are skipped.
            buffer = self.received = _EMPTY_LINES(b"", buffer, count=1)
            self._scanned = 0
        cut = buffer.find(b"\r\n")
        # A client that keeps its connection mostly repeats its fields: an equal block is not read again.
        fields, end = self._fields, cut + 2 + len(self._block)
        if fields is None or end > HEAD_LIMIT or not buffer.startswith(self._block, cut + 2):
            end = buffer.find(b"\r\n\r\n", self._scanned, HEAD_LIMIT) + 4
            if end < 4:
                self._check_beginning()
                return None
            fields = None
        line = buffer[:cut]
        method, target, http10 = _remembered_line(line) if cut <= _REMEMBERED_LENGTH else _read_line(line)
        if fields is None:
            fields = self._fields = _read_fields(buffer[cut + 2 : end - 2].decode("latin-1"))
            self._block = buffer[cut + 2 : end]
        framing = fields.framing10 if http10 else fields.framing
        if framing is None:
            raise UnreadableError("coding10" if http10 else "host")
        if target[0] != "/":
            target = origin_form(method, target)
        served = self._served
        self.received = buffer[end:]
        self._scanned = 0
        self._lined = False
        self._served = served + 1
        return Request(method, target, fields.headers, b"", 0, served), framing

    def _check_beginning(self) -> None:
        """Refuses at once what can never become a head, so that nobody waits for its end."""
        buffer = self.received
        size = len(buffer)
        if not size or (size == 1 and buffer[0] in b"\r\x16"):
            return
        if not self._lined:
            cut = buffer.find(b"\n", 0, HEAD_LIMIT)
            kind = _line_error(buffer[: cut + 1 if cut >= 0 else HEAD_LIMIT].decode("latin-1"))
            if kind:
                raise UnreadableError(kind)
            self._lined = cut >= 0
        if size >= HEAD_LIMIT:
            raise UnreadableError("head_too_long" if self._lined else "line_too_long")
        if buffer.find(b"\n\n", self._scanned, HEAD_LIMIT) >= 0:
            raise UnreadableError("bare_lf")
        self._scanned = max(0, size - 3)


def _read_line(data: bytes) -> tuple[str, str, bool]:
    """Gives method, target, and whether the version is 1.0."""
    line = data.decode("latin-1")
    words = line.split(" ")
    # Almost every line is of this kind, and the pattern takes twice as long to say so.
    if len(words) == 3 and words[2] == "HTTP/1.1" and words[0] in _METHODS:
        target = words[1]
        if target and target.isascii() and target.isprintable():
            return words[0], target, False
    match = _LINE(line)
    if match is None:
        raise UnreadableError(_line_error(f"{line}\r\n".partition("\n")[0] + "\n"))
    return match[1], match[2], match[3] == "0"


# Suites ask for the same few targets again and again.
_remembered_line = lru_cache(maxsize=1_024)(_read_line)
_REMEMBERED_LENGTH = 512


def _line_error(line: str) -> str:
    """Says which refusal a request line meets, with its LF or as far as it came; empty for none.

    The checks go from left to right, so the answer does not depend on how much has arrived.
    """
    if line.startswith("\x16\x03"):
        return "tls"
    complete = line.endswith("\n")
    bare = complete and not line.endswith("\r\n")
    text = line[:-1] if bare else line.removesuffix("\r\n") if complete else line.removesuffix("\r")
    if not _METHOD_START(text) or (complete and not text):
        return "method"
    if _CONTROL(text):
        return "control"
    if not complete:
        return ""
    if bare:
        return "bare_lf"
    if _LINE(text):
        return ""
    if text == "PRI * HTTP/2.0":
        return "http2"
    words = text.split(" ")
    if len(words) == 2 and words[0] == "GET" and words[1].startswith("/"):
        return "http09"
    if len(words) == 3 and words[1] and re.fullmatch(r"HTTP/\d+(\.\d+)?", words[2]):
        return "version"
    return "line"


def _read_fields(block: str) -> _Fields:
    pairs: list[tuple[str, str]] = _FIELDS(block)
    if len(pairs) != block.count("\n"):
        raise UnreadableError(_block_error(block))
    if " \r\n" in block or "\t\r\n" in block:
        pairs = [(name, value.rstrip(" \t")) for name, value in pairs]
    headers = Headers(pairs)
    # Looked up in the text first: most requests have only one or two of these, and this is the hot path.
    text = f"\n{block.lower()}"
    coding = headers["transfer-encoding"] if "\ntransfer-encoding:" in text else None
    length = headers["content-length"] if "\ncontent-length:" in text else None
    expect = headers["expect"] if "\nexpect:" in text else None
    options = headers["connection"].lower().split(",") if "\nconnection:" in text else ()
    if coding is not None and length is not None:
        raise UnreadableError("framing")
    if coding is not None and coding.lower() != "chunked":
        raise UnreadableError("coding")
    if expect is not None and expect.lower() != "100-continue":
        raise UnreadableError("expect")
    hosts = text.count("\nhost:")
    if hosts > 1:
        raise UnreadableError("host")
    size = None if coding is not None else 0 if length is None else _read_length(length)
    wishes = {option.strip() for option in options}
    framing = Framing(size, expect is not None, "close" in wishes, http10=False) if hosts else None
    # RFC 9112 section 6.1 and RFC 9110 section 10.1.1: no chunks and no 100 Continue for a client of HTTP/1.0.
    framing10 = Framing(size, expects=False, close="keep-alive" not in wishes, http10=True) if coding is None else None
    return _Fields(headers, framing, framing10)


def _read_length(value: str) -> int:
    # RFC 9110 section 8.6: a repeated field with the same number may be taken as one.
    numbers = {number.strip() for number in value.split(",")}
    if len(numbers) > 1 or not _LENGTH(number := numbers.pop()):
        raise UnreadableError("length")
    return int(number)


def _block_error(block: str) -> str:
    if _BARE_LF(block):
        return "bare_lf"
    for line in block.split("\r\n"):
        if line.startswith((" ", "\t")):
            return "folded"
        if re.match(rf"{_TOKEN}+[ \t]+:", line):
            return "colon"
    return "field"


def origin_form(method: str, target: str) -> str:
    """Gives the origin form of a target (RFC 9112 section 3.2), still percent-encoded.

    Args:
        method: as sent.
        target: as sent: origin form, absolute form, or ``*`` for OPTIONS.

    Raises:
        UnreadableError: it is none of these.
    """
    if target.startswith("/") or (target == "*" and method == "OPTIONS"):
        return target
    if method == "CONNECT":
        raise UnreadableError("connect")
    host = _ABSOLUTE(target)
    if host is None:
        raise UnreadableError("target")
    path = target[host.end() :]
    return path if path.startswith("/") else f"/{path}"


def status_text(status: int) -> str:
    """Gives a status with its standard phrase, for example ``404 Not Found``; the phrase may be empty."""
    line = _STATUS_LINES.get(status)
    return line[9:-2].decode() if line else f"{status} "


def encode_field(text: str) -> bytes:
    """Gives a field's bytes: Latin-1, or UTF-8 for what Latin-1 lacks; no line breaks or NUL get through."""
    text = text.translate(_UNSENDABLE)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def answer_fields(
    response: Response, *, close: bool = False, http10: bool = False, length: int | None = None
) -> list[tuple[str, str]]:
    """Gives an answer's fields with the framing: the transport's word on length and connection is the only one.

    Args:
        response: what is answered; framing fields among its own are dropped. An answer to HEAD has the same fields
            as one to GET.
        close: the connection ends after the answer.
        http10: the client speaks HTTP/1.0: it gets no chunks, and is told when the connection stays.
        length: what Content-Length says, where that is not the body's own length.
    """
    fields = [field for field in response.headers if field[0].lower() not in _FRAMING]
    return fields + _framing_fields(response, close, http10, length)


def _framing_fields(response: Response, close: bool, http10: bool, length: int | None) -> list[tuple[str, str]]:
    fields = []
    if length is not None:
        fields.append(("Content-Length", str(length)))
    elif response.status in BODYLESS:
        pass  # RFC 9110 section 8.6
    elif response.stream is None:
        fields.append(("Content-Length", str(len(response.body))))
    elif not http10:
        fields.append(("Transfer-Encoding", "chunked"))
    if close:
        fields.append(("Connection", "close"))
    elif http10:
        fields.append(("Connection", "keep-alive"))
    return fields


# Most fields of an answer are those of the answer before.
@lru_cache(maxsize=256)
def _line(field: tuple[str, str]) -> bytes:
    name, value = field
    if name.isascii() and value.isascii() and name.isprintable() and value.isprintable():
        return f"{name}: {value}\r\n".encode()
    return b"%b: %b\r\n" % (encode_field(name), encode_field(value))


@lru_cache(maxsize=256)
def _own_line(field: tuple[str, str]) -> bytes:
    return b"" if field[0].lower() in _FRAMING else _line.__wrapped__(field)


def serialize_head(
    response: Response, *, close: bool = False, http10: bool = False, length: int | None = None
) -> bytes:
    """Gives the bytes of an answer's head; the arguments are those of `answer_fields`."""
    first = _STATUS_LINES.get(response.status) or f"HTTP/1.1 {status_text(response.status)}\r\n".encode("ascii")
    framing = _framing_fields(response, close, http10, length)
    return b"".join([first, *map(_own_line, response.headers), *map(_line, framing), b"\r\n"])


def serialize(response: Response, method: str, *, close: bool = False, http10: bool = False) -> bytes:
    """Gives a whole answer as one object, for one write. A stream's body is not in it.

    Args:
        response: what is answered.
        method: the request's: HEAD has the length but not the body.
        close: the connection ends after the answer.
        http10: the client speaks HTTP/1.0.
    """
    head = serialize_head(response, close=close, http10=http10)
    return head if is_bodyless(method, response.status) else head + response.body
