"""Path templates to one compiled pattern per method, on the raw target.

Where two templates of a method meet, the more literal one *counted from the last segment* wins: read from the
left, ``GET /hive/{hive}/key-value/{key}`` would win over ``GET /hive/{hive}/{type}/keys``. A service may have
several roots: a path that fits a more literal root belongs to that one alone, whether or not an operation is
there. Parameters are decoded when their segment has been found, never before, and HEAD is never added by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from pytest_kvfake.contract.document import Document, Operation, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Match", "Router", "percent_decoded"]

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

# The rank of a segment: the lower, the more literal.
_LITERAL, _MIXED, _NARROWED, _ONE, _REST = range(5)

# Suites ask for the same few paths again and again: so many are remembered, of so many characters at the most.
_REMEMBERED = 1_024
_REMEMBERED_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Match:
    """What a path asks for.

    Attributes:
        operation: that answers there.
        raw: its path parameters, percent-encoded as they came.
        parameters: the same, each decoded once as UTF-8; None for one that cannot be.
        key: that of them which names a key, decoded; None where there is none.
    """

    operation: Operation
    raw: Mapping[str, str]
    parameters: Mapping[str, str | None]
    key: str | None


@dataclass(frozen=True, slots=True)
class _Route:
    operation: Operation
    template: str
    rank: tuple[int, ...]
    pattern: str
    names: tuple[str, ...]
    segments: tuple[tuple[str | None, str], ...]

    def fits(self, slashes: int) -> bool:
        """Whether a path with so many slashes can be one of this route."""
        own = self.template.count("/")
        return slashes >= own if ".+" in self.pattern else slashes == own


class Router:
    """Finds the operation for a method and a raw path."""

    def __init__(self, document: Document) -> None:
        self.routes: list[_Route] = []
        for server in document.servers:
            others = _forms_before(server, document) if server.get("variables") else ""
            for operation in document.operations.values():
                for template in operation.templates:
                    full = server["url"].rstrip("/") + template
                    self.routes.append(_route(operation, full, server.get("variables", {}), others))
        self.routes.sort(key=lambda route: route.rank)
        self._by_method = {
            method: _Table([route for route in self.routes if route.operation.method == method])
            for method in dict.fromkeys(operation.method for operation in document.operations.values())
        }
        self._remembered: dict[str, dict[str, Match | None]] = {method: {} for method in self._by_method}

    def match(self, method: str, raw_path: str) -> Match | None:
        """Gives the operation that answers ``method`` at a raw path, or None."""
        remembered = self._remembered.get(method)
        if remembered is None:
            return None
        found = remembered.get(raw_path, ...)
        if found is ...:
            found = self._by_method[method].match(raw_path)
            if len(raw_path) <= _REMEMBERED_LENGTH:
                if len(remembered) >= _REMEMBERED:
                    remembered.clear()
                remembered[raw_path] = found
        return found

    def allowed(self, raw_path: str) -> tuple[str, ...]:
        """Gives the methods that have an operation at a raw path, in the document's order."""
        return tuple(method for method, table in self._by_method.items() if table.match(raw_path) is not None)

    def overlaps(self) -> list[tuple[str, str]]:
        """Gives the pairs of templates that can match one path, the winner first, for a test to look at."""
        found: list[tuple[str, str]] = []
        for table in self._by_method.values():
            for index, winner in enumerate(table.routes):
                for loser in table.routes[index + 1 :]:
                    if winner.operation is not loser.operation and _meet(winner, loser):
                        method = winner.operation.method
                        found.append((f"{method} {winner.template}", f"{method} {loser.template}"))
        return found


class _Table:
    """The routes of one method: an alternation for each number of slashes, which rules most of them out."""

    def __init__(self, routes: list[_Route]) -> None:
        self.routes = routes
        self._most = max(route.template.count("/") for route in routes)
        self._by_slashes: dict[int, _Alternation] = {}

    def match(self, raw_path: str) -> Match | None:
        slashes = min(raw_path.count("/"), self._most + 1)
        alternation = self._by_slashes.get(slashes)
        if alternation is None:
            fitting = [route for route in self.routes if route.fits(slashes)]
            alternation = self._by_slashes[slashes] = _Alternation(fitting)
        return alternation.match(raw_path)


class _Alternation:
    """Some routes, the most literal first, as one pattern."""

    def __init__(self, routes: list[_Route]) -> None:
        self._match = re.compile("|".join(f"({route.pattern})" for route in routes) or "(?!)").fullmatch
        self._targets: dict[int, tuple[Operation, tuple[tuple[str, int], ...]]] = {}
        group = 1
        for route in routes:
            self._targets[group] = (route.operation, tuple(zip(route.names, count(group + 1), strict=False)))
            group += 1 + len(route.names)

    def match(self, raw_path: str) -> Match | None:
        found = self._match(raw_path)
        if found is None:
            return None
        index = found.lastindex
        assert index is not None  # every alternative is a group that closes last
        operation, places = self._targets[index]
        raw = {name: found[group] for name, group in places}
        parameters = {name: percent_decoded(text) for name, text in raw.items()}
        return Match(operation, raw, parameters, None if operation.key is None else parameters.get(operation.key))


def _forms_before(server: Mapping[str, Any], document: Document) -> str:
    """Excludes, at the head of a pattern, the paths that fit a root which is more literal than this one."""
    first = {template.split("/")[1] for operation in document.operations.values() for template in operation.templates}
    heads = "|".join(sorted(_free(segment) for segment in first))
    forms = [
        f"{'/'.join(map(_free, other['url'].rstrip('/').split('/')))}/(?:{heads})(?![^/])"
        for other in document.servers
        if _freedom(other) < _freedom(server)
    ]
    return f"(?!{'|'.join(forms)})" if forms else ""


def _freedom(server: Mapping[str, Any]) -> tuple[int, int]:
    """The order of roots: the fewer variables and the more literal segments, the sooner."""
    segments = server["url"].strip("/").split("/")
    free = sum("{" in segment for segment in segments)
    return free, free - len(segments)


def _free(segment: str) -> str:
    return "[^/]+" if "{" in segment else re.escape(segment)


def _route(operation: Operation, template: str, variables: Mapping[str, Any], before: str) -> _Route:
    parameters = {parameter.name: parameter for parameter in operation.parameters if parameter.location == "path"}
    for name in variables:
        parameters.setdefault(name, Parameter(name, "path", required=True, schema={}))
    names: list[str] = []

    def group(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"({_parameter_pattern(parameters[found[1]])})"

    pieces = re.split(r"(\{[^{}]+\})", template)
    pattern = before + "".join(
        _PLACEHOLDER.sub(group, piece) if piece.startswith("{") else re.escape(piece) for piece in pieces
    )
    rank = tuple(_rank(segment, parameters) for segment in reversed(template.split("/")))
    segments = tuple(_segment(segment, parameters) for segment in template.split("/"))
    return _Route(operation, template, rank, pattern, tuple(names), segments)


def _parameter_pattern(parameter: Parameter) -> str:
    if parameter.segments == "rest":
        return ".+"
    if "enum" in parameter.schema:
        return "|".join(re.escape(str(value)) for value in parameter.schema["enum"])
    if parameter.schema.get("type") == "integer":
        return "-?[0-9]+"
    return "[^/]+"


def _rank(segment: str, parameters: Mapping[str, Parameter]) -> int:
    found = _PLACEHOLDER.search(segment)
    if found is None:
        return _LITERAL
    if found[0] != segment:
        return _MIXED
    parameter = parameters[found[1]]
    if parameter.segments == "rest":
        return _REST
    return _NARROWED if _parameter_pattern(parameter) != "[^/]+" else _ONE


def _meet(one: _Route, other: _Route) -> bool:
    """Whether some path fits both: tried with each template filled in so that it is nearest to the other."""
    return any(
        re.fullmatch(one.pattern, path) is not None and re.fullmatch(other.pattern, path) is not None
        for path in (*_samples(one, other), *_samples(other, one))
    )


def _samples(one: _Route, other: _Route) -> list[str]:
    """Paths of one template: with plain values, and with the other's segments where it has a free place."""
    filled = [default if literal is None else literal for literal, default in one.segments]
    samples = ["/".join(filled)]
    if len(one.segments) == len(other.segments):
        near = [
            (theirs if theirs is not None else their_default) if mine is None else mine
            for (mine, _), (theirs, their_default) in zip(one.segments, other.segments, strict=True)
        ]
        samples.append("/".join(near))
    return samples


def _segment(segment: str, parameters: Mapping[str, Parameter]) -> tuple[str | None, str]:
    """The text of a segment without a free place (else None), and a value for that place."""
    found = _PLACEHOLDER.search(segment)
    if found is None:
        return segment, segment
    if found[0] != segment:
        text = _PLACEHOLDER.sub("0", segment)
        return text, text
    return None, str(parameters[found[1]].schema.get("enum", ("0",))[0])


def percent_decoded(raw: str) -> str | None:
    """Decodes one path segment once, as UTF-8; None when an escape is broken or the bytes are not UTF-8.

    The raw text may hold bytes above 127 as the transport read them (one character a byte); they count as
    the UTF-8 bytes that they are on the wire.
    """
    if "%" not in raw and raw.isascii():
        return raw
    pieces = raw.split("%")
    if any(len(piece) < 2 or not _is_hex(piece[:2]) for piece in pieces[1:]):
        return None
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return None


def _is_hex(pair: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in pair)
