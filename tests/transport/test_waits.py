from __future__ import annotations

import threading
import time

import freezegun

from pytest_kvfake.transport.waits import Waits


def test_a_wait_that_passes_is_over():
    assert Waits(10).wait(0.001) == "over"


def test_no_wait_lasts_longer_than_the_limit():
    assert Waits(0.001).wait(3600) == "limit"


def test_a_wait_for_ever_ends_at_the_limit():
    assert Waits(0.001).wait(None) == "limit"


def test_a_wait_as_long_as_the_limit_is_over_and_not_at_the_limit():
    assert Waits(0.001).wait(0.001) == "over"


def test_release_ends_a_wait_that_is_under_way():
    waits = Waits(60)
    ended = []
    thread = threading.Thread(target=lambda: ended.append(waits.wait(None)))
    thread.start()
    while not waits._events:
        time.sleep(0)
    waits.release()
    thread.join(5)
    assert ended == ["released"]


def test_after_release_later_waits_end_at_once():
    waits = Waits(60)
    waits.release()
    assert waits.wait(None) == "released"


def test_after_rearm_waits_wait_again():
    waits = Waits(0.001)
    waits.release()
    waits.rearm()
    assert waits.wait(None) == "limit"


def test_an_exchange_that_was_decided_before_a_release_does_not_begin_to_wait_after_it():
    waits = Waits(60)
    waits.release(until=3)
    assert waits.of(3).wait(None) == "released"


def test_a_later_exchange_waits_again():
    waits = Waits(60)
    waits.release(until=3)
    assert waits.of(4).wait(0.001) == "over"


def test_one_wait_is_ended_by_its_own_event_and_the_others_are_not():
    waits = Waits(0.001)
    event = threading.Event()
    event.set()
    assert waits.wait(60, event) == "released"
    assert waits.wait(60) == "limit"


def test_a_frozen_clock_does_not_make_waits_endless():
    with freezegun.freeze_time("2030-01-01"):
        assert Waits(0.001).wait(None) == "limit"
