"""The fake as a WSGI application.

WSGI hands over a decoded path. Servers that pass the raw target as well (``REQUEST_URI``, ``RAW_URI``: werkzeug,
gunicorn, uWSGI) lose nothing, but that `http.server`, and so werkzeug's server, shortens ``//`` at the front to ``/``.
Elsewhere the target is built from ``PATH_INFO``: ``%2F`` becomes ``/`` and the spelling of other escapes is lost.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from pytest_kvfake.engine.messages import (
    NO_BODY,
    Body,
    Headers,
    IncompleteBodyError,
    MalformedBodyError,
    Request,
    Response,
    is_bodyless,
)
from pytest_kvfake.errors import KVFakeConnectionError
from pytest_kvfake.transport import wire
from pytest_kvfake.transport.bodies import BodyCollector
from pytest_kvfake.transport.http1 import UnreadableError, answer_fields, encode_field, origin_form, status_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from pytest_httpserver import HTTPServer

    from pytest_kvfake.engine.messages import Delivery, Endpoint, ReadBody, WireFault
    from pytest_kvfake.transport.waits import Waits

__all__ = ["Answer", "answer_of", "breaking_off", "hang_up", "mount", "request_of", "wsgi_app"]

PIECE = 262_144
"""Bytes that are read at once from ``wsgi.input``."""

_DECIMAL = re.compile(r"[0-9]{1,18}").fullmatch
# RFC 3986 section 3.3: what a path may hold unescaped.
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


class Answer(NamedTuple):
    """What a request comes to under WSGI.

    Attributes:
        status: for example ``"200 OK"``.
        fields: names and values, Latin-1.
        parts: the body; may wait, and raises `KVFakeConnectionError` where the connection is to break.
    """

    status: str
    fields: list[tuple[str, str]]
    parts: Iterable[bytes]


def wsgi_app(endpoint: Endpoint, waits: Waits) -> WSGIApplication:
    """Gives the fake as a WSGI application.

    Args:
        endpoint: answers the requests.
        waits: delays and hangs go through it; they block the server's thread.

    Returns:
        The application. It raises `KVFakeConnectionError` for a wire fault, as far as WSGI cannot say it: ``corrupt``
        damages the body, ``truncate`` and ``wrong_length`` raise behind the bytes that are sent.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = answer_of(endpoint, waits, request_of(environ), _body_reader(environ))
        except KVFakeConnectionError:
            hang_up(environ)
            raise
        start_response(answer.status, answer.fields)
        return answer.parts

    return application


def mount(endpoint: Endpoint, waits: Waits, httpserver: HTTPServer, *, prefix: str = "") -> str:
    """Puts the fake behind a pytest-httpserver, beside its other handlers.

    Whatever other handler matches a request gets it, whether it was registered before or after. Delays and hangs
    occupy a thread of that server, which has only one unless it was made with ``threaded=True``. A reset reaches the
    client as a close without an answer.

    Args:
        endpoint: answers the requests.
        waits: delays and hangs go through it.
        httpserver: a server of the user's.
        prefix: where the fake is, for example ``/kv``; with several fakes behind one server, the longest one wins.

    Returns:
        The base URL, without a slash at its end.
    """
    from pytest_kvfake.transport.face import mounted  # a plain WSGI application needs no httpserver

    return mounted(endpoint, waits, httpserver, prefix)


def answer_of(endpoint: Endpoint, waits: Waits, request: Request, read_body: ReadBody) -> Answer:
    """Gives a request to an endpoint, and carries its delivery out as far as the first byte of the body.

    Raises:
        KVFakeConnectionError: nothing is to be answered.
    """
    delivery = endpoint.handle(request, read_body)
    response, fault = delivery.response, delivery.wire
    if delivery.delay > 0:
        _wait(endpoint, waits, delivery, delivery.delay)
    if fault is not None and fault.kind == "hang":
        _wait(endpoint, waits, delivery, None)
    if response is None or (fault is not None and fault.kind in {"hang", "reset", "empty"}):
        raise KVFakeConnectionError(f"{fault.kind if fault else 'closed'}: the connection ends without an answer")
    if fault is not None and fault.kind == "dribble":
        body = wire.body_bytes(response, request.method)
        return _answer(response, parts=_dribbled(endpoint, waits, delivery, wire.pieces_of(body, fault.amount)))
    if fault is not None:
        return _damaged(response, request.method, fault)
    if response.stream is not None and not is_bodyless(request.method, response.status):
        return _answer(response, parts=response.stream())
    return _answer(response, parts=[wire.body_bytes(response, request.method)])


def _answer(response: Response, *, parts: Iterable[bytes], length: int | None = None) -> Answer:
    # PEP 3333 leaves the transfer coding to the server.
    latin = [
        (name, encode_field(value).decode("latin-1"))
        for name, value in answer_fields(response, length=length)
        if name != "Transfer-Encoding"
    ]
    return Answer(status_text(response.status), latin, parts)


def _damaged(response: Response, method: str, fault: WireFault) -> Answer:
    body, length = wire.body_bytes(response, method), len(wire.body_bytes(response, "GET"))
    if fault.kind == "wrong_length":
        length += wire.extra_length(fault.amount)
    elif not body:
        raise KVFakeConnectionError(f"{fault.kind}: the answer has no body to damage, so nothing is sent")
    elif fault.kind == "corrupt":
        return _answer(response, parts=[wire.turn_bits(body)], length=length)
    else:
        body = body[: wire.kept_bytes(body, fault.amount)]
    error = KVFakeConnectionError(f"{fault.kind}: {len(body)} bytes of a body of {length} were sent")
    return _answer(response, parts=breaking_off(body, error), length=length)


def hang_up(environ: WSGIEnvironment) -> None:
    """Ends the connection under werkzeug's server, which else waits on it for another request."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def breaking_off(sent: bytes, error: KVFakeConnectionError) -> Iterator[bytes]:
    """Gives a body that breaks off behind ``sent``."""
    if sent:
        yield sent
    raise error


def _dribbled(
    endpoint: Endpoint, waits: Waits, delivery: Delivery, pieces: Iterable[tuple[bytes, float]]
) -> Iterator[bytes]:
    waited = 0.0
    for piece, pause in pieces:
        waited += pause
        if waited > waits.limit:
            endpoint.waited_out(delivery.number)
            raise KVFakeConnectionError(f"dribble: {waits.limit:g} s of waiting are over")
        if pause:
            _wait(endpoint, waits, delivery, pause)
        yield piece


def _wait(endpoint: Endpoint, waits: Waits, delivery: Delivery, seconds: float | None) -> None:
    end = waits.of(delivery.number).wait(seconds)
    if end == "limit":
        endpoint.waited_out(delivery.number)
    if end != "over":
        raise KVFakeConnectionError("a wait was ended before the answer was due")


def request_of(environ: WSGIEnvironment) -> Request:
    """Gives a WSGI environment as a request; the body is not in it."""
    fields = [
        (name.removeprefix("HTTP_").replace("_", "-").title(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    ]
    return Request(environ["REQUEST_METHOD"], _target_of(environ), Headers(fields))


def _target_of(environ: WSGIEnvironment) -> str:
    raw: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    root = quote(environ.get("SCRIPT_NAME", "").encode("latin-1"), safe=_PATH_SAFE)
    if raw:
        try:
            return origin_form(environ["REQUEST_METHOD"], raw).removeprefix(root) or "/"
        except UnreadableError:
            pass
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe=_PATH_SAFE) or "/"
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path


def _body_reader(environ: WSGIEnvironment) -> ReadBody:
    stream: Any = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH") or ""
    terminated = bool(environ.get("wsgi.input_terminated"))
    length = int(declared) if _DECIMAL(declared) else None

    def read_body(limit: int) -> Body:
        if length is None and not terminated:
            return NO_BODY
        collector = BodyCollector(limit, length or 0)
        while length is None or collector.size < length:
            try:
                piece = stream.read(PIECE if length is None else min(PIECE, length - collector.size))
            except OSError as error:
                # werkzeug's reader of chunked bodies says so of broken chunks.
                raise MalformedBodyError(str(error)) from error
            if not piece:
                break
            collector.add(piece)
        if length is not None and collector.size < length:
            raise IncompleteBodyError(f"the body ended after {collector.size} of {length} bytes")
        return collector.body()

    return read_body
