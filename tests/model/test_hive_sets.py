"""The set store beside a plain model: a dict of Python sets."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.seed import draw
from pytest_kvfake.hive.state.sets import SetStore

NOW = 1000.0
KEYS = st.sampled_from(["k", "l", "m"])
VALUES = st.sampled_from(["1", '"1"', "true", "1.0", '{"a":1,"b":2}', '{"b":2,"a":1}'])
SOME = st.lists(VALUES, min_size=1, max_size=4)


class Sets(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.store = SetStore()
        self.model: dict[str, set[str]] = {}
        self.saved = None
        self.draws = 0

    def members(self, key):
        return self.model.get(key, set())

    def settle(self, key, members):
        self.model.pop(key, None)
        if members:
            self.model[key] = members

    def drawing(self):
        self.draws += 1
        return lambda number, count=self.draws: draw(1, count, number)

    @rule(key=KEYS, values=SOME)
    def add(self, key, values):
        after = self.members(key) | set(values)
        assert self.store.add(key, values, NOW) == len(after) - len(self.members(key))
        self.settle(key, after)

    @rule(key=KEYS, values=SOME)
    def remove(self, key, values):
        after = self.members(key) - set(values)
        assert self.store.remove(key, values, NOW) == len(self.members(key)) - len(after)
        self.settle(key, after)

    @rule(key=KEYS, values=st.lists(VALUES))
    def contains(self, key, values):
        assert self.store.contains(key, values, NOW) == [value in self.members(key) for value in values]

    @rule(key=KEYS, count=st.integers(0, 8))
    def random_without_repeats(self, key, count):
        chosen = self.store.random(key, count, NOW, self.drawing())
        assert len(chosen) == len(set(chosen)) == min(count, len(self.members(key)))
        assert set(chosen) <= self.members(key)

    @rule(key=KEYS, count=st.integers(1, 8))
    def random_with_repeats(self, key, count):
        chosen = self.store.random(key, -count, NOW, self.drawing())
        assert len(chosen) == (count if self.members(key) else 0)
        assert set(chosen) <= self.members(key)

    @rule(key=KEYS, count=st.integers(0, 3))
    def take_random(self, key, count):
        taken = self.store.take_random(key, count, NOW, self.drawing())
        assert len(taken) == len(set(taken)) == min(count, len(self.members(key)))
        assert set(taken) <= self.members(key)
        self.settle(key, self.members(key) - set(taken))

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4))
    def combine(self, keys):
        sets = [self.members(key) for key in keys]
        for found, expected in (
            (self.store.difference(keys, NOW), sets[0].difference(*sets[1:])),
            (self.store.intersection(keys, NOW), sets[0].intersection(*sets[1:])),
            (self.store.union(keys, NOW), set().union(*sets)),
        ):
            assert len(found) == len(set(found))
            assert set(found) == expected

    @rule()
    def save(self):
        self.saved = self.store.copy(), {key: set(members) for key, members in self.model.items()}

    @rule()
    def restore(self):
        if self.saved is not None:
            self.store = self.saved[0].copy()
            self.model = {key: set(members) for key, members in self.saved[1].items()}

    @rule()
    def dump_and_load(self):
        dumped, self.store = self.store.dump(), SetStore()
        self.store.load(dumped)

    @invariant()
    def they_agree(self):
        assert {key: set(self.store.look(key, NOW)) for key in self.store.keys(NOW)} == self.model


TestSets = Sets.TestCase
TestSets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
