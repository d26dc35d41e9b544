"""Hypothesis strategies for what a service takes as keys and values, from its contract.

::

    from hypothesis import given
    from pytest_kvfake import strategies

    @given(strategies.keys("cloudflare"), strategies.values("cloudflare"))
    def test_a_value_comes_back(key, value): ...

Everything that is drawn keeps the documented limits and patterns; the longest and the oddest are drawn often. This is
the only module that imports Hypothesis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.contract.document import Document, Parameter, load
from pytest_kvfake.errors import UnknownOperationError, UsageError, did_you_mean

try:
    from hypothesis import strategies as st
except ImportError as missing:
    raise ImportError("pytest_kvfake.strategies needs Hypothesis: pip install hypothesis") from missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = ["json_values", "keys", "values"]

_LARGEST = 10_000

# Each has been somebody's bug: separators, escapes, dots, blanks, case, other scripts, what looks like a route.
_ODD = (
    "a/b", "/a", "a/", "//", "a%2Fb", "%", "100%", "%zz", "a+b", "a b", " ", "a?b", "a#b", "a&b=c", "...", "a/../b",
    "é", "e\u0301", "ß", "İ", "日本", "😀", "\u200b", "\x00", "\x7f", "\n", '"', "'", "\\", "<b>", "~", "keys",
    "values", "bulk", "null", "__proto__", "A", "a", "0", "-1",
)  # fmt: skip

_CHARACTERS = st.characters(exclude_categories=["Cs"])


def keys(service: str, *, operation: str | None = None) -> SearchStrategy[str]:
    """Gives keys that a service takes, decoded: percent-encode them for a path.

    Args:
        service: such as ``cloudflare``.
        operation: whose key is meant, where operations name different things (Registry's items and roles); the
            first operation that has a key unless given.

    Raises:
        UsageError: the service or the operation has no key.
        ContractError: there is no such service.
    """
    document = load(service)
    schema = _key_parameter(document, operation).schema
    longest = schema.get("maxLength", 200)
    limit = next((rule.value for rule in document.limits.values() if rule.of == "key"), None)

    def fits(key: str) -> bool:
        return (
            schema.get("minLength", 1) <= len(key) <= longest
            and key not in schema.get("not", {}).get("enum", ())
            and (limit is None or len(key.encode("utf-8")) <= limit)
        )

    if "pattern" in schema:
        return st.from_regex(str(schema["pattern"]), fullmatch=True).filter(fits)
    text = st.text(_CHARACTERS, min_size=1, max_size=min(longest, 40))
    edges = ["a" * longest, *(["é" * (limit // 2)] if limit is not None else [])]
    return st.one_of(text, st.sampled_from(_ODD), st.sampled_from(edges)).filter(fits)


def values(service: str, *, max_size: int = _LARGEST) -> SearchStrategy[Any]:
    """Gives values that a service takes: bytes, or anything that JSON can say where the service stores JSON.

    Args:
        service: such as ``cloudflare``.
        max_size: most bytes of a value; the documented limit holds beside it.

    Raises:
        ContractError: there is no such service.
    """
    document = load(service)
    if _stores_json(document):
        return json_values()
    limit = min([max_size, *(rule.value for rule in document.limits.values() if rule.of == "value")])
    small, odd = st.binary(max_size=min(limit, 40)), (b"", b"\x00", b"\xff\xfe", b"{}", b"null", b"\r\n", b"--x\r\n")
    sizes = st.integers(0, limit)
    return st.one_of(
        small,
        st.sampled_from([value for value in odd if len(value) <= limit]),
        sizes.map(lambda size: b"0123456789abcdef" * (size // 16) + b"." * (size % 16)),
        st.just(limit).map(lambda size: b"\xa5" * size),
    )


def json_values(*, max_leaves: int = 10) -> SearchStrategy[Any]:
    """Gives anything that JSON can say and every service takes: no NaN, no half surrogate pairs."""
    text = st.text(_CHARACTERS, max_size=20)
    number = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.recursive(
        st.none() | st.booleans() | number | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=max_leaves,
    )


def _key_parameter(document: Document, name: str | None) -> Parameter:
    if name is not None and name not in document.operations:
        raise UnknownOperationError(
            f"{document.service} has no operation {name!r}.{did_you_mean(name, document.operations)}"
        )
    for operation in document.operations.values():
        if operation.key is not None and name in {None, operation.name}:
            return next(parameter for parameter in operation.parameters if parameter.name == operation.key)
    raise UsageError(f"{name or document.service} has no key.")


def _stores_json(document: Document) -> bool:
    """Whether what a key is written with is JSON and nothing else."""
    for operation in document.operations.values():
        body: Mapping[str, Any] = document.resolve(operation.raw.get("requestBody", {}))
        if operation.key is not None and operation.changes and body.get("content"):
            return set(body["content"]) == {"application/json"}
    return False
