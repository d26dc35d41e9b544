"""How values are shown to people: on one line, shortened, credentials without their end.

What a fake receives may be a real credential: a client that was pointed at the fake by mistake, or the other way
round. Failure texts end up in the logs of other machines, so they show the first characters and no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["masked", "names_credential", "redacted_headers", "redacted_target", "shortened"]

_KEPT = 4

_SCHEME = re.compile(r"(?:Basic|Bearer|Digest|Token) +", re.IGNORECASE)

_SECRET = re.compile(
    r"auth|token|secret|password|cookie|signature|(?:api|org|access|user|service)[-_]?key", re.IGNORECASE
)

_QUERY_PAIR = re.compile(r"(?<=[?&])([^=&]+)=([^&]*)")


def shortened(text: str, limit: int = 80) -> str:
    """Gives a text of at most ``limit`` characters on one line; what is cut is cut from its middle."""
    if len(text) > limit:
        behind = limit // 3
        text = f"{text[: limit - behind - 1]}…{text[-behind:]}"
    return text if text.isprintable() else "".join(map(_printable, text))


def names_credential(name: str) -> bool:
    """Whether what has this name, a header or a query parameter, is a credential."""
    return _SECRET.search(name) is not None


def masked(credential: str) -> str:
    """Gives the first four characters of a credential, behind its scheme where it has one (``Bearer abcd…``)."""
    scheme = _SCHEME.match(credential)
    kept = (scheme.end() if scheme is not None else 0) + _KEPT
    return f"{credential[:kept]}…" if len(credential) > kept else credential


def redacted_headers(fields: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Gives header fields to be shown: credentials masked, values shortened."""
    for name, value in fields:
        yield name, shortened(masked(value) if names_credential(name) else value)


def redacted_target(target: str, limit: int = 120, parameters: Mapping[str, str | None] | None = None) -> str:
    """Gives a request target to be shown: credentials in its path and query masked, shortened.

    Args:
        target: as sent.
        limit: the characters that it may have.
        parameters: what its path holds, by name, decoded.
    """
    path, mark, query = target.partition("?")
    secrets = {value for name, value in (parameters or {}).items() if value and names_credential(name)}
    if secrets:
        path = "/".join(masked(segment) if unquote(segment) in secrets else segment for segment in path.split("/"))
    return shortened(path + _QUERY_PAIR.sub(_masked_pair, mark + query), limit)


def _masked_pair(pair: re.Match[str]) -> str:
    name, value = pair.groups()
    return f"{name}={masked(value)}" if names_credential(name) else pair[0]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
