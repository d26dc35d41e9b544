"""The sorted-set store (hive.md 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.state.lists import between
from pytest_kvfake.hive.state.sorted_sets import ScoreRange
from pytest_kvfake.hive.texts import JsonText, array, pairs, score_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.sorted_sets import Pair, SortedSetStore

__all__ = ["STEPS"]


def add(store: SortedSetStore, call: Call) -> Answer:
    """PUT …/{key}/add (10.1)."""
    words = {name: call.arguments[name] for name in ("duplicates", "update", "result")}
    return answered(store.add(call.key, call.arguments["items"], call.now, **words))


def increment(store: SortedSetStore, call: Call) -> Answer:
    """PUT …/{key}/increment."""
    return score_text(store.increment(call.key, call.arguments["value"], call.arguments["scoreValue"], call.now))


def decrement(store: SortedSetStore, call: Call) -> Answer:
    """PUT …/{key}/decrement."""
    return score_text(store.increment(call.key, call.arguments["value"], -call.arguments["scoreValue"], call.now))


def get_with_max_score_and_delete(store: SortedSetStore, call: Call) -> Answer:
    """PUT …/{key}/get-with-max-score-and-delete."""
    return pairs(store.take(call.key, call.arguments["count"], call.now, highest=True))


def get_with_min_score_and_delete(store: SortedSetStore, call: Call) -> Answer:
    """PUT …/{key}/get-with-min-score-and-delete."""
    return pairs(store.take(call.key, call.arguments["count"], call.now, highest=False))


def get_random(store: SortedSetStore, call: Call) -> Answer:
    """GET …/{key}/get-random."""
    return _shown(store.random(call.key, call.arguments["count"], call.now, call.drawing()), call)


def get_score(store: SortedSetStore, call: Call) -> Answer:
    """POST …/{key}/get-score."""
    score = store.score(call.key, call.arguments["value"], call.now)
    return JsonText("null") if score is None else score_text(score)


def get_rank(store: SortedSetStore, call: Call) -> Answer:
    """POST …/{key}/get-rank."""
    return answered(store.rank(call.key, call.arguments["value"], call.now, reverse=call.arguments["reverse"]))


def get_range_by_rank(store: SortedSetStore, call: Call) -> Answer:
    """GET …/{key}/get-range-by-rank: the span is that of the ranks as they are meant."""
    start, stop, largest = call.arguments["startRank"], call.arguments["stopRank"], call.state.limits.rank_span_max
    if (start < 0) != (stop < 0):
        meant = between(start, stop, len(store.scores(call.key, call.now)))
        span = meant.stop - 1 - meant.start
    else:
        span = stop - start
    if span > largest:
        return ServiceError("limit_exceeded", {"field": "stopRank - startRank", "max": largest})
    return _shown(store.by_rank(call.key, start, stop, call.now, reverse=call.arguments["reverse"]), call)


def get_range_by_score(store: SortedSetStore, call: Call) -> Answer:
    """GET …/{key}/get-range-by-score."""
    found = store.by_score(call.key, _range(call.arguments), call.now, reverse=call.arguments["reverse"])
    offset = call.arguments["offset"]
    return _shown(found[offset : offset + call.arguments["pageSize"]], call)


def delete_values(store: SortedSetStore, call: Call) -> Answer:
    """DELETE …/{key}/values."""
    return answered(store.remove(call.key, call.arguments["values"], call.now))


def delete_by_rank(store: SortedSetStore, call: Call) -> Answer:
    """DELETE …/{key}/delete-by-rank."""
    found = store.by_rank(call.key, call.arguments["startRank"], call.arguments["stopRank"], call.now)
    return answered(store.remove(call.key, [value for _, value in found], call.now))


def delete_by_score(store: SortedSetStore, call: Call) -> Answer:
    """DELETE …/{key}/delete-by-score."""
    found = store.by_score(call.key, _range(call.arguments), call.now)
    return answered(store.remove(call.key, [value for _, value in found], call.now))


def length(store: SortedSetStore, call: Call) -> Answer:
    """GET …/{key}/length."""
    return answered(len(store.scores(call.key, call.now)))


def count(store: SortedSetStore, call: Call) -> Answer:
    """GET …/{key}/count."""
    return answered(len(store.by_score(call.key, _range(call.arguments), call.now)))


def difference(store: SortedSetStore, call: Call) -> Answer:
    """POST …/sorted-set/action/difference."""
    return pairs(store.difference(call.arguments["keys"], call.now))


def intersection(store: SortedSetStore, call: Call) -> Answer:
    """POST …/sorted-set/action/intersection."""
    return pairs(store.intersection(call.arguments["keys"], call.now))


def union(store: SortedSetStore, call: Call) -> Answer:
    """POST …/sorted-set/action/union."""
    return pairs(store.union(call.arguments["keys"], call.now))


STEPS = {
    f"sorted_set_{function.__name__}": on_store(function, "sorted-set")
    for function in (
        add,
        increment,
        decrement,
        get_with_max_score_and_delete,
        get_with_min_score_and_delete,
        get_random,
        get_score,
        get_rank,
        get_range_by_rank,
        get_range_by_score,
        delete_values,
        delete_by_rank,
        delete_by_score,
        length,
        count,
        difference,
        intersection,
        union,
    )
}


def _range(arguments: Mapping[str, Any]) -> ScoreRange:
    return ScoreRange(
        arguments.get("minScore"),
        arguments.get("maxScore"),
        without_low=arguments["minBound"] == "Exclude",
        without_high=arguments["maxBound"] == "Exclude",
    )


def _shown(found: Iterable[Pair], call: Call) -> JsonText:
    return pairs(found) if call.arguments["withScores"] else array(value for _, value in found)
