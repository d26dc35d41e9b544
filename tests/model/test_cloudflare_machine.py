"""FakeCloudflare over HTTP beside a plain model: a dict of what should be there, and a clock."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pytest_kvfake import FakeCloudflare, strategies
from pytest_kvfake.engine.messages import Headers, Request, body_of

POOL = ("a", "b", "a/b", "a%2Fb", "é", "\U0001f600", "\uff5e", "a b", "p:1", "p:2", "p:10", "k" * 512)
KEYS = st.sampled_from(POOL) | strategies.keys("cloudflare")
VALUES = strategies.values("cloudflare", max_size=200)
TTLS = st.sampled_from((None, 60, 61, 3600))
METADATA = st.none() | strategies.json_values(max_leaves=3).filter(lambda value: len(json.dumps(value)) < 300)


@dataclass(frozen=True)
class Kept:
    """What the model knows of an entry."""

    value: bytes
    metadata: Any
    expiration: int | None


class Cloudflare(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.fake = FakeCloudflare(seed=1, strict="error")
        self.fake.clock.freeze(1_750_000_000)
        self.namespace = self.fake.create_namespace("N")
        self.kept: dict[str, Kept] = {}
        self.saved = None
        self.root = f"/client/v4/accounts/{self.fake.account_id}/storage/kv/namespaces/{self.namespace.id}"

    # The client

    def ask(self, method, path, body=b"", content_type="application/octet-stream"):
        fields = [("authorization", "Bearer t"), ("content-length", str(len(body)))]
        fields += [("content-type", content_type)] if body else []
        response = self.fake.world.handle(Request(method, self.root + path, Headers(fields)), body_of(body)).response
        return response.status, dict(response.headers), response.body

    def ask_json(self, method, path, value=None):
        status, _, body = self.ask(
            method, path, b"" if value is None else json.dumps(value).encode(), "application/json"
        )
        return status, json.loads(body)["result"]

    # The model

    @property
    def now(self):
        return int(self.fake.clock.now())

    def until(self, ttl):
        return None if ttl is None else self.now + ttl

    def alive(self):
        return {key: one for key, one in self.kept.items() if one.expiration is None or one.expiration > self.now}

    # The rules

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def put(self, key, value, ttl):
        query = "" if ttl is None else f"?expiration_ttl={ttl}"
        assert self.ask("PUT", f"/values/{quote(key, safe='')}{query}", value)[0] == 200
        self.kept[key] = Kept(value, None, self.until(ttl))

    @rule(key=KEYS, ttl=st.sampled_from((59, 0, -1)))
    def put_with_a_bad_ttl(self, key, ttl):
        with self.fake.conformance.expect_violation():
            assert self.ask("PUT", f"/values/{quote(key, safe='')}?expiration_ttl={ttl}", b"x")[0] == 400

    @rule(key=KEYS)
    def get(self, key):
        status, headers, body = self.ask("GET", f"/values/{quote(key, safe='')}")
        kept = self.alive().get(key)
        if kept is None:
            assert status == 404
        else:
            expires = None if kept.expiration is None else str(kept.expiration)
            assert (status, body, headers.get("expiration")) == (200, kept.value, expires)

    @rule(key=KEYS)
    def get_metadata(self, key):
        status, metadata = self.ask_json("GET", f"/metadata/{quote(key, safe='')}")
        kept = self.alive().get(key)
        assert (status, metadata) == ((404, {}) if kept is None else (200, kept.metadata))

    @rule(key=KEYS)
    def delete(self, key):
        assert self.ask("DELETE", f"/values/{quote(key, safe='')}")[0] == 200
        self.kept.pop(key, None)

    @rule(
        keys=st.lists(KEYS, max_size=4, unique=True), value=st.text("ab\u20ac", max_size=5), metadata=METADATA, ttl=TTLS
    )
    def bulk_write(self, keys, value, metadata, ttl):
        more = {name: one for name, one in (("metadata", metadata), ("expiration_ttl", ttl)) if one is not None}
        status, result = self.ask_json("PUT", "/bulk", [{"key": key, "value": value, **more} for key in keys])
        assert (status, result) == (200, {"successful_key_count": len(keys), "unsuccessful_keys": []})
        self.kept |= {key: Kept(value.encode(), metadata, self.until(ttl)) for key in keys}

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4, unique=True))
    def bulk_write_that_fails_for_the_first(self, keys):
        self.fake.faults.partial("bulk_write", keys[0])
        _, result = self.ask_json("PUT", "/bulk", [{"key": key, "value": "partial"} for key in keys])
        assert result == {"successful_key_count": len(keys) - 1, "unsuccessful_keys": keys[:1]}
        self.kept |= {key: Kept(b"partial", None, None) for key in keys[1:]}

    @rule(keys=st.lists(KEYS, max_size=4), form=st.sampled_from((("POST", "/bulk/delete"), ("DELETE", "/bulk"))))
    def bulk_delete(self, keys, form):
        status, result = self.ask_json(*form, keys)
        assert (status, result) == (200, {"successful_key_count": len(set(keys)), "unsuccessful_keys": []})
        self.kept = {key: one for key, one in self.kept.items() if key not in keys}

    @rule(keys=st.lists(KEYS, min_size=1, max_size=5))
    def bulk_get(self, keys):
        alive = self.alive()
        status, result = self.ask_json("POST", "/bulk/get", {"keys": keys, "withMetadata": True})
        try:
            texts = {key: alive[key].value.decode() for key in keys if key in alive}
        except UnicodeDecodeError:
            assert status == 400
            return
        assert list(result["values"]) == list(dict.fromkeys(keys))
        for key, shown in result["values"].items():
            assert (shown is None) is (key not in texts)
            if shown is not None:
                assert (shown["value"], shown["metadata"]) == (texts[key], alive[key].metadata)
                assert shown.get("expiration") == alive[key].expiration

    @rule(limit=st.integers(10, 12), prefix=st.sampled_from(("", "a", "p:", "a/", "\U0001f600", "zz")))
    def list_page_by_page(self, limit, prefix):
        listed, cursor = [], ""
        while True:
            query = f"?limit={limit}&prefix={quote_plus(prefix)}&cursor={cursor}"
            status, _, body = self.ask("GET", f"/keys{query}")
            page = json.loads(body)
            assert status == 200
            assert page["result_info"]["count"] == len(page["result"]) <= limit
            listed += page["result"]
            cursor = page["result_info"]["cursor"]
            if not cursor:
                break
        wanted = {key: one for key, one in self.alive().items() if key.startswith(prefix)}
        assert [item["name"] for item in listed] == sorted(wanted, key=str.encode)
        for item in listed:
            kept = wanted[item["name"]]
            assert (item.get("metadata"), item.get("expiration")) == (kept.metadata, kept.expiration)

    @rule(seconds=st.sampled_from((0.5, 1, 59, 60, 3600)))
    def time_passes(self, seconds):
        self.fake.clock.advance(seconds)

    @rule()
    def save(self):
        self.saved = (self.fake.snapshot(), dict(self.kept))

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self):
        snapshot, kept = self.saved
        self.fake.restore(snapshot)
        self.kept = dict(kept)

    @rule(key=KEYS, name=st.sampled_from(("rate_limited", "service_unavailable")))
    def a_write_fails_before_it_happens(self, key, name):
        status = self.fake.document.errors[name].status
        with self.fake.faults.error("write_value", name) as fault:
            assert self.ask("PUT", f"/values/{quote(key, safe='')}", b"lost")[0] == status
        assert fault.fired == 1

    @rule(key=KEYS)
    def the_answer_of_a_write_is_lost(self, key):
        with self.fake.faults.error("write_value", status=503, applied=True):
            assert self.ask("PUT", f"/values/{quote(key, safe='')}", b"kept")[0] == 503
        self.kept[key] = Kept(b"kept", None, None)

    @rule(key=KEYS)
    def a_delete_fails_before_it_happens(self, key):
        with self.fake.faults.error("delete_value", "rate_limited"):
            assert self.ask("DELETE", f"/values/{quote(key, safe='')}")[0] == 429

    # What always holds

    @invariant()
    def the_python_face_shows_the_same(self):
        alive = self.alive()
        assert {key: entry.value for key, entry in self.namespace.items()} == {k: one.value for k, one in alive.items()}
        assert len(self.namespace) == len(alive)

    def teardown(self):
        if hasattr(self, "fake"):
            self.fake.verify()


TestCloudflare = Cloudflare.TestCase
TestCloudflare.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, database=None)
