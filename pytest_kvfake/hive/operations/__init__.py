"""One state step an operation: existence, conditions and the change in one piece; a module for each store type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.hive.operations import general, key_values, lists, management, maps, sets, sorted_sets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.hive.operations.call import Step

__all__ = ["STEPS"]

STEPS: Mapping[str, Step] = {
    **management.STEPS,
    **general.STEPS,
    **key_values.STEPS,
    **lists.STEPS,
    **maps.STEPS,
    **sets.STEPS,
    **sorted_sets.STEPS,
}
