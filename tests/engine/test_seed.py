import threading

from pytest_kvfake.engine.seed import ALPHANUMERIC, draw, identifier, numbered, seed_of


def test_the_same_name_draws_the_same_number():
    assert draw(1, "fault", 1, "key") == draw(1, "fault", 1, "key")


def test_another_seed_draws_another_number():
    assert draw(1, "fault") != draw(2, "fault")


def test_names_are_not_run_together():
    assert draw(1, "ab", "c") != draw(1, "a", "bc")


def test_draws_lie_between_0_and_1_and_spread():
    drawn = [draw(7, "n", n) for n in range(1000)]
    assert all(0 <= number < 1 for number in drawn)
    assert 450 < sum(number < 0.5 for number in drawn) < 550


def test_draws_do_not_depend_on_other_threads():
    expected = [draw(3, "x", n) for n in range(200)]
    results: list[list[float]] = []
    threads = [threading.Thread(target=lambda: results.append([draw(3, "x", n) for n in range(200)])) for _ in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_ids_have_the_length_and_alphabet_asked_for():
    made = identifier(1, "store", 1, length=17, alphabet=ALPHANUMERIC)
    assert len(made) == 17
    assert set(made) <= set(ALPHANUMERIC)


def test_hex_ids_are_hex():
    assert int(identifier(1, "namespace", length=32), 16) >= 0


def test_a_text_has_one_seed():
    assert seed_of("tests/test_x.py::test_y") == seed_of("tests/test_x.py::test_y")
    assert seed_of("a") != seed_of("b")


def test_numbered_ids_are_16_hex_digits_that_never_come_twice():
    made = {numbered(7, "ray", number) for number in range(10_000)}
    assert len(made) == 10_000
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in made)


def test_numbered_ids_depend_on_seed_name_and_number_alone():
    assert numbered(7, "ray", 3) == numbered(7, "ray", 3)
    assert len({numbered(7, "ray", 3), numbered(8, "ray", 3), numbered(7, "other", 3)}) == 3
