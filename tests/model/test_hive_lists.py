"""The list store beside a plain model: a dict of Python lists."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.lists import ListStore

NOW = 1000.0
KEYS = st.sampled_from(["k", "l"])
VALUES = st.sampled_from(["1", '"1"', "1.0"])
SOME = st.lists(VALUES, min_size=1, max_size=5)
PLACES = st.integers(-6, 6)
COUNTS = st.integers(0, 4)


class Lists(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.store = ListStore()
        self.model: dict[str, list[str]] = {}
        self.saved = None

    def settle(self, key, values):
        self.model.pop(key, None)
        if values:
            self.model[key] = values

    @rule(key=KEYS, values=SOME)
    def add_first(self, key, values):
        after = self.model.get(key, []).copy()
        for value in values:
            after.insert(0, value)
        assert self.store.add_first(key, values, NOW) == len(after)
        self.settle(key, after)

    @rule(key=KEYS, values=SOME)
    def add_last(self, key, values):
        after = [*self.model.get(key, []), *values]
        assert self.store.add_last(key, values, NOW) == len(after)
        self.settle(key, after)

    @rule(key=KEYS, first=PLACES, last=PLACES)
    def read_range(self, key, first, last):
        values = self.model.get(key, [])
        low = first if first >= 0 else len(values) + first
        high = last if last >= 0 else len(values) + last
        assert list(self.store.range(key, NOW, first, last)) == [v for n, v in enumerate(values) if low <= n <= high]

    @rule(key=KEYS, place=PLACES)
    def read_item(self, key, place):
        values = dict(enumerate(self.model.get(key, [])))
        assert self.store.item(key, place, NOW) == values.get(place if place >= 0 else len(values) + place)

    @rule(key=KEYS, place=PLACES, value=VALUES)
    def set_item(self, key, place, value):
        values = self.model.get(key)
        done = self.store.set_item(key, place, value, NOW)
        if values is None:
            assert done == ServiceError("no_such_key")
        elif not -len(values) <= place < len(values):
            assert done == ServiceError("index_out_of_range")
        else:
            assert done is None
            values[place] = value

    @rule(key=KEYS, anchor=VALUES, value=VALUES, behind=st.booleans())
    def insert(self, key, anchor, value, behind):
        values = self.model.get(key)
        length = self.store.insert(key, anchor, value, NOW, behind=behind)
        if values is None:
            assert length == 0
        elif anchor not in values:
            assert length == -1
        else:
            values.insert(values.index(anchor) + (1 if behind else 0), value)
            assert length == len(values)

    @rule(key=KEYS, count=COUNTS)
    def take_first(self, key, count):
        values = self.model.get(key, []).copy()
        taken = [values.pop(0) for _ in range(min(count, len(values)))]
        assert list(self.store.take_first(key, count, NOW)) == taken
        self.settle(key, values)

    @rule(key=KEYS, count=COUNTS)
    def take_last(self, key, count):
        values = self.model.get(key, []).copy()
        taken = [values.pop() for _ in range(min(count, len(values)))]
        assert list(self.store.take_last(key, count, NOW)) == taken
        self.settle(key, values)

    @rule(key=KEYS, value=VALUES, count=st.integers(-3, 3))
    def remove(self, key, value, count):
        values = self.model.get(key, []).copy()
        if count < 0:
            values.reverse()
        removed = 0
        while value in values and (count == 0 or removed < abs(count)):
            values.remove(value)
            removed += 1
        if count < 0:
            values.reverse()
        assert self.store.remove(key, value, count, NOW) == removed
        self.settle(key, values)

    @rule()
    def save(self):
        self.saved = self.store.copy(), {key: values.copy() for key, values in self.model.items()}

    @rule()
    def restore(self):
        if self.saved is not None:
            self.store = self.saved[0].copy()
            self.model = {key: values.copy() for key, values in self.saved[1].items()}

    @rule()
    def dump_and_load(self):
        dumped, self.store = self.store.dump(), ListStore()
        self.store.load(dumped)

    @invariant()
    def they_agree(self):
        assert {key: list(self.store.look(key, NOW)) for key in self.store.keys(NOW)} == self.model


TestLists = Lists.TestCase
TestLists.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
