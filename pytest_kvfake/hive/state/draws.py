"""Random choices out of draws that are hashes of their own name, so that they replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["chosen"]


def chosen(count: int, size: int, draw: Callable[[int], float]) -> list[int]:
    """Gives places in ``range(size)``, as SRANDMEMBER chooses them.

    Args:
        count: how many different places at most; negative: exactly so many, repeats included.
        size: how many places there are.
        draw: the n-th number in [0, 1) of this choice.
    """
    if not size:
        return []
    if count < 0:
        return [int(draw(number) * size) for number in range(-count)]
    # A shuffle that goes only as far as it is asked to, and remembers only the places it has moved.
    moved: dict[int, int] = {}
    places: list[int] = []
    for place in range(min(count, size)):
        other = place + int(draw(place) * (size - place))
        places.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return places
