import time
from datetime import datetime, timezone

import freezegun
import pytest
import time_machine

from pytest_kvfake.engine.clock import Clock, http_date
from pytest_kvfake.errors import UsageError


def test_it_runs_with_the_wall_clock_until_somebody_moves_it():
    before = time.time()
    assert before <= Clock().now() <= time.time()


def test_advance_moves_it_and_tells_the_new_time():
    clock = Clock()
    clock.freeze(1000)
    assert clock.advance(60) == 1060 == clock.now()


def test_it_may_go_backwards():
    clock = Clock()
    clock.freeze(1000)
    assert clock.advance(-1) == 999


def test_set_takes_an_aware_datetime():
    clock = Clock()
    clock.freeze()
    clock.set(datetime(2025, 6, 15, 15, 6, 40, tzinfo=timezone.utc))
    assert clock.now() == 1_750_000_000


def test_a_datetime_without_a_zone_is_refused():
    with pytest.raises(UsageError, match="has no time zone"):
        Clock().set(datetime(2025, 6, 15))  # noqa: DTZ001 - that is the mistake


def test_an_unfrozen_clock_goes_on_after_set():
    clock = Clock()
    clock.set(1000)
    assert 1000 <= clock.now() < 1100


def test_unfreeze_goes_on_from_where_it_stands():
    clock = Clock()
    with clock.frozen(5000):
        assert clock.now() == 5000
    assert 5000 <= clock.now() < 5100


def test_it_follows_time_machine():
    clock = Clock()
    clock.advance(10)
    with time_machine.travel(1_000_000, tick=False):
        assert clock.now() == pytest.approx(1_000_010, abs=1e-3)


def test_it_follows_freezegun():
    clock = Clock()
    with freezegun.freeze_time("2025-06-15 15:06:40"):
        assert clock.now() == 1_750_000_000


def test_dates_are_those_of_http():
    # RFC 9110 section 5.6.7 has this very example.
    assert http_date(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_no_moment_in_between_is_seen_when_it_goes_on(monkeypatch):
    # a request that met the real time for an instant would expire what the test still needs
    clock = Clock()
    clock.freeze(1_000_000)
    seen: list[float] = []

    def wall_clock() -> float:
        seen.append(clock._frozen if clock._frozen is not None else -1)
        return 5_000_000.0

    monkeypatch.setattr(time, "time", wall_clock)
    clock.unfreeze()
    assert seen == [1_000_000]
    assert clock.now() == 1_000_000


@pytest.mark.parametrize("when", [1e12, -1e12, float("nan"), float("inf")])
@pytest.mark.parametrize("move", [Clock.set, Clock.freeze, Clock.advance])
def test_a_time_that_no_date_can_say_is_refused_and_moves_nothing(move, when):
    clock = Clock()
    clock.freeze(1000)
    with pytest.raises(UsageError, match="year"):
        move(clock, when)
    assert clock.now() == 1000
