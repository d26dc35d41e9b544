"""The key-value store, and with it what all stores do with keys, beside a plain model: a dict in order of creation."""

import json
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.key_values import KeyValueStore

KEYS = st.sampled_from(["n", "é", "a/b"])
VALUES = st.sampled_from(["0", "-7", "9223372036854775806", "1.5", '"5"', '{"b":1,"a":2}'])
SPANS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 5.0])
EXPIRIES = st.one_of(st.none(), SPANS)


@dataclass
class Kept:
    value: str
    until: float | None
    used: float


class KeyValues(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.store = KeyValueStore()
        self.kept: dict[str, Kept] = {}
        self.now = 1000.0
        self.saved = None
        self.set_one("n", "7", 5.0, "Always")  # a number that expires, so that counting one is not left to chance

    def alive(self, key):
        kept = self.kept.get(key)
        return kept is not None and (kept.until is None or self.now < kept.until)

    def forget_expired(self):
        for key in [key for key in self.kept if not self.alive(key)]:
            del self.kept[key]

    def keep(self, key, value, until):
        self.forget_expired()
        if until is not None and until <= self.now:
            self.kept.pop(key, None)
        elif key in self.kept:
            self.kept[key] = Kept(value, until, self.now)  # keeps its place
        else:
            self.kept[key] = Kept(value, until, self.now)

    @rule(key=KEYS, value=VALUES, span=EXPIRIES, condition=st.sampled_from(["IfExists", "IfNotExists", "Always"]))
    def set_with_condition(self, key, value, span, condition):
        self.set_one(key, value, span, condition)

    def set_one(self, key, value, span, condition):
        until = None if span is None else self.now + span
        met = {"IfExists": self.alive(key), "IfNotExists": not self.alive(key), "Always": True}[condition]
        assert self.store.set(key, value, self.now, expires_at=until, condition=condition) is met
        if met:
            self.keep(key, value, until)

    @rule(values=st.dictionaries(KEYS, VALUES, min_size=1))
    def set_many(self, values):
        self.store.set_many(values, self.now)
        for key, value in values.items():
            self.keep(key, value, None)

    @rule(key=KEYS)
    def use(self, key):
        assert self.store.use(key, self.now) == (self.kept[key].value if self.alive(key) else None)
        if self.alive(key):
            self.kept[key].used = self.now

    @rule(key=KEYS, amount=st.sampled_from([1, -3, 2**63 - 1, -(2**63)]))
    def increment(self, key, amount):
        total = self.store.increment(key, amount, self.now)
        before = json.loads(self.kept[key].value) if self.alive(key) else 0
        if type(before) is int and -(2**63) <= before + amount < 2**63:
            assert total == before + amount
            self.keep(key, str(total), self.kept[key].until if self.alive(key) else None)
        else:
            assert total == ServiceError("not_integer")

    @rule(key=KEYS)
    def delete(self, key):
        assert self.store.delete(key, self.now) is self.alive(key)
        self.kept.pop(key, None)

    @rule(old=KEYS, new=KEYS, overwrite=st.booleans())
    def rename(self, old, new, overwrite):
        self.forget_expired()
        renamed = self.store.rename(old, new, self.now, overwrite=overwrite)
        if old not in self.kept:
            assert renamed is None
        elif new in self.kept and not overwrite:
            assert renamed is False
        else:
            assert renamed is True
            moved = self.kept[old] if old == new else self.kept.pop(old)
            self.keep(new, moved.value, moved.until)

    @rule(key=KEYS, span=EXPIRIES)
    def set_expiry(self, key, span):
        until = None if span is None else self.now + span
        assert self.store.set_expiry(key, until, self.now) is self.alive(key)
        if self.alive(key):
            self.keep(key, self.kept[key].value, until)

    @rule(span=st.sampled_from([0.25, 1.0, 6.0]))
    def wait(self, span):
        self.now += span

    @rule()
    def save(self):
        copied = {key: Kept(kept.value, kept.until, kept.used) for key, kept in self.kept.items()}
        self.saved = self.store.copy(), copied

    @rule()
    def restore(self):
        if self.saved is not None:
            self.store = self.saved[0].copy()
            self.kept = {key: Kept(kept.value, kept.until, kept.used) for key, kept in self.saved[1].items()}

    @rule()
    def dump_and_load(self):
        dumped = json.loads(json.dumps(self.store.dump()))
        self.store, last = KeyValueStore(), self.store.last
        self.store.load(dumped)
        assert self.store.last == last

    @rule(size=st.integers(1, 3), letters=st.sets(st.sampled_from("nab/é"), min_size=1))
    def list_page_by_page(self, size, letters):
        self.forget_expired()
        wanted = [key for key in self.kept if set(key) & letters]
        listed, after = [], 0
        while True:
            page, after = self.store.page(lambda key: set(key) & letters, self.now, after=after, limit=size)
            listed += page
            if not after:
                break
            assert len(page) == size
        assert listed == wanted

    @invariant()
    def they_agree(self):
        self.forget_expired()
        assert list(self.store.keys(self.now)) == list(self.kept)
        assert self.store.count(self.now) == len(self.kept)
        for key, kept in self.kept.items():
            assert self.store.look(key, self.now) == kept.value
            assert self.store.expiry(key, self.now) == kept.until
            assert self.store.idle(key, self.now) == int(self.now - kept.used)


TestKeyValues = KeyValues.TestCase
TestKeyValues.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
