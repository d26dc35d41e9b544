"""Contract cases as data: reads ``schemas/<service>/cases.json`` and runs one case against anything that answers.

The runner knows no service and no case. What it runs against is a `Target`: our fake over a socket, in process,
or a live endpoint.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_kvfake.contract.document import DIALECTS, Document, fill, overlaid, pointed, schemas_folder
from pytest_kvfake.contract.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Answer", "Case", "Sent", "Target", "filled", "load_cases", "run"]

Json = Any

_NAME = re.compile(r"\{\{|\}\}|\{repeat:(.*?):(\d+)\}|\{([A-Z][A-Z0-9_]*)\}")
_ORIGIN = re.compile(r"https?://[^/]+")
_BOUNDARY = "----kvfake-case-boundary"


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a case file, with the file's names and defaults.

    Attributes:
        id: for example ``cloudflare-042``.
        title: what it shows, in a sentence.
        source: where the contract says so.
        certainty: ``documented``, ``observed``, ``client`` or ``inferred``.
        dialects: those in which it holds.
        needs: what only our own fake can arrange.
        client: whose requests the steps are, ``name`` and ``calls``; None where they are nobody's in particular.
        raw: the case as it stands in the file.
        names: what its placeholders stand for.
        defaults: clock, headers and given of the file.
    """

    id: str
    title: str
    source: str
    certainty: str
    dialects: tuple[str, ...]
    needs: tuple[str, ...]
    client: Mapping[str, Json] | None
    raw: Mapping[str, Json]
    names: Mapping[str, Json]
    defaults: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a case, ready to go."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Target(Protocol):
    """Something that a case can be run against."""

    def arrange(self, given: Mapping[str, Json], clock: float | None, names: Mapping[str, str]) -> Mapping[str, str]:
        """Puts the givens in place; says what their names stand for, where that is not what ``names`` says."""

    def send(self, request: Sent) -> Answer:
        """Sends one request."""

    def advance(self, seconds: float) -> None:
        """Moves the clock."""

    def fault(self, described: Mapping[str, Json]) -> None:
        """Arms a fault."""

    def differences(self, then: Mapping[str, Json], names: Mapping[str, str]) -> list[str]:
        """Says where the state is not what the case expects at its end."""


def load_cases(service: str) -> list[Case]:
    """Gives the cases of a service, in the file's order; none where there is no file."""
    path = schemas_folder() / service / "cases.json"
    if not path.is_file():
        return []
    file = json.loads(path.read_text(encoding="utf-8"))
    return [
        Case(
            id=raw["id"],
            title=raw["title"],
            source=raw["source"],
            certainty=raw["certainty"],
            dialects=tuple(raw.get("dialects", DIALECTS)),
            needs=tuple(raw.get("needs", ())),
            client=raw.get("client"),
            raw=raw,
            names=file.get("names", {}),
            defaults=file.get("defaults", {}),
        )
        for raw in file["cases"]
    ]


def run(case: Case, target: Target, document: Document) -> list[str]:
    """Runs one case.

    Args:
        case: what to run.
        target: against what.
        document: the contract in the dialect that the target speaks.

    Returns:
        What was not as expected, in sentences; empty when all was.
    """
    return list(_Run(case, target, document).problems())


def filled(value: Json, names: Mapping[str, Json]) -> Json:
    """Puts what names stand for into every text of a JSON value, as the case files have it."""
    if isinstance(value, str):
        whole = _NAME.fullmatch(value)
        if whole is not None and whole[3] in names:
            return names[whole[3]]
        return _NAME.sub(lambda found: _replaced(found, names), value)
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, dict):
        return {filled(name, names): filled(item, names) for name, item in value.items()}
    return value


class _Run:
    def __init__(self, case: Case, target: Target, document: Document) -> None:
        self.case = case
        self.target = target
        self.document = document
        self.router = Router(document)
        self.names: dict[str, Json] = {
            name: value[document.dialect] if _by_dialect(value) else value for name, value in case.names.items()
        }
        for _ in self.names:  # names may stand in names, as deep as there are names
            self.names = {name: self.filled(value) for name, value in self.names.items()}

    def problems(self) -> Iterator[str]:
        raw, defaults = overlaid(self.case.raw, self.document.dialect), self.case.defaults
        given = self.filled({**defaults.get("given", {}), **raw.get("given", {})})
        clock = given.pop("clock", defaults.get("clock"))
        self.names.update(self.target.arrange(given, clock, self.ids))
        for number, step in enumerate(raw["steps"], 1):
            if "advance" in step:
                self.target.advance(step["advance"])
            elif "fault" in step:
                self.target.fault(self.filled(step["fault"]))
            else:
                for value in step.get("for", [None] * step.get("times", 1)):
                    shown = "" if value is None else f" for {value!r}"
                    for problem in self.exchange(step, value):
                        yield f"step {number}{shown}: {problem}"
        if "then" in raw:
            yield from self.target.differences(self.filled(raw["then"]), self.ids)

    @property
    def ids(self) -> dict[str, str]:
        return {name: value for name, value in self.names.items() if isinstance(value, str)}

    def exchange(self, step: Mapping[str, Json], each: Json) -> Iterator[str]:
        if each is not None:
            self.names["EACH"] = each
        request = self.request(step["request"])
        if "at_once" in step:
            yield from self.at_once(step["at_once"], request)
            return
        answer = self.target.send(request)
        problems = list(self.unmet(step["expect"], request, answer))
        if problems:
            came = f"{answer.status} {dict(answer.headers)} {answer.body[:300]!r}"
            yield f"{request.method} {request.target[:200]}: {'; '.join(problems)}. Came: {came}"
        for name, place in step.get("save", {}).items():
            self.names[name] = _saved(place, answer)

    def at_once(self, expected: list[Mapping[str, Json]], request: Sent) -> Iterator[str]:
        with ThreadPoolExecutor(len(expected)) as pool:
            answers = list(pool.map(self.target.send, [request] * len(expected)))
        for order in itertools.permutations(answers):
            if not any(any(self.unmet(one, request, answer)) for one, answer in zip(expected, order, strict=True)):
                return
        came = "; ".join(f"{answer.status} {answer.body[:300]!r}" for answer in answers)
        yield f"{request.method} {request.target[:200]}, {len(expected)} times at once: not as expected. Came: {came}"

    def request(self, raw: Mapping[str, Json]) -> Sent:
        headers: dict[str, str] = {}
        for name, value in {**self.case.defaults.get("headers", {}), **raw.get("headers", {})}.items():
            headers = {known: text for known, text in headers.items() if known.lower() != name.lower()}
            if value is not None:
                headers[name] = self.filled(value)
        content_type, body = self.body(raw.get("body"))
        if content_type is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = content_type
        target = self.filled(raw["target"])
        origin = _ORIGIN.match(target)  # of a URL that an answer gave
        target = target if origin is None else target[origin.end() :]
        return Sent(self.filled(raw["method"]), target, tuple(headers.items()), body, raw.get("chunked", False))

    def body(self, raw: Mapping[str, Json] | None) -> tuple[str | None, bytes]:
        if raw is None:
            return None, b""
        if "json" in raw:
            return "application/json", json.dumps(self.filled(raw["json"]), ensure_ascii=False).encode()
        if "json_list" in raw:
            template, count = raw["json_list"]["of"], raw["json_list"]["count"]
            items = []
            for index in range(count):
                self.names["I"] = str(index)
                items.append(self.filled(template))
            return "application/json", json.dumps(items).encode()
        if "multipart" in raw:
            return f"multipart/form-data; boundary={_BOUNDARY}", self.multipart(raw["multipart"])
        return None, self.octets(raw)

    def octets(self, raw: Mapping[str, Json]) -> bytes:
        if "base64" in raw:
            return base64.b64decode(raw["base64"])
        if "repeat" in raw:
            text, count = raw["repeat"]
            return str(text).encode() * int(count)
        return str(self.filled(raw["text"])).encode()

    def multipart(self, parts: list[Mapping[str, Json]]) -> bytes:
        pieces = []
        for part in parts:
            filename = f'; filename="{part["filename"]}"' if "filename" in part else ""
            head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{part["name"]}"{filename}\r\n'
            kind = f"Content-Type: {part['type']}\r\n" if "type" in part else ""
            pieces.append((head + kind + "\r\n").encode() + self.octets(part) + b"\r\n")
        return b"".join(pieces) + f"--{_BOUNDARY}--\r\n".encode()

    def filled(self, value: Json) -> Json:
        return filled(value, self.names)

    def unmet(self, expect: Mapping[str, Json], request: Sent, answer: Answer) -> Iterator[str]:
        expected = expect.get("status")
        if expected is not None and not _status_fits(expected, answer.status):
            yield f"status {expected} expected"
        for name, value in expect.get("headers", {}).items():
            actual = answer.headers.get(name.lower())
            wanted = self.filled(value)
            if isinstance(wanted, dict):
                if actual is None or not re.search(wanted["pattern"], actual):
                    yield f"header {name} like {wanted['pattern']} expected, not {actual!r}"
            elif actual != wanted:
                yield f"header {name}: {wanted!r} expected, not {actual!r}"
        if "error" in expect:
            yield from self.error_unmet(expect["error"], request, answer)
        for kind, value in expect.get("body", {}).items():
            problem = self.body_unmet(kind, value, answer)
            if problem is not None:
                yield problem

    def error_unmet(self, expected: Json, request: Sent, answer: Answer) -> Iterator[str]:
        described = {"name": expected} if isinstance(expected, str) else expected
        rule = self.document.errors[described["name"]]
        if answer.status != rule.status:
            yield f"error {rule.name} has status {rule.status}"
        sent = answer.headers.get("content-type")
        if rule.body is not None:
            if answer.body != rule.body["text"].encode():
                yield f"error {rule.name} has the body {rule.body['text']!r}"
            if _media_type(sent) != _media_type(rule.body["content_type"]):
                yield f"error {rule.name} is {rule.body['content_type']}, not {sent}"
            return
        if self.document.envelope and answer.body and _media_type(sent) != "application/json":
            yield f"error {rule.name} is application/json, not {sent}"
        body = _json(answer.body) if answer.body else None
        code, message = (pointed(body, self.document.envelope.get(part)) for part in ("code", "message"))
        if code != rule.code:
            yield f"error {rule.name} has code {rule.code!r}, not {code!r}"
        match = self.router.match(request.method, request.target.partition("?")[0])
        verb = match.operation.settings.get("verb", "") if match is not None else ""
        values = {"verb": verb, "method": request.method, **self.filled(described.get("values", {}))}
        if rule.message is not None and not _fits_template(fill(rule.message, values), str(message)):
            yield f"error {rule.name} says {fill(rule.message, values)!r}, not {message!r}"

    def body_unmet(self, kind: str, value: Json, answer: Answer) -> str | None:
        checks: Mapping[str, Callable[[], bool]] = {
            "json": lambda: _matches(self.filled(value), _json(answer.body), exact=True),
            "contains": lambda: _matches(self.filled(value), _json(answer.body), exact=False),
            "bytes": lambda: answer.body == str(self.filled(value)).encode(),
            "base64": lambda: answer.body == base64.b64decode(value),
            "repeat": lambda: answer.body == str(value[0]).encode() * int(value[1]),
            "empty": lambda: (not answer.body) is bool(value),
            "text_contains": lambda: str(self.filled(value)) in answer.body.decode("utf-8", "replace"),
            "not_envelope": lambda: not isinstance(_json(answer.body), dict),
            "zip": lambda: (
                _unzipped(answer.body) == [(name, text.encode()) for name, text in self.filled(value).items()]
            ),
        }
        return (
            None
            if checks[kind]()
            else f"body {kind} {json.dumps(self.filled(value), ensure_ascii=False)[:300]} expected"
        )


def _replaced(found: re.Match[str], names: Mapping[str, Json]) -> str:
    if found[0] in {"{{", "}}"}:
        return found[0][0]
    if found[2] is not None:
        return found[1] * int(found[2])
    known = names.get(found[3])
    return found[0] if known is None else str(known)


def _by_dialect(value: Json) -> bool:
    return isinstance(value, dict) and set(value) == set(DIALECTS)


def _status_fits(expected: Json, status: int) -> bool:
    if isinstance(expected, str):
        return expected[0] == str(status)[0]
    return status in expected if isinstance(expected, list) else bool(status == expected)


def _matches(expected: Json, actual: Json, *, exact: bool) -> bool:
    if isinstance(expected, dict):
        if "$any" in expected:
            return True
        if "$pattern" in expected:
            return isinstance(actual, str) and re.fullmatch(expected["$pattern"], actual, re.DOTALL) is not None
        if not isinstance(actual, dict) or (exact and set(expected) != set(actual)):
            return False
        return all(name in actual and _matches(item, actual[name], exact=exact) for name, item in expected.items())
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(expected) != len(actual):
            return False
        return all(_matches(one, other, exact=exact) for one, other in zip(expected, actual, strict=True))
    return type(expected) is type(actual) and bool(expected == actual)


def _fits_template(template: str, text: str) -> bool:
    """Whether a text is the template's, where what is still a placeholder stands for anything."""
    parts = re.split(r"\{[a-z_]+\}", template)
    return re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _json(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return f"no JSON: {body[:80]!r}"


def _unzipped(body: bytes) -> list[tuple[str, bytes]] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except zipfile.BadZipFile:
        return None


def _saved(place: str, answer: Answer) -> Json:
    if place.startswith("header:"):
        return answer.headers.get(place.removeprefix("header:").lower())
    return pointed(_json(answer.body), place)
