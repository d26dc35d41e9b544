import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.keyspace import KeySpace

KEYS = st.text(st.characters(codec="utf-8"), max_size=3) | st.sampled_from(
    ["a", "ab", "b", "é", "\uff5e", "\U0001f600"]
)


def space_of(*keys: str) -> KeySpace[int]:
    space: KeySpace[int] = KeySpace()
    for number, key in enumerate(keys):
        space.put(key, number, now=0)
    return space


def names(space: KeySpace[int], **asked) -> list[str]:
    asked = {"limit": 100, "now": 0, **asked}
    return [key for key, _ in space.page(**asked).items]


def test_keys_are_ordered_by_their_utf8_bytes():
    space = space_of("\U0001f600", "\uff5e", "é", "a", "Z", "B")
    assert names(space) == ["B", "Z", "a", "é", "\uff5e", "\U0001f600"]


def test_a_prefix_includes_an_exact_match():
    assert names(space_of("a", "ab", "b"), prefix="a") == ["a", "ab"]


def test_a_page_goes_on_behind_a_key_that_need_not_exist():
    assert names(space_of("a", "c"), after="b") == ["c"]


def test_a_position_before_the_prefix_starts_at_the_prefix():
    assert names(space_of("a", "b1", "b2"), prefix="b", after="a") == ["b1", "b2"]


def test_a_full_page_says_whether_more_follows():
    space = space_of("a", "b", "c")
    assert space.page(limit=2, now=0).more
    assert not space.page(limit=3, now=0).more


def test_more_counts_only_keys_that_fit_the_prefix():
    assert not space_of("a", "b").page(prefix="a", limit=1, now=0).more


def test_a_key_is_there_until_its_expiry_and_not_at_it():
    space: KeySpace[int] = KeySpace()
    space.put("k", 1, now=0, expires_at=60)
    assert space.get("k", 59.999) == 1
    assert space.get("k", 60) is None


def test_what_was_removed_stays_removed_when_the_clock_goes_back():
    space: KeySpace[int] = KeySpace()
    space.put("k", 1, now=0, expires_at=60)
    space.expire(60)
    assert space.get("k", 0) is None


def test_a_new_put_clears_the_expiry():
    space: KeySpace[int] = KeySpace()
    space.put("k", 1, now=0, expires_at=60)
    space.put("k", 2, now=0)
    assert space.get("k", 1000) == 2
    assert space.expiry("k", 1000) is None


def test_expiry_costs_only_what_has_expired():
    space: KeySpace[int] = KeySpace()
    for number in range(100):
        space.put(str(number), number, now=0, expires_at=1000 + number)
    space.expire(1000)
    assert space.count(0) == 99


def test_rewriting_a_key_does_not_let_the_heap_grow():
    space: KeySpace[int] = KeySpace()
    for moment in range(10_000):
        space.put("k", moment, now=0, expires_at=1_000_000 + moment)
    assert len(space._heap) < 200


def test_a_copy_is_independent():
    space = space_of("a")
    other = space.copy()
    other.put("b", 1, now=0)
    space.delete("a", now=0)
    assert names(space) == []
    assert names(other) == ["a", "b"]


def test_setting_the_expiry_of_a_missing_key_says_so():
    assert space_of("a").set_expiry("b", 10, now=0) is False


def test_it_tells_what_is_removed():
    gone: list[str] = []
    space: KeySpace[int] = KeySpace()
    space.on_removed = gone.append
    space.put("a", 1, now=0)
    space.put("b", 1, now=0, expires_at=5)
    space.delete("a", now=0)
    space.expire(5)
    assert gone == ["a", "b"]


class KeySpaceAgainstAModel(RuleBasedStateMachine):
    """A key space and a plain dictionary, which is sorted and swept at each look."""

    @initialize()
    def start(self) -> None:
        self.space: KeySpace[int] = KeySpace()
        self.model: dict[str, tuple[int, float | None]] = {}
        self.now = 0.0

    def sweep(self) -> None:
        self.model = {k: v for k, v in self.model.items() if v[1] is None or self.now < v[1]}

    @rule(key=KEYS, value=st.integers(), ttl=st.none() | st.integers(1, 5))
    def put(self, key: str, value: int, ttl: int | None) -> None:
        self.sweep()
        expires_at = None if ttl is None else self.now + ttl
        self.space.put(key, value, self.now, expires_at)
        self.model[key] = (value, expires_at)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.sweep()
        expected = self.model.pop(key, (None, None))[0]
        assert self.space.delete(key, self.now) == expected

    @rule(key=KEYS, ttl=st.none() | st.integers(1, 5))
    def set_expiry(self, key: str, ttl: int | None) -> None:
        self.sweep()
        expires_at = None if ttl is None else self.now + ttl
        assert self.space.set_expiry(key, expires_at, self.now) is (key in self.model)
        if key in self.model:
            self.model[key] = (self.model[key][0], expires_at)

    @rule(seconds=st.integers(0, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def go_on_with_a_copy(self) -> None:
        self.space = self.space.copy()

    @rule(prefix=st.sampled_from(["", "a", "é"]), limit=st.integers(1, 4))
    def walk_all_pages(self, prefix: str, limit: int) -> None:
        self.sweep()
        walked: list[str] = []
        after = None
        while True:
            page = self.space.page(prefix=prefix, after=after, limit=limit, now=self.now)
            walked += [key for key, _ in page.items]
            if not page.more:
                break
            assert len(page.items) == limit
            after = page.last
        assert walked == sorted((k for k in self.model if k.startswith(prefix)), key=lambda k: k.encode())

    @invariant()
    def same_contents(self) -> None:
        self.sweep()
        assert self.space.count(self.now) == len(self.model)
        for key, (value, _) in self.model.items():
            assert self.space.get(key, self.now) == value


TestKeySpaceAgainstAModel = KeySpaceAgainstAModel.TestCase
TestKeySpaceAgainstAModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("size", [10, 1000])
def test_a_put_does_not_touch_the_order(size: int):
    space: KeySpace[int] = KeySpace()
    for number in range(size):
        space.put(str(number), number, now=0)
    assert len(space._order) == 0
    assert len(space.page(limit=size, now=0).items) == size
