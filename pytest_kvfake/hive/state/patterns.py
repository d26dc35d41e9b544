"""The patterns of a key listing: the globs of Redis, which differ from a shell's (hive.md 6.1, 0a.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["matcher"]


def matcher(pattern: str) -> Callable[[str], object]:
    """Gives what tells whether a whole key fits a pattern.

    ``*`` stands for any text, ``?`` for any character, ``[a-z]`` for one of these, ``[^a-z]`` for none of these;
    a backslash takes the next character literally. A bracket that is never closed ends with the pattern.
    """
    pieces = _pieces(pattern)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL).fullmatch
    first, *middle, last = pieces
    # Each piece between two stars takes its first place for good: a lookahead with a back reference never tries
    # another, so no pattern is slow.
    found = "".join(f"(?=(.*?{piece}))\\{number}" for number, piece in enumerate(filter(None, middle), 1))
    return re.compile(f"{first}{found}.*{last}", re.DOTALL).fullmatch


def _pieces(pattern: str) -> list[str]:
    """The regular expressions of what stands before, between and behind the stars."""
    pieces = [""]
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "[":
            one, place = _one_of(pattern, place)
            pieces[-1] += one
        else:
            if character == "\\" and place < len(pattern):
                character = pattern[place]
                place += 1
            pieces[-1] += re.escape(character)
    return pieces


def _one_of(pattern: str, place: int) -> tuple[str, int]:
    """The regular expression of a bracket whose inside begins at a place, and the place behind it."""
    negated = pattern[place : place + 1] == "^"
    place += negated
    inside = ""
    while place < len(pattern) and pattern[place] != "]":
        if pattern[place] == "\\" and place + 1 < len(pattern):
            inside += re.escape(pattern[place + 1])
            place += 2
        elif pattern[place + 1 : place + 2] == "-" and place + 2 < len(pattern):
            low, high = sorted((pattern[place], pattern[place + 2]))
            inside += f"{re.escape(low)}-{re.escape(high)}"
            place += 3
        else:
            inside += re.escape(pattern[place])
            place += 1
    if not inside:
        return ("." if negated else "(?!)"), place + 1
    return f"[{'^' if negated else ''}{inside}]", place + 1
