"""The grammar of names, and the way from a request's target to one of the four shapes (registry.md 2.1, 3)."""

from __future__ import annotations

import re

from pytest_kvfake.contract.router import percent_decoded

__all__ = ["is_org_name", "is_path", "is_shaped", "normalised_path"]

_STEP = "[A-Za-z0-9_]+"
_ORG = re.compile(_STEP)
_PATH = re.compile(f"{_STEP}(?:/{_STEP})*")
_SHAPE = re.compile(rf"/{_STEP}(?:/(?:{_STEP}/)*(?:{_STEP}\.(?:data|role))?)?")
_SLASHES = re.compile("/{2,}")
_PLAIN = re.compile(r"[A-Za-z0-9_./]*")

_PREFIX = "svc"


def is_org_name(text: str) -> bool:
    """Whether an org can have this name."""
    return _ORG.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Whether a data item or role can be at this path below its org; the ending is not part of it."""
    return _PATH.fullmatch(text) is not None


def is_shaped(path: str) -> bool:
    """Whether a whole path is an org, a directory, a data item or a role."""
    return _SHAPE.fullmatch(path) is not None


def normalised_path(path: str, *, keep_prefix: bool) -> str:
    """Gives the path of a target as the service reads it.

    Runs of slashes count as one, because the vendor's client sends ``/svc//org//path``. Escapes are decoded where
    names may have what they stand for; with any other escape the path stays as it is, and so has no shape. An
    escaped slash is one of these: it separates nothing.

    Args:
        path: as sent, without its query.
        keep_prefix: an org is named like the prefix of the vendor's client.
    """
    if "//" in path:
        path = _SLASHES.sub("/", path)
    first, slash, rest = path[1:].partition("/")
    if first == _PREFIX and not keep_prefix:
        path = slash + rest or "/"
    if "%" in path and "%2f" not in path.lower():
        decoded = percent_decoded(path)
        if decoded is not None and _PLAIN.fullmatch(decoded):
            path = decoded
    return path
