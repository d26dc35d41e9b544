"""The map store beside a plain model: a dict of Python dicts."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.maps import MapStore

NOW = 1000.0
KEYS = st.sampled_from(["k", "l"])
FIELDS = st.sampled_from(["a", "b", "", "é"])
VALUES = st.sampled_from(["1", '"1"', "0.99", "-4", "9223372036854775807", "[null]"])


class Maps(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.store = MapStore()
        self.model: dict[str, dict[str, str]] = {}
        self.saved = None

    @rule(key=KEYS, fields=st.dictionaries(FIELDS, VALUES, min_size=1))
    def set_fields(self, key, fields):
        before = self.model.setdefault(key, {})
        assert self.store.set(key, fields, NOW) == len([name for name in fields if name not in before])
        before.update(fields)

    @rule(key=KEYS, field=FIELDS, value=VALUES, overwrite=st.booleans())
    def set_field(self, key, field, value, overwrite):
        before = self.model.setdefault(key, {})
        new = field not in before
        assert self.store.set_field(key, field, value, NOW, overwrite=overwrite) is new
        if new or overwrite:
            before[field] = value

    @rule(key=KEYS, field=FIELDS, amount=st.sampled_from([1, -2]))
    def increment(self, key, field, amount):
        before = json.loads(self.model.get(key, {}).get(field, "0"))
        total = self.store.increment(key, field, amount, NOW)
        if type(before) is int and before + amount < 2**63:
            assert total == before + amount
            self.model.setdefault(key, {})[field] = str(total)
        else:
            assert total == ServiceError("not_integer")

    @rule(key=KEYS, fields=st.lists(FIELDS))
    def remove(self, key, fields):
        before = self.model.get(key, {})
        assert self.store.remove(key, fields, NOW) == len([before.pop(name) for name in set(fields) if name in before])
        if not before:
            self.model.pop(key, None)

    @rule(key=KEYS, fields=st.lists(FIELDS))
    def read_some(self, key, fields):
        before = self.model.get(key, {})
        assert self.store.some(key, fields, NOW) == {name: before[name] for name in fields if name in before}

    @rule()
    def save(self):
        self.saved = self.store.copy(), {key: fields.copy() for key, fields in self.model.items()}

    @rule()
    def restore(self):
        if self.saved is not None:
            self.store = self.saved[0].copy()
            self.model = {key: fields.copy() for key, fields in self.saved[1].items()}

    @rule()
    def dump_and_load(self):
        dumped, self.store = self.store.dump(), MapStore()
        self.store.load(dumped)

    @invariant()
    def they_agree(self):
        found = {key: list(self.store.fields(key, NOW).items()) for key in self.store.keys(NOW)}
        assert found == {key: list(fields.items()) for key, fields in self.model.items()}


TestMaps = Maps.TestCase
TestMaps.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
