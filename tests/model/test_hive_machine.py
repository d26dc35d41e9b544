"""FakeHive over HTTP beside a plain model: a dictionary of values with their ends, and a list; the stores' own rules
are held against models of their own.
"""

import json
from urllib.parse import quote

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake import FakeHive, strategies
from pytest_kvfake.engine.messages import Headers, Request, body_of

T0 = 1_700_000_000
KEYS = st.sampled_from(["a", "b", "é", "a b", "p:1", "p:2"])
VALUES = strategies.json_values(max_leaves=3).filter(lambda value: value is not None)
CONDITIONS = st.sampled_from(["Always", "IfExists", "IfNotExists"])


class Hive(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.fake = FakeHive(seed=1)
        self.fake.clock.freeze(T0)
        self.fake.create_hive("h")
        self.now = T0
        self.values: dict[str, tuple[object, int | None]] = {}
        self.items: list[object] = []
        self.saved = None

    def ask(self, method, path, body=...):
        fields = [] if body is ... else [("content-type", "application/json")]
        raw = b"" if body is ... else json.dumps(body).encode()
        head = Request(method, f"/api/hive/h{path}", Headers([*fields, ("content-length", str(len(raw)))]))
        response = self.fake.world.handle(head, body_of(raw)).response
        return response.status, json.loads(response.body) if response.body else None

    def alive(self):
        return {key: value for key, (value, end) in self.values.items() if end is None or self.now < end}

    @rule(key=KEYS, value=VALUES, ttl=st.sampled_from([None, 1, 60]), condition=CONDITIONS)
    def put(self, key, value, ttl, condition):
        met = {"Always": True, "IfExists": key in self.alive(), "IfNotExists": key not in self.alive()}[condition]
        more = {} if ttl is None else {"ttl": ttl}
        body = {"value": value, "condition": condition, **more}
        assert self.ask("PUT", f"/key-value/{quote(key, safe='')}", body) == (200, met)
        if met:
            self.values[key] = (value, None if ttl is None else self.now + ttl)

    @rule(values=st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
    def put_many(self, values):
        assert self.ask("PUT", "/key-value", values) == (200, None)
        self.values |= {key: (value, None) for key, value in values.items()}

    @rule(key=KEYS, value=VALUES, applied=st.booleans())
    def lose_the_answer_of_a_write(self, key, value, applied):
        self.fake.faults.error("key_value_set", status=500, applied=applied)
        assert self.ask("PUT", f"/key-value/{quote(key, safe='')}", {"value": value})[0] == 500
        assert self.fake.journal.last.applied is applied
        if applied:
            self.values[key] = (value, None)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True))
    def delete_many(self, keys):
        gone = [key for key in keys if key in self.alive()]
        assert self.ask("DELETE", "/key-value", keys) == (200, len(gone))
        for key in keys:
            self.values.pop(key, None)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True))
    def get_many(self, keys):
        alive = self.alive()
        assert self.ask("POST", "/key-value", keys) == (200, {key: alive[key] for key in keys if key in alive})

    @rule(size=st.integers(1, 3))
    def walk(self, size):
        seen, cursor = [], "0"
        while True:
            status, page = self.ask("GET", f"/key-value/keys?cursor={cursor}&pageSize={size}")
            assert status == 200
            seen += page["keys"]
            cursor = str(page["cursor"])
            if cursor == "0":
                break
        assert sorted(seen) == sorted(self.alive())

    @rule(value=VALUES, end=st.sampled_from(["add-first", "add-last"]))
    def add(self, value, end):
        self.items = [value, *self.items] if end == "add-first" else [*self.items, value]
        assert self.ask("PUT", f"/list/l/{end}", [value]) == (200, len(self.items))

    @rule(seconds=st.sampled_from([0.5, 1, 59]))
    def wait(self, seconds):
        self.now += seconds
        self.fake.clock.advance(seconds)

    @rule()
    def save(self):
        self.saved = (self.fake.snapshot(), dict(self.values), list(self.items))

    @rule()
    def come_back(self):
        if self.saved is not None:
            snapshot, values, items = self.saved
            self.values, self.items = dict(values), list(items)
            self.fake.restore(snapshot)

    @invariant()
    def reads_show_the_model(self):
        if not hasattr(self, "fake"):
            return
        alive = self.alive()
        for key in ("a", "b", "é", "a b", "p:1", "p:2"):
            assert self.ask("GET", f"/key-value/{quote(key, safe='')}") == (200, alive.get(key))
        assert self.ask("GET", "/list/l") == (200, self.items)

    def teardown(self):
        if hasattr(self, "fake"):
            self.fake.verify()


Hive.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestHive = Hive.TestCase
