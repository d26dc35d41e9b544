"""The limits of Hive that the fake enforces; their numbers stand in ``schemas/hive/openapi.json``."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_kvfake.engine.limits import Limits

__all__ = ["HiveLimits"]


@dataclass
class HiveLimits(Limits):
    """What a test may change: ``kv.limits.list_keys_default = 5000``.

    Attributes:
        list_keys_default: keys on a page of a key listing where no ``pageSize`` is given.
        range_by_score_default: values of a range by score where no ``pageSize`` is given.
        range_by_score_max: largest ``pageSize`` of a range by score.
        rank_span_max: how far ``stopRank`` may lie behind ``startRank`` in a range by rank.
        random_repeats_max: values that a negative ``count`` may ask for; the service documents no bound.
    """

    list_keys_default: int
    range_by_score_default: int
    range_by_score_max: int
    rank_span_max: int
    random_repeats_max: int
