"""The globs of a key listing beside a plain matcher that tries everything."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_kvfake.hive.state.patterns import matcher


def fits(pattern: str, text: str) -> bool:
    """Redis's stringmatchlen, read aloud, on characters."""
    if not pattern:
        return not text
    head = pattern[0]
    if head == "*":
        return any(fits(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    if not text:
        return False
    if head == "?":
        return fits(pattern[1:], text[1:])
    if head == "[":
        inside, rest = bracket(pattern[1:])
        return inside(text[0]) and fits(rest, text[1:])
    if head == "\\" and len(pattern) > 1:
        pattern = pattern[1:]
    return pattern[0] == text[0] and fits(pattern[1:], text[1:])


def bracket(pattern: str):
    negated = pattern.startswith("^")
    pattern = pattern[negated:]
    ranges = []
    while pattern and pattern[0] != "]":
        if pattern[0] == "\\" and len(pattern) > 1:
            ranges.append((pattern[1], pattern[1]))
            pattern = pattern[2:]
        elif len(pattern) > 2 and pattern[1] == "-":
            ranges.append((min(pattern[0], pattern[2]), max(pattern[0], pattern[2])))
            pattern = pattern[3:]
        else:
            ranges.append((pattern[0], pattern[0]))
            pattern = pattern[1:]
    return lambda one: any(low <= one <= high for low, high in ranges) is not negated, pattern[1:]


LETTERS = "ab*?[]^-\\é\n"


@settings(max_examples=400, deadline=None)
@given(pattern=st.text(LETTERS, max_size=9), text=st.text("ab]-^*é\n", max_size=7))
def test_a_pattern_fits_what_redis_says_it_fits(pattern, text):
    assert bool(matcher(pattern)(text)) is fits(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("leaderboard1*_new_york", "leaderboard1_2022_new_york", True),
        ("leaderboard1*_new_york", "leaderboard1_2022_new_york_old", False),
        ("h[ae]llo", "hallo", True),
        ("h[^e]llo", "hello", False),
        ("h[a-b]llo", "hbllo", True),
        ("h[b-a]llo", "hbllo", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_samples(pattern, key, expected):
    assert bool(matcher(pattern)(key)) is expected


def test_no_pattern_is_slow():
    # a matcher that tries every place for every star would not end in this life
    assert not matcher("*a" * 40 + "b")("a" * 3000)


def test_patterns_of_any_length_can_be_read():
    assert matcher("[" * 2000 + re.escape("*") * 500) is not None
