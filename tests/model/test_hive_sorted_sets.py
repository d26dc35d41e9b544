"""The sorted-set store beside a plain model: a dict of Python dicts, sorted anew whenever somebody looks."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.seed import draw
from pytest_kvfake.hive.state.sorted_sets import ScoreRange, SortedSetStore

NOW = 1000.0
KEYS = st.sampled_from(["k", "l"])
VALUES = st.sampled_from(['"a"', '"b"', "1", "true", '"é"'])
SCORES = st.sampled_from([-1.5, 0.0, 1.0, 2.0, 2.5])
ENDS = st.one_of(st.none(), SCORES)
RANKS = st.integers(-6, 6)


class SortedSets(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.store = SortedSetStore()
        self.model: dict[str, dict[str, float]] = {}
        self.saved = None
        self.draws = 0

    def scores(self, key):
        return self.model.get(key, {})

    def ranked(self, key):
        return sorted((score, value.encode()) for value, score in self.scores(key).items())

    def settle(self, key, scores):
        self.model.pop(key, None)
        if scores:
            self.model[key] = scores

    @rule(
        key=KEYS,
        items=st.lists(st.tuples(SCORES, VALUES), min_size=1, max_size=4),
        duplicates=st.sampled_from([None, "OnlyUpdate", "AlwaysAdd"]),
        update=st.sampled_from([None, "Greater", "Less"]),
        result=st.sampled_from(["NewAdded", "TotalChanged"]),
    )
    def add(self, key, items, duplicates, update, result):
        before, after = dict(self.scores(key)), dict(self.scores(key))
        for score, value in items:
            if value not in after:
                if duplicates != "OnlyUpdate":
                    after[value] = score
            elif duplicates != "AlwaysAdd":
                better = {None: True, "Greater": score > after[value], "Less": score < after[value]}[update]
                after[value] = score if better else after[value]
        new = len(after.keys() - before.keys())
        changed = len([value for value in before if before[value] != after[value]])
        count = self.store.add(key, items, NOW, duplicates=duplicates, update=update, result=result)
        assert count == (new if result == "NewAdded" else new + changed)
        self.settle(key, after)

    @rule(key=KEYS, value=VALUES, amount=SCORES)
    def increment(self, key, value, amount):
        total = self.scores(key).get(value, 0) + amount
        assert self.store.increment(key, value, amount, NOW) == total
        self.settle(key, {**self.scores(key), value: total})

    @rule(key=KEYS, count=st.integers(0, 3), highest=st.booleans())
    def take(self, key, count, highest):
        ranked = self.ranked(key)
        if highest:
            ranked.reverse()
        taken = self.store.take(key, count, NOW, highest=highest)
        assert [(score, value.encode()) for score, value in taken] == ranked[:count]
        self.settle(key, {value.decode(): score for score, value in ranked[count:]})

    @rule(key=KEYS, values=st.lists(VALUES))
    def remove(self, key, values):
        after = {value: score for value, score in self.scores(key).items() if value not in values}
        assert self.store.remove(key, values, NOW) == len(self.scores(key)) - len(after)
        self.settle(key, after)

    @rule(key=KEYS, value=VALUES, reverse=st.booleans())
    def score_and_rank(self, key, value, reverse):
        ranked = [one for _, one in self.ranked(key)]
        if reverse:
            ranked.reverse()
        place = ranked.index(value.encode()) if value.encode() in ranked else None
        assert self.store.score(key, value, NOW) == self.scores(key).get(value)
        assert self.store.rank(key, value, NOW, reverse=reverse) == place

    @rule(key=KEYS, start=RANKS, stop=RANKS, reverse=st.booleans())
    def by_rank(self, key, start, stop, reverse):
        ranked = self.ranked(key)
        if reverse:
            ranked.reverse()
        low = start if start >= 0 else len(ranked) + start
        high = stop if stop >= 0 else len(ranked) + stop
        found = self.store.by_rank(key, start, stop, NOW, reverse=reverse)
        assert [(score, value.encode()) for score, value in found] == [
            pair for place, pair in enumerate(ranked) if low <= place <= high
        ]

    @rule(key=KEYS, ends=st.tuples(ENDS, ENDS), without=st.tuples(st.booleans(), st.booleans()), reverse=st.booleans())
    def by_score(self, key, ends, without, reverse):
        (low, high), (without_low, without_high) = ends, without

        def inside(score):
            above = low is None or score > low or (score == low and not without_low)
            below = high is None or score < high or (score == high and not without_high)
            return above and below

        expected = [pair for pair in self.ranked(key) if inside(pair[0])]
        if reverse:
            expected.reverse()
        found = self.store.by_score(key, ScoreRange(low, high, without_low, without_high), NOW, reverse=reverse)
        assert [(score, value.encode()) for score, value in found] == expected

    @rule(key=KEYS, count=st.integers(-5, 5))
    def random(self, key, count):
        self.draws += 1
        found = self.store.random(key, count, NOW, lambda number: draw(1, self.draws, number))
        there = self.ranked(key)
        if count < 0:
            assert len(found) == (-count if there else 0)
        else:
            assert len(found) == len(set(found)) == min(count, len(there))
        pairs = [(score, value.encode()) for score, value in found]
        assert pairs == sorted(pairs)
        assert set(pairs) <= set(there)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3))
    def combine(self, keys):
        all_values = {value for key in keys for value in self.scores(key)}
        sums = {value: sum(self.scores(key).get(value, 0) for key in keys) for value in all_values}
        common = {value for value in all_values if all(value in self.scores(key) for key in keys)}
        alone = {value for value in self.scores(keys[0]) if not any(value in self.scores(key) for key in keys[1:])}
        assert self.store.union(keys, NOW) == sorted((sums[value], value) for value in all_values)
        assert self.store.intersection(keys, NOW) == sorted((sums[value], value) for value in common)
        assert self.store.difference(keys, NOW) == sorted((self.scores(keys[0])[value], value) for value in alone)

    @rule()
    def save(self):
        self.saved = self.store.copy(), {key: dict(scores) for key, scores in self.model.items()}

    @rule()
    def restore(self):
        if self.saved is not None:
            self.store = self.saved[0].copy()
            self.model = {key: dict(scores) for key, scores in self.saved[1].items()}

    @rule()
    def dump_and_load(self):
        dumped, self.store = self.store.dump(), SortedSetStore()
        self.store.load(dumped)

    @invariant()
    def they_agree(self):
        assert {key: dict(self.store.look(key, NOW).by_value) for key in self.store.keys(NOW)} == self.model


TestSortedSets = SortedSets.TestCase
TestSortedSets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
