"""What a person should know about a request that missed: the nearest documented operation, and what differed.

It only writes notes into the journal; it never changes what the service answers.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_kvfake.contract.document import Document
    from pytest_kvfake.contract.router import Router
    from pytest_kvfake.engine.messages import Request

__all__ = ["nearest_operation", "wrong_credentials"]

# Below this likeness a path has nothing to do with a template.
_LIKE = 0.4


def nearest_operation(router: Router, request: Request) -> str:
    """Gives the documented operation that is nearest to a request that met none, and what differs."""
    method, path = request.method, request.path
    allowed = router.allowed(path)
    if allowed:
        found = [router.match(other, path) for other in allowed]
        known = ", ".join(f"{match.operation.method} is {match.operation.name}" for match in found if match is not None)
        return f"no operation has the method {method} here; {known}"
    segments = path.split("/")
    score, best = max(
        ((_likeness(segments, route.template.split("/")), route) for route in router.routes),
        key=lambda scored: (scored[0], scored[1].operation.method == method),
    )
    if score < _LIKE:
        return "no documented path is near; is the base URL the one of kv.url?"
    differs = _first_difference(segments, best.template.split("/"))
    return f"nearest is {best.operation.name}, {best.operation.method} {best.template}; {differs}"


def wrong_credentials(document: Document, request: Request) -> str | None:
    """Says when the Authorization header has another form than the documented schemes; None when it fits."""
    schemes = document.raw.get("components", {}).get("securitySchemes", {}).values()
    sent = request.headers.get("authorization")
    if sent is None:
        return None
    words = {scheme["scheme"].lower() for scheme in schemes if scheme.get("type") == "http"}
    bare = any(scheme.get("in") == "header" and scheme.get("name", "").lower() == "authorization" for scheme in schemes)
    first, _, rest = sent.partition(" ")
    if words and first.lower() not in words:
        return f"the Authorization header begins with {first!r}; documented is {' or '.join(sorted(words))}"
    if not words and bare and rest and first.lower() in {"bearer", "basic", "token"}:
        return f"the Authorization header begins with {first!r}; documented is the bare key"
    return None


def _likeness(segments: list[str], template: list[str]) -> float:
    # Both begin with the empty text before the first slash, which says nothing.
    return SequenceMatcher(None, _literals(segments, template)[1:], template[1:], autojunk=False).ratio()


def _literals(segments: list[str], template: list[str]) -> list[str]:
    """The segments, with those that stand where the template is free put as the template has them."""
    return [
        free if free is not None and free.startswith("{") and segment else segment
        for segment, free in zip(segments, [*template, *[None] * len(segments)], strict=False)
    ]


def _first_difference(segments: list[str], template: list[str]) -> str:
    for number, (segment, expected) in enumerate(zip(segments, template, strict=False)):
        if not expected.startswith("{") and segment != expected:
            return f"segment {number} is {segment!r} where {expected!r} is expected"
    if len(segments) < len(template):
        return f"the path ends before {'/'.join(template[len(segments) :])!r}"
    if len(segments) > len(template):
        return f"{'/'.join(segments[len(template) :])!r} is too much"
    return "an identifier is empty or of another form"
