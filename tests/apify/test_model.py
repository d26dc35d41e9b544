"""The fake against a model that is too simple to be wrong: a dictionary of stores, each a dictionary of records."""

import gzip
import io
import json
import zipfile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake import FakeApify
from pytest_kvfake.engine.messages import Headers, Request, body_of

CLOCK = 1_750_000_000
NAMES = st.sampled_from(["one", "two"])
KEYS = st.sampled_from(["B", "_x", "a", "b1", "b2", "a-b"])
TYPES = st.sampled_from(["text/plain", "image/png; q=1"])


class Apify(RuleBasedStateMachine):
    """A few named stores, seen through requests; what the answers have to be is worked out beside it."""

    @initialize()
    def begin(self):
        self.fake = FakeApify(seed=1)
        self.fake.clock.freeze(CLOCK)
        self.stores: dict[str, dict[str, tuple[bytes, str, bool]]] = {}
        self.ids: dict[str, str] = {}
        self.saved = None

    def ask(self, method, path, body=b"", **fields):
        pairs = [("Authorization", f"Bearer {self.fake.token}"), *((n.replace("_", "-"), v) for n, v in fields.items())]
        response = self.fake.world.handle(Request(method, f"/v2{path}", Headers(pairs)), body_of(body)).response
        content = b"".join(response.stream()) if response.stream is not None else response.body
        return response.status, content, response

    def data(self, path):
        status, body, _ = self.ask("GET", path)
        assert status == 200
        return json.loads(body)["data"]

    @rule(name=NAMES)
    def get_or_create(self, name):
        status, body, _ = self.ask("POST", f"/key-value-stores?name={name}")
        made = json.loads(body)["data"]["id"]
        assert status == (200 if name in self.stores else 201)
        assert self.ids.get(name, made) == made
        self.stores.setdefault(name, {})
        self.ids[name] = made

    @rule(name=NAMES, new=NAMES)
    def rename(self, name, new):
        body = json.dumps({"name": new}).encode()
        status, _, _ = self.ask("PUT", f"/key-value-stores/~{name}", body, content_type="application/json")
        if name not in self.stores:
            assert status == 404
        elif new in self.stores and new != name:
            assert status == 409
        else:
            assert status == 200
            self.stores[new], self.ids[new] = self.stores.pop(name), self.ids.pop(name)

    @rule(name=NAMES)
    def delete_store(self, name):
        assert self.ask("DELETE", f"/key-value-stores/~{name}")[0] == (204 if name in self.stores else 404)
        self.stores.pop(name, None)
        self.ids.pop(name, None)

    @rule(name=NAMES, key=KEYS, value=st.binary(max_size=6), kind=TYPES, packed=st.booleans())
    def write(self, name, key, value, kind, packed):
        body = gzip.compress(value, mtime=0) if packed else value
        coding = {"content_encoding": "gzip"} if packed else {}
        status, _, _ = self.ask("PUT", f"/key-value-stores/~{name}/records/{key}", body, content_type=kind, **coding)
        assert status == (201 if name in self.stores else 404)
        if name in self.stores:
            self.stores[name][key] = (value, kind, packed)

    @rule(name=NAMES, key=KEYS, value=st.binary(max_size=6), applied=st.booleans())
    def lose_the_answer_of_a_write(self, name, key, value, applied):
        if name not in self.stores:
            return
        self.fake.faults.error("store_record", status=500, applied=applied)
        path = f"/key-value-stores/~{name}/records/{key}"
        assert self.ask("PUT", path, value, content_type="text/plain")[0] == 500
        assert self.fake.journal.last.applied is applied
        if applied:
            self.stores[name][key] = (value, "text/plain", False)

    @rule(name=NAMES, key=KEYS)
    def delete(self, name, key):
        status, _, _ = self.ask("DELETE", f"/key-value-stores/~{name}/records/{key}")
        assert status == (204 if name in self.stores else 404)
        self.stores.get(name, {}).pop(key, None)

    @rule(name=NAMES, prefix=st.sampled_from(["", "b", "a", "zz"]), limit=st.integers(1, 3))
    def walk(self, name, prefix, limit):
        if name not in self.stores:
            return
        expected = sorted(key for key in self.stores[name] if key.startswith(prefix))
        seen, after = [], ""
        while after is not None:
            query = f"prefix={prefix}&limit={limit}" + (f"&exclusiveStartKey={after}" if after else "")
            page = self.data(f"/key-value-stores/~{name}/keys?{query}")
            seen += [item["key"] for item in page["items"]]
            after = page["nextExclusiveStartKey"]
            assert page["isTruncated"] is (after is not None)
        assert seen == expected

    @rule()
    def save(self):
        stores = {name: dict(records) for name, records in self.stores.items()}
        self.saved = (self.fake.snapshot(), stores, dict(self.ids))

    @rule()
    def come_back(self):
        if self.saved is not None:
            snapshot, stores, ids = self.saved
            self.stores, self.ids = {name: dict(records) for name, records in stores.items()}, dict(ids)
            self.fake.restore(snapshot)

    @invariant()
    def reads_show_the_model(self):
        if not hasattr(self, "fake"):
            return
        for name, records in self.stores.items():
            for key in ("B", "_x", "a", "b1", "b2", "a-b"):
                status, body, response = self.ask("GET", f"/key-value-stores/{self.ids[name]}/records/{key}")
                assert status == (200 if key in records else 404)
                if key in records:
                    assert (body, response.header("content-type")) == records[key][:2]
                    assert response.header("content-encoding") is None

    @invariant()
    def archives_and_stores_show_the_model(self):
        if not hasattr(self, "fake"):
            return
        assert {one["name"] for one in self.data("/key-value-stores")["items"]} == set(self.stores)
        for name, records in self.stores.items():
            _, body, _ = self.ask("GET", f"/key-value-stores/~{name}/records")
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                assert archive.testzip() is None
                found = {entry: archive.read(entry) for entry in archive.namelist()}
            assert found == {key: value for key, (value, _, _) in records.items()}
            size = sum(len(gzip.compress(value, mtime=0) if packed else value) for value, _, packed in records.values())
            assert self.data(f"/key-value-stores/~{name}")["stats"].get("storageBytes", 0) == size

    def teardown(self):
        if hasattr(self, "fake"):
            self.fake.verify()


Apify.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestApify = Apify.TestCase
