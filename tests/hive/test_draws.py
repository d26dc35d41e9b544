"""Random choices: different places without repeats, all of them in reach, and the same again for the same draws."""

import pytest

from pytest_kvfake.engine.seed import draw
from pytest_kvfake.hive.state.draws import chosen


def choice(count, size, turn):
    return chosen(count, size, lambda number: draw(1, turn, number))


@pytest.mark.parametrize("size", range(9))
def test_without_repeats_all_places_are_different(size):
    for turn in range(200):
        for count in (0, 1, size // 2, size, size + 5):
            places = choice(count, size, turn)
            assert len(places) == len(set(places)) == min(count, size)
            assert set(places) <= set(range(size))


def test_every_order_comes_up():
    assert {tuple(choice(3, 3, turn)) for turn in range(200)} == {
        (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0),
    }  # fmt: skip


def test_with_repeats_there_are_exactly_so_many():
    assert len(choice(-7, 3, 1)) == 7
    assert {place for turn in range(50) for place in choice(-7, 3, turn)} == {0, 1, 2}
    assert choice(-7, 0, 1) == []


def test_the_outermost_draws_stay_inside():
    assert chosen(3, 3, lambda number: 0.0) == [0, 1, 2]
    assert len(set(chosen(3, 3, lambda number: 1 - 2**-53))) == 3
    assert chosen(-2, 3, lambda number: 1 - 2**-53) == [2, 2]


def test_the_same_draws_make_the_same_choice():
    assert choice(4, 9, 1) == choice(4, 9, 1)
    assert choice(4, 9, 1) != choice(4, 9, 2)
