"""The reference of a service, as Markdown for people, from its contract document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_kvfake.contract.document import Document, ErrorRule, LimitRule, Operation, Parameter

__all__ = ["Reference"]

Json = Any


class Reference:
    """Everything that a contract says, as lines of Markdown.

    Each rule names its certainty: ``documented`` (the vendor's pages), ``observed`` (seen in production), ``client``
    (clients rely on it), ``inferred`` (a reasoned choice).
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    def __iter__(self) -> Iterator[str]:
        document = self._document
        info = document.raw.get("info", {})
        yield f"# {info.get('title', document.service)}"
        yield ""
        yield f"Dialect: {document.dialect}. {info.get('description', '')}".rstrip()
        yield ""
        yield from self._overview()
        for operation in document.operations.values():
            yield from self._operation(operation)
        yield from self._errors()
        yield from self._limits()

    def __str__(self) -> str:
        return "\n".join(self) + "\n"

    def _overview(self) -> Iterator[str]:
        yield "Roots: " + ", ".join(f"`{root or '/'}`" for root in self._document.roots) + "."
        yield ""
        rows = (
            (_linked(operation.name), f"`{operation.title}`", operation.raw.get("summary", ""))
            for operation in self._document.operations.values()
        )
        yield from _table(("operation", "request", ""), rows)

    def _operation(self, operation: Operation) -> Iterator[str]:
        raw, settings = operation.raw, operation.settings
        yield f"## {operation.name}"
        yield ""
        yield "  \n".join(f"`{operation.method} {template}`" for template in operation.templates)
        yield ""
        if raw.get("deprecated"):
            yield "Deprecated."
            yield ""
        yield f"{raw.get('description', raw.get('summary', ''))} {_attested(settings)}"
        yield ""
        if operation.parameters:
            rows = (self._parameter(parameter) for parameter in operation.parameters)
            yield from _table(("parameter", "in", "value", ""), rows)
        body = self._document.resolve(raw.get("requestBody", {}))
        if body:
            required = "required" if body.get("required") else "optional"
            kinds = ", ".join(f"`{kind}`" for kind in body.get("content", {}))
            yield f"Body ({required}): {kinds}. {self._body_text(body)}".rstrip()
            yield ""
        yield from _table(("status", "answer"), self._answers(operation))
        own = [rule for rule in self._document.errors_of(operation) if not rule.everywhere]
        if own:
            yield "Errors: " + ", ".join(f"{_linked(rule.name)} ({rule.status})" for rule in own) + "."
            yield ""
        for what, why in settings.get("unreachable", {}).items():
            yield f"The fake never answers `{what}` here by itself: {why}"
            yield ""

    def _parameter(self, parameter: Parameter) -> tuple[str, str, str, str]:
        name = f"`{parameter.name}`" + ("" if parameter.required else " (optional)")
        return name, parameter.location, self._value(parameter.schema), parameter.description

    def _body_text(self, body: Mapping[str, Json]) -> str:
        schemas = (self._document.resolve(media.get("schema", {})) for media in body.get("content", {}).values())
        said = [body.get("description", ""), *(schema.get("description", "") for schema in schemas)]
        return " ".join(dict.fromkeys(text for text in said if text))

    def _answers(self, operation: Operation) -> Iterator[tuple[str, str]]:
        for status, node in operation.raw.get("responses", {}).items():
            response = self._document.resolve(node)
            kinds = ", ".join(f"`{kind}`" for kind in response.get("content", {})) or "no body"
            yield status, f"{response.get('description', '')} ({kinds})"

    def _errors(self) -> Iterator[str]:
        yield "## Errors"
        yield ""
        everywhere = [rule.name for rule in self._document.errors.values() if rule.everywhere]
        if everywhere:
            yield "Every operation may answer " + ", ".join(map(_linked, everywhere)) + "."
            yield ""
        for rule in self._document.errors.values():
            yield from self._error(rule)

    def _error(self, rule: ErrorRule) -> Iterator[str]:
        yield f"### {rule.name}"
        yield ""
        code = "" if rule.code is None else f", code `{rule.code}`"
        text = "no text" if rule.message is None else f"`{rule.message}`"
        if rule.body is not None:
            text = f"not the envelope, but `{rule.body['text']}` as `{rule.body['content_type']}`"
        yield f"{rule.status}{code}: {text}"
        yield ""
        yield f"{rule.when} {_attested({'certainty': rule.certainty, 'source': rule.source})}"
        yield ""
        if rule.headers:
            yield "Headers: " + ", ".join(f"`{name}: {value}`" for name, value in rule.headers.items()) + "."
            yield ""
        for name, value in rule.more.get("members", {}).items():
            yield f"Beside them in the body: `{name}`: `{value}`."
            yield ""
        if rule.injected:
            yield "Only a fault answers it."
            yield ""

    def _limits(self) -> Iterator[str]:
        if not self._document.limits:
            return
        yield "## Limits"
        yield ""
        raw = self._document.raw["x-kvfake"]["limits"]
        rows = (self._limit(rule, raw[rule.name]) for rule in self._document.limits.values())
        yield from _table(("limit", "value", "", "beyond it", "certainty", "source"), rows)

    def _limit(self, rule: LimitRule, raw: Mapping[str, Json]) -> tuple[str, ...]:
        number = f"{rule.value:,}" if isinstance(rule.value, (int, float)) else "not documented"
        value = f"{number} {rule.unit}" + ("" if rule.per_seconds is None else f" in {rule.per_seconds:,} seconds")
        beyond = "" if rule.error is None else _linked(rule.error)
        if raw.get("enforced") is False:
            beyond += " (only by a fault)"
        return f"`{rule.name}`", value, raw.get("description", ""), beyond, rule.certainty, rule.source

    def _value(self, schema: Mapping[str, Json]) -> str:
        kind = schema.get("type", "")
        words = [" or ".join(kind) if isinstance(kind, list) else str(kind)]
        if "enum" in schema:
            words = ["one of " + ", ".join(f"`{value}`" for value in schema["enum"])]
        for name, text in _BOUNDS.items():
            if name in schema:
                words.append(text.format(schema[name]))
        return ", ".join(word for word in words if word)


_BOUNDS = {
    "const": "`{}`",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "like `{}`",
    "default": "default {}",
}


def _attested(rule: Mapping[str, Json]) -> str:
    """How certain a rule is, and who says so."""
    return f"({rule.get('certainty', 'inferred')}; {rule.get('source', '')})"


def _linked(name: str) -> str:
    return f"[{name}](#{name})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(("---",) * len(head))
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
