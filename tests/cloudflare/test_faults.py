"""Where, when and what of faults, in combinations."""

import httpx
import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.engine import pipeline
from pytest_kvfake.engine.messages import Headers, Request
from pytest_kvfake.errors import UsageError, VerificationError


class Client:
    """A few requests, in process, with a location."""

    def __init__(self, kv, ns):
        self.http = httpx.Client(
            transport=kv.httpx_transport(),
            base_url=f"http://fake/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}",
            headers={"Authorization": "Bearer t"},
        )

    def write(self, key, value="v"):
        return self.http.put(f"/values/{key}", content=value).status_code

    def read(self, key):
        return self.http.get(f"/values/{key}").text

    def keys(self, **query):
        return [item["name"] for item in self.http.get("/keys", params=query).json()["result"]]

    def bulk_write(self, *keys):
        return self.http.put("/bulk", json=[{"key": key, "value": "v"} for key in keys])


@pytest.fixture
def kv():
    fake = FakeCloudflare(seed=1)
    fake.clock.freeze(1_750_000_000)
    return fake


@pytest.fixture
def ns(kv):
    return kv.create_namespace("tests", {"k": "old"})


@pytest.fixture
def client(kv, ns):
    made = Client(kv, ns)
    with made.http:
        yield made


# Eventual consistency


def test_two_stale_faults_act_where_each_was_meant(kv, ns, client):
    kv.faults.stale("read_value", read_your_writes=False)
    kv.faults.stale("list_keys", read_your_writes=False)
    assert (client.read("k"), client.keys()) == ("old", ["k"])
    ns["k"], ns["l"] = "new", "new"
    assert (client.read("k"), client.keys()) == ("old", ["k"])


def test_a_write_is_seen_at_once_through_every_stale_fault_that_reads_its_own(kv, client):
    kv.faults.stale("read_value")
    kv.faults.stale("list_keys")
    assert (client.read("k"), client.keys()) == ("old", ["k"])
    client.write("k", "new")
    client.write("l")
    assert (client.read("k"), client.keys()) == ("new", ["k", "l"])


def test_a_stale_fault_acts_as_often_as_it_was_told(kv, ns, client):
    fault = kv.faults.stale("read_value", times=2)
    assert client.read("k") == "old"
    ns["k"] = "new"
    assert [client.read("k"), client.read("k")] == ["old", "new"]
    assert fault.fired == 2


def test_the_journal_finds_the_reads_on_which_a_stale_fault_acted(kv, ns, client):
    fault = kv.faults.stale("read_value", times=1)
    ns["k"] = "old"
    assert [client.read("k"), client.read("k")] == ["old", "old"]
    assert [exchange.fault for exchange in kv.journal.of("read_value")] == [str(fault), None]
    assert len(kv.journal.of(fault="stale")) == 1


def test_a_stale_fault_lets_the_first_requests_by(kv, ns, client):
    kv.faults.stale("read_value", after=2)
    read = []
    for value in ("a", "b", "c", "d"):
        ns["k"] = value
        read.append(client.read("k"))
    assert read == ["a", "b", "c", "c"]


def test_removed_keys_keep_their_place_after_everything_has_settled(kv, ns, client):
    for number in range(20):
        ns[f"a{number:02}"] = "v"
    kv.faults.stale("list_keys", tombstones=True)
    client.keys(limit=10)
    kv.faults.settle()
    del ns["a00"], ns["a01"]
    assert len(client.keys(limit=10)) == 8


# Rate limits


@pytest.mark.parametrize(
    ("limit", "counted", "free"),
    [
        ("free_reads_per_day", "read", "write"),
        ("free_writes_per_day", "write", "read"),
        ("free_lists_per_day", "list", "read"),
        ("free_deletes_per_day", "delete", "write"),
    ],
)
def test_a_quota_counts_what_it_is_a_quota_of(kv, client, limit, counted, free):
    # cloudflare.md 1: so many reads, writes, deletes and lists a day, each by itself.
    ask = {
        "read": lambda: client.http.get("/values/k"),
        "write": lambda: client.http.put("/values/k", content="v"),
        "list": lambda: client.http.get("/keys"),
        "delete": lambda: client.http.delete("/values/k"),
    }
    kv.faults.rate_limit(limit=limit, requests=1)
    assert [ask[free]().status_code, ask[free]().status_code] == [200, 200]
    ask[counted]()
    assert ask[counted]().json()["errors"] == [{"code": 10048, "message": "free usage limit reached"}]


def test_a_limit_of_writes_leaves_reads_alone(kv, client):
    # cloudflare.md 11.4: writes (also bulk items) to one key.
    kv.faults.rate_limit(limit="writes_per_key")
    client.write("k")
    assert [client.http.get("/values/k").status_code, client.write("k")] == [200, 429]


def test_a_limit_where_it_counts_nothing_is_a_mistake(kv):
    with pytest.raises(UsageError, match="writes_per_key"):
        kv.faults.rate_limit("read_value", limit="writes_per_key")


# What cannot be meant


def test_a_refused_outage_takes_no_schedule(kv):
    with pytest.raises(UsageError, match="whole fake"):
        kv.faults.outage(refuse=True, window=(0, 1))
    with pytest.raises(UsageError, match="whole fake"):
        kv.faults.outage("write_value", refuse=True)
    assert kv.faults.armed == ()


def test_a_key_where_requests_name_none_is_a_mistake(kv):
    with pytest.raises(UsageError, match="list_keys"):
        kv.faults.error("list_keys", "rate_limited", key="k")


@pytest.mark.parametrize("kind", ["hang", "reset", "empty", "stale_connection"])
def test_a_key_in_a_body_that_is_not_read_is_a_mistake(kv, kind):
    # design 5: a wire fault on the head is matched on method, operation and key only.
    with pytest.raises(UsageError, match="body"):
        getattr(kv.faults, kind)("bulk_write", key="k")


def test_a_key_in_a_body_that_is_read_is_none(kv, client):
    kv.faults.truncate("bulk_write", key="k")
    kv.faults.error("bulk_write", "rate_limited", key="k")
    assert client.bulk_write("l").status_code == 200
    assert client.bulk_write("k").status_code == 429


# A request that the service refuses


def test_a_refused_bulk_write_does_not_use_up_a_partial_failure(kv, ns, client):
    fault = kv.faults.partial("bulk_write", "b")
    refused = client.http.put("/bulk", json=[{"key": "b", "value": "v", "expiration_ttl": 1}])
    assert (refused.status_code, fault.fired, kv.journal.last.fault) == (400, 0, None)
    assert client.bulk_write("a", "b").json()["result"]["unsuccessful_keys"] == ["b"]


def test_the_gateway_limits_before_the_service_looks(kv, client):
    # cloudflare.md 3.3: the global rate limit comes before the namespace id, the query and the body.
    kv.faults.rate_limit(requests=1)
    assert client.http.get("/keys?limit=1").status_code == 400
    assert client.http.get("/keys?limit=1").status_code == 429


def test_an_injected_global_limit_comes_before_the_service_looks(kv, client):
    kv.faults.error("list_keys", "rate_limited")
    assert client.http.get("/keys?limit=1").status_code == 429


def test_a_bad_credential_does_not_use_up_a_global_limit(kv, client):
    fault = kv.faults.error("list_keys", "rate_limited", optional=True)
    assert client.http.get("/keys", headers={"Authorization": "Basic x"}).status_code == 400
    assert fault.fired == 0


def test_an_error_of_the_store_comes_after_the_checks(kv, client):
    fault = kv.faults.error("list_keys", "free_usage_limit_reached", optional=True)
    assert client.http.get("/keys?limit=1").status_code == 400
    assert fault.fired == 0


def test_refusing_connections_claims_no_request_under_way(kv, client):
    # a request that was past the first look when the refusal began goes on
    kv.faults.refuse()
    request = Request("GET", f"/accounts/{kv.account_id}/storage/kv/namespaces", Headers())
    command = pipeline.route(kv.world, request)
    assert command.operation.name == "list_namespaces"
    assert kv.faults.claim("head", command) is None


def test_connections_are_refused_from_the_start_where_that_was_asked_for(kv):
    refusal = kv.faults.refuse()
    with kv:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{kv.url}/user")
        refusal.remove()
        assert httpx.get(f"{kv.url}/user").status_code == 400


def test_a_predicate_that_fails_is_told_as_such(kv, client):
    def mistaken(request):
        raise ZeroDivisionError(request.method)

    kv.faults.error("read_value", "key_not_found", when=mistaken, optional=True)
    assert client.http.get("/values/k").status_code == 500
    with pytest.raises(VerificationError, match=r"(?s)^The when= of “error key_not_found on read_value” .*mistaken"):
        kv.verify()


def test_violations_are_told_in_the_test_that_had_them(kv, client):
    kv.faults.error("write_value", "rate_limited")
    client.http.get("/values/k?colour=red")
    with pytest.raises(VerificationError, match=r"(?s)was to fire.*query colour"):
        kv.verify()
    kv.verify()


def test_a_rehearsed_write_leaves_what_stale_faults_remember(kv, ns, client):
    kv.faults.stale("READ", read_your_writes=False)
    assert client.read("k") == "old"
    ns["k"] = "new"
    kv.faults.truncate("write_value", 1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.write("other")
    assert client.read("k") == "old"


def test_a_rehearsed_write_leaves_the_places_of_removed_keys(kv, ns, client):
    for number in range(20):
        ns[f"a{number:02}"] = "v"
    kv.faults.stale("list_keys", tombstones=True)
    client.keys(limit=10)
    kv.faults.truncate("write_value", 1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.write("other")
    del ns["a00"], ns["a01"]
    assert len(client.keys(limit=10)) == 8


def test_a_state_that_is_put_in_place_is_seen_at_once(kv, ns, client):
    before = kv.snapshot()
    ns["k"] = "new"
    kv.faults.stale()
    assert client.read("k") == "new"
    kv.restore(before)
    assert client.read("k") == "old"


def test_a_second_fault_keeps_the_places_of_removed_keys_too(kv, ns, client):
    for number in range(20):
        ns[f"a{number:02}"] = "v"
    for _ in range(2):
        with kv.faults.stale("list_keys", tombstones=True):
            client.keys(limit=10)
            del ns[next(iter(ns))]
            assert len(client.keys(limit=10)) == 9
