import asyncio
import threading
import time

import pytest

from pytest_kvfake.engine.exchange import Exchange
from pytest_kvfake.engine.journal import Journal
from pytest_kvfake.engine.messages import Headers, Request, Response
from pytest_kvfake.errors import JournalError, UnknownOperationError


def add(
    journal: Journal, operation: str | None = "read", *, key: str | None = None, status: int = 200, body=b""
) -> Exchange:
    request = Request("GET", "/x", Headers(), body, len(body))
    exchange = journal.open(operation, key, request, 0.0)
    exchange.response = Response(status)
    exchange.wire = str(status)
    journal.close(exchange)
    return exchange


def test_exchanges_come_in_order_and_are_numbered_from_1():
    journal = Journal()
    for operation in "abc":
        add(journal, operation)
    assert [(one.number, one.operation) for one in journal] == [(1, "a"), (2, "b"), (3, "c")]


def test_it_is_asked_by_operation_key_status_and_fault():
    journal = Journal()
    add(journal, "read", key="a")
    add(journal, "read", key="b", status=404).fault = "error x on read"
    add(journal, "write", key="b")
    assert len(journal.of("read")) == 2
    assert [one.number for one in journal.of(key="b")] == [2, 3]
    assert [one.number for one in journal.of(status=404)] == [2]
    assert [one.number for one in journal.of(fault="error")] == [2]


def test_last_is_the_newest():
    journal = Journal()
    add(journal, "a")
    add(journal, "b")
    assert journal.last.operation == "b"


def test_an_empty_journal_has_no_last():
    with pytest.raises(LookupError, match="No request has reached"):
        Journal().last  # noqa: B018 - the look is the point


def test_an_empty_journal_is_false():
    journal = Journal()
    assert not journal
    add(journal)
    assert journal


def test_its_picture_names_what_came():
    journal = Journal()
    add(journal, "read", key="k", status=404)
    assert "#1 read key='k' → 404" in repr(journal)


def test_counts_stay_exact_when_entries_are_dropped():
    journal = Journal(entries=2)
    for _ in range(5):
        add(journal, "read")
    assert len(journal) == 5
    assert journal.count("read") == 5
    assert journal.dropped == 3


def test_a_question_that_needs_dropped_entries_names_the_option():
    journal = Journal(entries=2)
    for operation in ("read", "write", "write"):
        add(journal, operation)
    with pytest.raises(JournalError, match=r"1 of 1 exchanges of read were dropped.*kvfake_journal_entries"):
        journal.of("read")
    assert len(journal.of("write")) == 2


def test_a_watched_entry_that_goes_is_told():
    journal = Journal(entries=1)
    gone: list[Exchange] = []
    journal.on_drop = gone.append
    first = add(journal)
    first.watch(lambda exchange: ())
    assert first.violations == ()
    add(journal)
    add(journal)
    assert gone == [first]


def test_an_entry_that_goes_while_it_is_open_is_told_when_it_is_decided():
    journal = Journal(entries=1)
    gone: list[Exchange] = []
    journal.on_drop = gone.append
    slow = journal.open("slow", None, Request("GET", "/x", Headers()), 0.0)
    add(journal)
    assert gone == []
    slow.watch(lambda exchange: ())
    journal.close(slow)
    assert gone == [slow]


def test_requests_under_way_are_kept_until_one_is_decided():
    journal = Journal(entries=1)
    under_way = [journal.open("slow", None, Request("GET", "/x", Headers()), 0.0) for _ in range(3)]
    assert list(journal) == under_way
    journal.close(under_way[2])
    assert list(journal) == under_way[2:]


def test_a_long_body_is_cut_and_its_size_kept():
    journal = Journal(body_bytes=10)
    exchange = add(journal, body=b"x" * 100)
    assert (len(exchange.request.body), exchange.request.body_size) == (10, 100)


def test_bodies_are_bounded_in_all():
    journal = Journal(body_bytes=10, total_bytes=25)
    for _ in range(5):
        add(journal, body=b"x" * 10)
    assert [one.number for one in journal] == [4, 5]


def test_memory_does_not_grow_with_the_number_of_requests():
    journal = Journal(entries=10)
    for _ in range(1000):
        add(journal, body=b"x")
    assert journal._kept_bytes == 10


def test_an_exchange_that_was_dropped_while_open_is_not_counted():
    journal = Journal(entries=1)
    request = Request("GET", "/x", Headers(), b"x" * 50, 50)
    slow = journal.open("slow", None, request, 0.0)
    add(journal, "fast", body=b"x")
    journal.close(slow)
    assert journal._kept_bytes == 1


def test_it_waits_for_the_nth_exchange():
    journal = Journal()
    threading.Timer(0.02, lambda: [add(journal, "read") for _ in range(2)]).start()
    assert len(journal.wait_for("read", count=2, timeout=5)) == 2


def test_an_open_exchange_is_not_waited_for():
    journal = Journal()
    request = Request("GET", "/x", Headers())
    journal.open("read", None, request, 0.0)
    with pytest.raises(TimeoutError, match=r"(?s)read was to be answered 1 times.*#1 read → still open"):
        journal.wait_for("read", timeout=0.01)


def test_it_is_awaited_without_blocking_the_loop():
    async def awaited():
        journal = Journal()
        waiting = asyncio.create_task(journal.wait_for_async("read", timeout=5))
        await asyncio.sleep(0)
        add(journal, "read")
        return await waiting

    assert len(asyncio.run(awaited())) == 1


def test_waiting_ends_as_soon_as_it_comes():
    journal = Journal()
    add(journal, "read")
    started = time.perf_counter()
    journal.wait_for("read", timeout=5)
    assert time.perf_counter() - started < 1


def test_assert_called_gives_the_exchanges():
    journal = Journal()
    add(journal, "read", key="a")
    assert journal.assert_called("read", times=1, key="a").last.key == "a"


def test_assert_called_says_what_was_expected_what_came_and_what_is_nearest():
    journal = Journal()
    add(journal, "read", key="a")
    with pytest.raises(
        AssertionError, match=r"(?s)read key='b' was to come 2 times, but came 0 times.*#1 read key='a'"
    ):
        journal.assert_called("read", times=2, key="b")


def test_without_any_call_the_text_says_so():
    with pytest.raises(AssertionError, match=r"read was to come at least once.* nothing"):
        Journal().assert_called("read")


def test_a_slice_compares_with_a_list():
    journal = Journal()
    first = add(journal)
    assert journal[0:1] == [first]
    assert journal[-1] is first


def test_clear_forgets_everything():
    journal = Journal()
    add(journal)
    journal.clear()
    assert (len(journal), journal.count("read"), list(journal)) == (0, 0, [])


def test_numbers_go_on_when_it_is_cleared():
    journal = Journal()
    add(journal, "read")
    journal.clear()
    assert add(journal, "read").number == 2
    assert (len(journal), journal.count("read"), journal.dropped) == (1, 1, 0)


def test_an_exchange_that_was_open_when_it_was_cleared_weighs_nothing():
    journal = Journal(total_bytes=1000)
    old = journal.open("read", None, Request("GET", "/x", Headers(), b"x" * 900, 900), 0.0)
    journal.clear()
    add(journal, "read", body=b"x" * 50)
    journal.close(old)
    add(journal, "read", body=b"x" * 100)
    assert len(list(journal)) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda journal: journal.of("raed"),
        lambda journal: journal.count("raed"),
        lambda journal: journal.assert_called("raed"),
        lambda journal: journal.wait_for("raed", timeout=0),
    ],
    ids=["of", "count", "assert_called", "wait_for"],
)
def test_a_misspelt_operation_is_told(ask):
    with pytest.raises(UnknownOperationError, match="Did you mean 'read'"):
        ask(Journal(operations=("read", "write")))


def test_waiting_gives_what_was_answered_and_nothing_else():
    journal = Journal()
    answered = add(journal, "read")
    journal.open("read", None, Request("GET", "/x", Headers()), 0.0)
    assert list(journal.wait_for("read", timeout=0)) == [answered]
