"""The sorted-set store: each value once, with a score (hive.md 10). Equal scores are ordered by the value's text."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_kvfake.hive.state.bucket import Bucket
from pytest_kvfake.hive.state.draws import chosen
from pytest_kvfake.hive.state.lists import between
from pytest_kvfake.hive.texts import JsonText, compact, finite, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["DUPLICATES", "RESULTS", "UPDATES", "Pair", "ScoreRange", "Scores", "SortedSetStore"]

DUPLICATES = ("OnlyUpdate", "AlwaysAdd")
UPDATES = ("Greater", "Less")
RESULTS = ("NewAdded", "TotalChanged")

Pair = tuple[float, JsonText]
"""Score and value, in the order of the wire."""


class Scores:
    """Values with their scores; never changed.

    Attributes:
        by_value: the scores.
    """

    def __init__(self, by_value: Mapping[JsonText, float]) -> None:
        self.by_value = by_value

    @cached_property
    def ranked(self) -> list[Pair]:
        """All pairs, the lowest score first; worked out when somebody asks for an order."""
        return sorted((score, value) for value, score in self.by_value.items())

    def __len__(self) -> int:
        return len(self.by_value)


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Scores between two ends.

    Attributes:
        low: the lower end; None: there is none.
        high: the upper end; None: there is none.
        without_low: the lower end does not belong to it.
        without_high: the upper end does not belong to it.
    """

    low: float | None = None
    high: float | None = None
    without_low: bool = False
    without_high: bool = False

    def of(self, ranked: Sequence[Pair]) -> slice:
        """Gives where its pairs lie among all."""
        start, stop = 0, len(ranked)
        if self.low is not None:
            start = (bisect_right if self.without_low else bisect_left)(ranked, self.low, key=_score)
        if self.high is not None:
            stop = (bisect_left if self.without_high else bisect_right)(ranked, self.high, key=_score)
        return slice(start, max(start, stop))


_NONE = Scores({})


class SortedSetStore(Bucket[Scores]):
    """Keys with a sorted set each."""

    __slots__ = ()

    def scores(self, key: str, now: float) -> Scores:
        """Gives the whole of a sorted set."""
        return self.use(key, now) or _NONE

    def add(
        self,
        key: str,
        items: Iterable[Pair],
        now: float,
        *,
        duplicates: str | None = None,
        update: str | None = None,
        result: str = "NewAdded",
    ) -> int:
        """Adds values, or changes the scores of those that are there; the last of several namesakes counts.

        Args:
            key: of the sorted set.
            items: scores and values.
            now: seconds since the epoch.
            duplicates: ``OnlyUpdate`` adds nothing, ``AlwaysAdd`` changes nothing; None does both.
            update: ``Greater`` or ``Less``: only such a score replaces one that is there.
            result: ``NewAdded`` or ``TotalChanged``.

        Returns:
            How many values are new; with ``TotalChanged``, how many are new or have another score.
        """
        before = self.scores(key, now).by_value
        after = dict(before)
        for score, value in items:
            current = after.get(value)
            if current is None:
                if duplicates != "OnlyUpdate":
                    after[value] = score
            elif duplicates != "AlwaysAdd" and _may_replace(current, score, update):
                after[value] = score
        self.change(key, Scores(after), now)
        if result == "NewAdded":
            return len(after) - len(before)
        return sum(before.get(value) != score for value, score in after.items())

    def increment(self, key: str, value: JsonText, amount: float, now: float) -> float:
        """Adds to a score, which is 0 where the value is not there, and gives the sum."""
        before = self.scores(key, now).by_value
        total = _sum(before.get(value, 0.0), amount)
        self.change(key, Scores({**before, value: total}), now)
        return total

    def take(self, key: str, count: int, now: float, *, highest: bool) -> list[Pair]:
        """Takes up to so many values away from one end, the outermost first."""
        ranked = self.scores(key, now).ranked
        taken = ranked[::-1][:count] if highest else ranked[:count]
        self.remove(key, [value for _, value in taken], now)
        return taken

    def random(self, key: str, count: int, now: float, draw: Callable[[int], float]) -> list[Pair]:
        """Gives random pairs by score: so many different ones at most, or exactly so many if negative."""
        ranked = self.scores(key, now).ranked
        return [ranked[place] for place in sorted(chosen(count, len(ranked), draw))]

    def score(self, key: str, value: JsonText, now: float) -> float | None:
        """Gives the score of a value, or None."""
        return self.scores(key, now).by_value.get(value)

    def rank(self, key: str, value: JsonText, now: float, *, reverse: bool = False) -> int | None:
        """Gives how many values are below one, or above it in reverse; None if it is not there."""
        scores = self.scores(key, now)
        score = scores.by_value.get(value)
        if score is None:
            return None
        place = bisect_left(scores.ranked, (score, value))
        return len(scores) - 1 - place if reverse else place

    def by_rank(self, key: str, start: int, stop: int, now: float, *, reverse: bool = False) -> list[Pair]:
        """Gives the pairs between two ranks, both included and perhaps counted from the end."""
        ranked = self.scores(key, now).ranked
        return (ranked[::-1] if reverse else ranked)[between(start, stop, len(ranked))]

    def by_score(self, key: str, scores: ScoreRange, now: float, *, reverse: bool = False) -> list[Pair]:
        """Gives the pairs of a range of scores, from its lower end on, or in reverse from its upper end."""
        ranked = self.scores(key, now).ranked
        found = ranked[scores.of(ranked)]
        return found[::-1] if reverse else found

    def remove(self, key: str, values: Iterable[JsonText], now: float) -> int:
        """Removes values and gives how many there were."""
        before = self.scores(key, now).by_value
        gone = before.keys() & set(values)
        self.change(key, Scores({value: score for value, score in before.items() if value not in gone}), now)
        return len(gone)

    def difference(self, keys: Sequence[str], now: float) -> list[Pair]:
        """Gives the pairs of the first sorted set whose values none of the others has."""
        first, *others = [self.scores(key, now) for key in keys]
        return [pair for pair in first.ranked if not any(pair[1] in other.by_value for other in others)]

    def intersection(self, keys: Sequence[str], now: float) -> list[Pair]:
        """Gives the values that all sorted sets have, with the sums of their scores."""
        found = [self.scores(key, now).by_value for key in keys]
        common = [value for value in found[0] if all(value in one for one in found)]
        return sorted((_sum(*(one[value] for one in found)), value) for value in common)

    def union(self, keys: Sequence[str], now: float) -> list[Pair]:
        """Gives the values that any sorted set has, with the sums of their scores."""
        sums: dict[JsonText, float] = {}
        for key in keys:
            for value, score in self.scores(key, now).by_value.items():
                sums[value] = _sum(sums[value], score) if value in sums else score
        return sorted((score, value) for value, score in sums.items())

    def dumped(self, value: Scores) -> Any:
        """Gives the pairs as Python objects, by score."""
        return [[score, value_of(text)] for score, text in value.ranked]

    def loaded(self, data: Any) -> Scores:
        """Gives the scores of pairs of score and value, or of a mapping of values to scores."""
        items = ((score, value) for value, score in data.items()) if isinstance(data, Mapping) else data
        by_value: dict[JsonText, float] = {}
        for score, value in items:
            double = finite(score)
            if value is None or double is None:
                raise TypeError("a sorted set holds pairs of a finite number and a value that is not null")
            by_value[compact(value)] = double
        return Scores(by_value)


def _score(pair: Pair) -> float:
    return pair[0]


def _may_replace(current: float, score: float, update: str | None) -> bool:
    if update is None:
        return True
    return score > current if update == "Greater" else score < current


def _sum(*scores: float) -> float:
    """A sum that JSON can say: where doubles end, the outermost double."""
    total = 0.0
    for score in scores:
        total = max(-sys.float_info.max, min(sys.float_info.max, total + score))
    return total
