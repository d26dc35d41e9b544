"""Watches both sides of every exchange and collects what the contract does not allow."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pytest_kvfake.contract.validation import Violation, check_answer, check_request
from pytest_kvfake.engine import codecs
from pytest_kvfake.engine.messages import Headers, Request, is_bodyless
from pytest_kvfake.engine.multipart import boundary_of, fields_of
from pytest_kvfake.errors import ContractViolationError, OptionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.contract.document import Document, Operation
    from pytest_kvfake.engine.exchange import Exchange

__all__ = ["CHECK_ANSWERS_VARIABLE", "STRICT_MODES", "Conformance", "Strict"]

Strict = Literal["off", "warn", "error"]
STRICT_MODES = ("off", "warn", "error")

CHECK_ANSWERS_VARIABLE = "KVFAKE_CHECK_ANSWERS"
"""Set to ``1``, every answer of every fake is held against the contract, whole; our own suite does so."""

_LARGEST_BODY = 1 << 20

# So many requests without a violation are remembered.
_REMEMBERED = 256


class Conformance:
    """What the contract says about the exchanges of one fake: ``kv.conformance``.

    Attributes:
        strict: ``off``, ``warn`` or ``error``: what ``verify()`` makes of violations.
        answers: whether the fake's own answers are checked too.
    """

    def __init__(self, document: Document, strict: str = "warn") -> None:
        """Raises `OptionError` for a mode that does not exist."""
        if strict not in STRICT_MODES:
            raise OptionError(f"strict cannot be {strict!r}.{did_you_mean(strict, STRICT_MODES)}")
        self.strict: str = strict
        self.answers = os.environ.get(CHECK_ANSWERS_VARIABLE, "") not in {"", "0"}
        self._thorough = self.answers
        self._document = document
        self._found: list[Violation] = []
        self._unread: dict[int, Exchange] = {}
        # Heads without a body and without a violation, by operation and target. Who asks again sends the same head, for
        # which transport and router give the same objects: then there is nothing to check.
        self._flawless: dict[tuple[str | None, str], tuple[Headers, Mapping[str, str | None]]] = {}
        self._expected = 0
        self._lock = threading.Lock()

    def is_flawless(self, exchange: Exchange) -> bool:
        """Whether a request like this one has been checked, and answers are not: then there is nothing to watch."""
        request = exchange.request
        known = self._flawless.get((exchange.operation, request.target))
        return (
            known is not None
            and known[0] is request.headers
            and known[1] is exchange.parameters
            and not request.body_size
            and not self.answers
        )

    def watch(self, exchange: Exchange) -> None:
        """Remembers an exchange that has been decided, to be checked when somebody looks."""
        exchange.watch(self._check)
        if self.strict != "off" or self.answers:
            self._unread[exchange.number] = exchange

    def read(self) -> None:
        """Checks everything that has not been checked yet."""
        for number in list(self._unread):  # requests go on meanwhile
            exchange = self._unread.pop(number, None)
            if exchange is not None:
                self._collect(exchange)

    def dropped(self, exchange: Exchange) -> None:
        """Checks an exchange that has left the journal."""
        if self._unread.pop(exchange.number, None) is not None:
            self._collect(exchange)

    def take(self) -> list[Violation]:
        """Gives all violations found since the last call, and forgets them."""
        self.read()
        with self._lock:
            found, self._found = self._found, []
        return found

    @contextmanager
    def expect_violation(self, count: int = 1) -> Iterator[list[Violation]]:
        """For tests that mean it: the block has to bring at least ``count`` violations, which then do not count.

        Yields:
            A list that holds the violations once the block has ended.

        Raises:
            ContractViolationError: there were fewer.
        """
        before = self.take()
        expected: list[Violation] = []
        try:
            yield expected
        finally:  # the client's error for what was refused may leave the block
            expected += self.take()
            with self._lock:
                self._found = before + self._found
        if len(expected) < count:
            raise ContractViolationError(
                f"At least {count} contract violation(s) were expected in this block, {len(expected)} came."
            )

    def _collect(self, exchange: Exchange) -> None:
        violations = exchange.violations
        if violations:
            refused = exchange.status is not None and 400 <= exchange.status < 500
            counted = [v for v in violations if v.side == "answer" or self.strict == "error" or not refused]
            with self._lock:
                self._found += counted

    def _check(self, exchange: Exchange) -> list[Violation]:
        found: list[Violation] = []
        operation = self._document.operations.get(exchange.operation or "")
        if operation is not None and self.strict != "off":
            found += self._check_request(operation, exchange)
        response = exchange.response
        if self.answers and response is not None and exchange.by_service:
            found += check_answer(
                self._document,
                operation,
                status=response.status,
                headers=response.headers,
                body=response.body,
                error=exchange.error,
                bodyless=is_bodyless(exchange.request.method, response.status) or response.stream is not None,
                injected=exchange.injected,
                thorough=self._thorough,
            )
        return found

    def _check_request(self, operation: Operation, exchange: Exchange) -> list[Violation]:
        request = exchange.request
        if request.body_size:
            if request.body_size > len(request.body) or (len(request.body) > _LARGEST_BODY and not self._thorough):
                return []
            return self._request_violations(operation, exchange)
        if self.is_flawless(exchange):  # by now
            return []
        found = self._request_violations(operation, exchange)
        if not found:
            if len(self._flawless) >= _REMEMBERED:
                self._flawless.clear()
            self._flawless[exchange.operation, request.target] = (request.headers, exchange.parameters)
        return found

    def _request_violations(self, operation: Operation, exchange: Exchange) -> list[Violation]:
        request = exchange.request
        media_type, body = _decoded_body(request, operation)
        return check_request(
            self._document,
            operation,
            path=exchange.parameters,
            query=request.query,
            headers=request.headers,
            media_type=media_type,
            body=body,
            thorough=self._thorough,
        )


def _decoded_body(request: Request, operation: Operation) -> tuple[str | None, Any]:
    """The media type and the body as the document's schemas see it; bytes where it cannot be decoded."""
    sent = request.headers.get("content-type", "")
    media_type = sent.partition(";")[0].strip().lower()
    if (
        not request.body
        and request.headers.get("content-length", "0") == "0"
        and "transfer-encoding" not in request.headers
    ):
        return None, b""
    data = _without_coding(request)
    if media_type == "multipart/form-data":
        boundary = boundary_of(sent)
        try:
            parts = fields_of(data, boundary) if boundary is not None else {}
        except ValueError:
            return media_type, data
        described = operation.raw.get("requestBody", {}).get("content", {}).get(media_type, {})
        return media_type, {name: _field(part, described.get("encoding", {}).get(name)) for name, part in parts.items()}
    if media_type == "application/json" or media_type.endswith("+json"):
        try:
            return media_type, json.loads(data)
        except (ValueError, RecursionError):
            return media_type, data
    return media_type or "application/octet-stream", data


def _without_coding(request: Request) -> bytes:
    coding = request.headers.get("content-encoding", "").lower()
    plain = codecs.decoded(request.body, coding) if coding in codecs.CODINGS else None
    return request.body if plain is None else plain


def _field(part: bytes, encoding: dict[str, Any] | None) -> Any:
    text = part.decode("utf-8", "replace")
    if encoding is not None and encoding.get("contentType") == "application/json":
        try:
            return json.loads(part)
        except ValueError:
            return text
    return text
