"""The official Python SDK (`cloudflare` 5) against the fake: every KV method, sync and async, in both dialects."""

import asyncio
import inspect
import io
import warnings
from collections.abc import Iterator
from operator import attrgetter

import pytest

cloudflare = pytest.importorskip("cloudflare", minversion="5.0", reason="older SDKs have a test file of their own")

from cloudflare.resources.kv import NamespacesResource  # noqa: E402 - only there in this major version
from cloudflare.resources.kv.namespaces import KeysResource, MetadataResource, ValuesResource  # noqa: E402

from pytest_kvfake.cloudflare import FakeCloudflare  # noqa: E402
from pytest_kvfake.contract.document import DIALECTS  # noqa: E402

AT_ONCE = {"retry-after-ms": "1"}


class Sdk:
    """One client, sync or async, spoken to in the same words."""

    def __init__(self, client, fake, loop=None):
        self.client = client
        self.fake = fake
        self.account = {"account_id": fake.account_id}
        self.namespaces, self.values = client.kv.namespaces, client.kv.namespaces.values
        self.loop = loop

    def seed(self):
        self.ns = self.fake.create_namespace("settings", {"a": "1"})
        self.place = {**self.account, "namespace_id": self.ns.id}
        return self

    def done(self, outcome):
        return self.loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome

    def all(self, pages):
        async def gathered():
            return [item async for item in pages]

        return self.done(gathered()) if hasattr(pages, "__aiter__") else list(pages)

    def read(self, key):
        return self.done(self.done(self.values.get(key, **self.place)).read())

    def write(self, key, value=b"v", **options):
        return self.done(self.values.update(key, value=value, **self.place, **options))

    def refused(self, call, kind=cloudflare.APIStatusError):
        """Makes a call that is refused, and gives the SDK's error."""
        with pytest.raises(kind) as caught:
            self.done(call())
        return caught.value

    def __call__(self, name, *args):
        """Carries out a call of a contract case, whose last argument is an object of named ones."""
        *positional, named = args
        named = {option: value.encode() if option == "value" else value for option, value in named.items()}
        return attrgetter(name)(self.client)(*positional, **named)


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture(params=["sync", "async"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def connect(kv, kind, monkeypatch) -> Iterator:
    """Makes clients of the parametrised kind that know the fake from their environment, unless told otherwise."""
    kv.use_env(monkeypatch)
    loop = asyncio.new_event_loop() if kind == "async" else None
    clients = []

    def make(**options):
        clients.append((cloudflare.AsyncCloudflare if loop else cloudflare.Cloudflare)(**options))
        return Sdk(clients[-1], kv, loop)

    yield make
    for client in clients:
        loop.run_until_complete(client.close()) if loop else client.close()
    if loop:
        loop.close()


@pytest.fixture
def sdk(connect) -> Sdk:
    return connect().seed()


# Every method

CALLS = {
    "namespaces.create": ("create_namespace", lambda s: s.namespaces.create(**s.account, title="new")),
    "namespaces.update": ("rename_namespace", lambda s: s.namespaces.update(s.ns.id, **s.account, title="new")),
    "namespaces.list": ("list_namespaces", lambda s: s.namespaces.list(**s.account)),
    "namespaces.delete": ("remove_namespace", lambda s: s.namespaces.delete(s.ns.id, **s.account)),
    "namespaces.get": ("get_namespace", lambda s: s.namespaces.get(s.ns.id, **s.account)),
    "namespaces.bulk_delete": ("bulk_delete", lambda s: s.namespaces.bulk_delete(s.ns.id, **s.account, body=["a"])),
    "namespaces.bulk_get": ("bulk_get", lambda s: s.namespaces.bulk_get(s.ns.id, **s.account, keys=["a"])),
    "namespaces.bulk_update": (
        "bulk_write",
        lambda s: s.namespaces.bulk_update(s.ns.id, **s.account, body=[{"key": "k", "value": "v"}]),
    ),
    "keys.list": ("list_keys", lambda s: s.namespaces.keys.list(s.ns.id, **s.account)),
    "keys.bulk_delete": ("bulk_delete", lambda s: s.namespaces.keys.bulk_delete(s.ns.id, **s.account, body=["a"])),
    "keys.bulk_get": ("bulk_get", lambda s: s.namespaces.keys.bulk_get(s.ns.id, **s.account, keys=["a"])),
    "keys.bulk_update": (
        "bulk_write",
        lambda s: s.namespaces.keys.bulk_update(s.ns.id, **s.account, body=[{"key": "k", "value": "v"}]),
    ),
    "values.update": ("write_value", lambda s: s.values.update("k", **s.place, value=b"v")),
    "values.get": ("read_value", lambda s: s.values.get("a", **s.place)),
    "values.delete": ("delete_value", lambda s: s.values.delete("a", **s.place)),
    "metadata.get": ("read_metadata", lambda s: s.namespaces.metadata.get("a", **s.place)),
}
NO_RESULT = {"namespaces.delete", "values.update", "values.delete"}

# What wrangler and other tools ask on the way.
CALLS_BESIDE_KV = {
    "accounts.list": ("list_accounts", lambda s: s.client.accounts.list()),
    "memberships.list": ("list_memberships", lambda s: s.client.memberships.list()),
    "user.get": ("get_user", lambda s: s.client.user.get()),
    "user.tokens.verify": ("verify_token", lambda s: s.client.user.tokens.verify()),
    "accounts.tokens.verify": ("verify_account_token", lambda s: s.client.accounts.tokens.verify(**s.account)),
}


def test_no_kv_method_of_the_sdk_is_left_out():
    resources = {
        "namespaces": NamespacesResource,
        "keys": KeysResource,
        "values": ValuesResource,
        "metadata": MetadataResource,
    }
    methods = {
        f"{name}.{member}"
        for name, resource in resources.items()
        for member, value in vars(resource).items()
        if inspect.isfunction(value) and not member.startswith(("_", "with_"))
    }
    assert methods == set(CALLS)


UNDERSTOOD = [
    (dialect, name)
    for dialect in DIALECTS
    for name in (*CALLS, *CALLS_BESIDE_KV)
    if dialect == "documented" or name not in NO_RESULT
]


@pytest.mark.parametrize(("kv", "name"), UNDERSTOOD, indirect=["kv"])
def test_each_method_passes_the_sdks_own_strict_validation(connect, kv, name):
    sdk = connect(_strict_response_validation=True).seed()
    operation, call = {**CALLS, **CALLS_BESIDE_KV}[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # keys.bulk_… are the old names of namespaces.bulk_…
        sdk.done(call(sdk))
    assert [(x.operation, x.status) for x in kv.journal] == [(operation, 200)]
    kv.verify()


@pytest.mark.parametrize("name", sorted(NO_RESULT))
@pytest.mark.parametrize("kv", ["observed"], indirect=True)
def test_strict_validation_does_not_take_what_production_sends_without_a_result(connect, name):
    sdk = connect(_strict_response_validation=True).seed()
    with pytest.raises(cloudflare.APIResponseValidationError):
        sdk.done(CALLS[name][1](sdk))


@pytest.mark.parametrize("name", sorted(NO_RESULT))
def test_without_strict_validation_both_dialects_are_understood(sdk, kv, name):
    result = sdk.done(CALLS[name][1](sdk))
    assert (result is None) is (kv.dialect == "observed")


# Namespaces


def test_a_namespace_is_created_read_renamed_and_removed(sdk, kv):
    made = sdk.done(sdk.namespaces.create(**sdk.account, title="My Own Namespace"))
    assert (made.title, made.supports_url_encoding) == ("My Own Namespace", True)
    assert sdk.done(sdk.namespaces.get(made.id, **sdk.account)) == made
    renamed = sdk.done(sdk.namespaces.update(made.id, **sdk.account, title="other"))
    assert (renamed.id, renamed.title) == (made.id, "other")
    sdk.done(sdk.namespaces.delete(made.id, **sdk.account))
    assert list(kv.namespaces) == [sdk.ns.id]


def test_a_jurisdiction_is_kept(sdk, kv):
    made = sdk.done(sdk.namespaces.create(**sdk.account, title="x", jurisdiction="eu"))
    assert made.jurisdiction == kv.namespaces["x"].jurisdiction == "eu"


def test_iterating_namespaces_ends_at_the_empty_page(connect, sent_as):
    sdk = connect()
    listed = sent_as("cloudflare-194", lambda call: sdk.all(sdk(*call)))
    assert sorted(namespace.title for namespace in listed) == ["M", "N", "O"]


def test_namespaces_come_page_by_page_in_the_order_asked_for(sdk, kv):
    for title in ("b", "c"):
        kv.create_namespace(title)
    pages = sdk.namespaces.list(**sdk.account, per_page=2, order="title", direction="desc")
    assert [namespace.title for namespace in sdk.all(pages)] == ["settings", "c", "b"]
    query = "direction=desc&order=title&per_page=2"
    assert [x.request.query for x in kv.journal] == [query, f"{query}&page=2", f"{query}&page=3"]


# Keys


def test_iterating_keys_follows_the_cursor_to_its_end(sdk, kv):
    names = [f"key-{number:02}" for number in range(25)]
    for name in names:
        sdk.ns[name] = b"v"
    listed = sdk.all(sdk.namespaces.keys.list(sdk.ns.id, **sdk.account, limit=10, prefix="key-"))
    assert [key.name for key in listed] == names
    pages = kv.journal.of("list_keys")
    assert ["cursor=" in page.request.query for page in pages] == [False, True, True]
    assert all("limit=10" in page.request.query and "prefix=key-" in page.request.query for page in pages)


def test_a_listed_key_has_its_expiration_and_metadata_only_if_it_has_some(sdk, kv):
    kv.clock.freeze(1750000000)
    sdk.ns.put("b", b"2", metadata={"m": 1}, expiration_ttl=60)
    bare, full = sdk.all(sdk.namespaces.keys.list(sdk.ns.id, **sdk.account))
    assert bare.to_dict() == {"name": "a"}
    assert full.to_dict() == {"name": "b", "expiration": 1750000060, "metadata": {"m": 1}}


def test_a_prefix_keeps_its_blank_and_its_plus(sdk, kv):
    sdk.ns["a b+c/1"] = sdk.ns["a+b c/1"] = b"v"
    listed = sdk.all(sdk.namespaces.keys.list(sdk.ns.id, **sdk.account, prefix="a b+c"))
    assert [key.name for key in listed] == ["a b+c/1"]
    assert "prefix=a+b%2Bc" in kv.journal.last.request.query


# Values


@pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\r\n--boundary\r\n", b"x" * 2_000_000])
def test_a_value_comes_back_byte_for_byte(sdk, value):
    sdk.write("k", value)
    assert sdk.ns["k"].value == sdk.read("k") == value


@pytest.mark.parametrize("value", [io.BytesIO(b"file"), ("name.bin", b"file"), ("name.txt", b"file", "text/plain")])
def test_a_value_may_be_a_file(sdk, value):
    if isinstance(value, io.BytesIO):
        value.seek(0)
    sdk.write("k", value)
    assert sdk.ns["k"].value == b"file"


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("a b+c", "a%20b+c"),
        ("ä€😀", "%C3%A4%E2%82%AC%F0%9F%98%80"),
        ("?q=1", "%3Fq=1"),
        ("#x", "%23x"),
        ("a:b!", "a:b!"),
        ("a%2Fb", "a%252Fb"),
        ("/a//b/", "%2Fa%2F%2Fb%2F"),
        ("\x1f", "%1F"),
        ("k" * 512, "k" * 512),
    ],
)
def test_an_awkward_key_is_one_and_the_same_in_all_calls(sdk, kv, key, sent):
    sdk.write(key, b"v", metadata={"m": 1})
    assert kv.journal.last.request.path.rpartition("/values/")[2] == sent
    assert kv.journal.last.key == key
    assert key in sdk.ns
    assert sdk.read(key) == b"v"
    assert sdk.done(sdk.namespaces.metadata.get(key, **sdk.place)) == {"m": 1}
    assert key in [listed.name for listed in sdk.all(sdk.namespaces.keys.list(sdk.ns.id, **sdk.account))]
    sdk.done(sdk.values.delete(key, **sdk.place))
    assert key not in sdk.ns


def test_one_multipart_request_writes_value_and_metadata(connect, sent_as):
    sdk = connect()
    sent_as("cloudflare-195", lambda call: sdk.done(sdk(*call)))


@pytest.mark.parametrize(
    "metadata", [{"a": {"b": [1, None, "ä"]}}, {}, [1, "x"], [], 7, 1.5, True, False, '"text"', None], ids=repr
)
def test_metadata_of_any_json_kind_comes_back(sdk, metadata):
    sdk.write("k", metadata=metadata)
    kept = "text" if metadata == '"text"' else metadata  # the SDK sends a string without JSON's quotes
    assert sdk.ns["k"].metadata == kept
    assert sdk.done(sdk.namespaces.metadata.get("k", **sdk.place)) == kept


def test_metadata_that_is_a_plain_word_is_no_json(sdk):
    error = sdk.refused(lambda: sdk.values.update("k", value=b"v", metadata="word", **sdk.place))
    assert (error.status_code, error.errors[0].code) == (400, 10147)
    assert "k" not in sdk.ns


def test_a_write_without_metadata_clears_what_was_there(sdk):
    sdk.ns.put("k", b"v", metadata={"m": 1}, expiration_ttl=60)
    sdk.write("k", b"new")
    assert (sdk.ns["k"].value, sdk.ns["k"].metadata, sdk.ns["k"].expiration) == (b"new", None, None)


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({"expiration_ttl": 90}, "expiration_ttl=90"),
        ({"expiration": 1750000090}, "expiration=1750000090"),
        ({"expiration": 1, "expiration_ttl": 90}, "expiration=1&expiration_ttl=90"),
    ],
)
def test_a_value_is_gone_when_it_expires(sdk, kv, options, query):
    kv.clock.freeze(1750000000)
    sdk.write("k", **options)
    assert kv.journal.last.request.query == query
    read = sdk.done(sdk.values.get("k", **sdk.place))
    assert read.headers["expiration"] == "1750000090"
    kv.clock.advance(89)
    assert sdk.read("k") == b"v"
    kv.clock.advance(1)
    assert sdk.refused(lambda: sdk.values.get("k", **sdk.place), cloudflare.NotFoundError).errors[0].code == 10009


def test_deleting_a_missing_key_succeeds(sdk, kv):
    sdk.done(sdk.values.delete("none", **sdk.place))
    assert kv.journal.last.status == 200


# Bulk


def test_bulk_update_writes_text_base64_metadata_and_expiration(sdk, kv):
    kv.clock.freeze(1750000000)
    pairs = [
        {"key": "text", "value": "ä", "metadata": {"m": 1}},
        {"key": "raw", "value": "AP8=", "base64": True, "expiration_ttl": 60},
    ]
    done = sdk.done(sdk.namespaces.bulk_update(sdk.ns.id, **sdk.account, body=pairs))
    assert (done.successful_key_count, done.unsuccessful_keys) == (2, [])
    assert (sdk.ns["text"].value.decode(), sdk.ns["text"].metadata) == ("ä", {"m": 1})
    assert (sdk.ns["raw"].value, sdk.ns["raw"].expiration) == (b"\x00\xff", 1750000060)


def test_bulk_get_gives_null_for_a_missing_key(sdk):
    found = sdk.done(sdk.namespaces.bulk_get(sdk.ns.id, **sdk.account, keys=["a", "none"]))
    assert found.values == {"a": "1", "none": None}


def test_strict_validation_refuses_the_null_of_a_missing_key_in_a_bulk_get(connect):
    sdk = connect(_strict_response_validation=True).seed()
    with pytest.raises(cloudflare.APIResponseValidationError):  # the vendor's schema forgets it
        sdk.done(sdk.namespaces.bulk_get(sdk.ns.id, **sdk.account, keys=["a", "none"]))


@pytest.mark.parametrize(
    ("text", "value"), [("[1]", [1]), ('{"x": 1}', {"x": 1}), ("true", True), ("7", 7), ('"s"', "s")]
)
def test_bulk_get_parses_json_when_asked_to(sdk, text, value):
    sdk.ns["j"] = text
    found = sdk.done(sdk.namespaces.bulk_get(sdk.ns.id, **sdk.account, keys=["j"], type="json"))
    assert found.values == {"j": value}


def test_bulk_get_adds_metadata_when_asked_to(sdk, kv):
    kv.clock.freeze(1750000000)
    sdk.ns.put("b", b"2", metadata={"m": 1}, expiration_ttl=60)
    found = sdk.done(sdk.namespaces.bulk_get(sdk.ns.id, **sdk.account, keys=["a", "b", "none"], with_metadata=True))
    assert found.to_dict()["values"] == {
        "a": {"value": "1", "metadata": None},
        "b": {"value": "2", "metadata": {"m": 1}, "expiration": 1750000060},
        "none": None,
    }


def test_bulk_delete_removes_keys_by_post(sdk, kv):
    sdk.ns["b"] = b"2"
    done = sdk.done(sdk.namespaces.bulk_delete(sdk.ns.id, **sdk.account, body=["a", "none"]))
    assert (done.successful_key_count, done.unsuccessful_keys) == (2, [])
    assert list(sdk.ns) == ["b"]
    assert (kv.journal.last.request.method, kv.journal.last.operation) == ("POST", "bulk_delete")


# Errors


def test_a_missing_key_is_a_not_found_error_with_the_services_code(connect, sent_as):
    sdk = connect()
    error = sent_as("cloudflare-197", lambda call: sdk.refused(lambda: sdk(*call), cloudflare.NotFoundError))
    assert [one.code for one in error.errors] == [10009]


@pytest.mark.parametrize(
    ("expected", "call"),
    [
        (("NotFoundError", 404, 10013), lambda s: s.namespaces.get("0" * 32, **s.account)),
        (("BadRequestError", 400, 10011), lambda s: s.namespaces.get("test", **s.account)),
        (("BadRequestError", 400, 10014), lambda s: s.namespaces.create(**s.account, title="settings")),
        (("NotFoundError", 404, 7003), lambda s: s.namespaces.list(account_id="invalid")),
        (("BadRequestError", 400, 10034), lambda s: s.values.update("k", value=b"v", expiration_ttl=59, **s.place)),
        (("APIStatusError", 414, 10030), lambda s: s.values.get("k" * 513, **s.place)),
        (("APIStatusError", 413, 10047), lambda s: s.values.update("k", value=b"v", metadata=["x" * 1024], **s.place)),
        (("BadRequestError", 400, 10028), lambda s: s.namespaces.keys.list(s.ns.id, **s.account, limit=9)),
    ],
)
def test_a_refusal_has_the_sdks_class_and_the_services_code(sdk, kv, expected, call):
    error = sdk.refused(lambda: call(sdk))
    kv.conformance.take()  # some of these calls break the contract, which is why they are refused
    assert len(error.errors) == 1
    assert (type(error).__name__, error.status_code, error.errors[0].code) == expected


def test_a_call_that_is_meant_to_break_the_contract_may_raise_inside_the_block(sdk, kv):
    with pytest.raises(cloudflare.BadRequestError), kv.conformance.expect_violation() as violations:
        sdk.done(sdk.namespaces.list(**sdk.account, per_page=1001))
    assert [violation.rule for violation in violations] == ["maximum 1000"]
    kv.verify()


def test_a_value_beyond_25_mib_is_refused(sdk):
    error = sdk.refused(lambda: sdk.values.update("k", value=bytes(26_214_401), **sdk.place))
    assert (error.status_code, error.errors[0].code) == (413, 10024)
    assert "k" not in sdk.ns


def test_an_unknown_token_is_an_authentication_error(connect, kv):
    kv.allow_token("other")
    error = (sdk := connect().seed()).refused(lambda: sdk.values.get("a", **sdk.place), cloudflare.AuthenticationError)
    assert error.errors[0].code == 10000


def test_a_read_only_token_may_not_write(connect, kv):
    kv.allow_token(kv.api_token, permission="read")
    sdk = connect().seed()
    assert sdk.read("a") == b"1"
    error = sdk.refused(lambda: sdk.values.delete("a", **sdk.place), cloudflare.PermissionDeniedError)
    assert error.errors[0].code == 10000


def test_global_key_and_service_key_are_accepted(connect, kv, monkeypatch):
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    sdk = connect(api_email=kv.api_email, api_key=kv.api_key).seed()
    assert sdk.read("a") == b"1"
    headers = kv.journal.last.request.headers
    assert (headers.get("x-auth-email"), headers.get("x-auth-key")) == (kv.api_email, kv.api_key)
    assert headers.get("authorization") is None


# Retries


def test_one_injected_429_is_invisible(sdk, kv):
    kv.faults.error("list_keys", "rate_limited", headers=AT_ONCE)
    assert [key.name for key in sdk.all(sdk.namespaces.keys.list(sdk.ns.id, **sdk.account))] == ["a"]
    first, second = kv.journal.of("list_keys")
    assert (first.status, first.request.headers.get("x-stainless-retry-count")) == (429, "0")
    assert (second.status, second.request.headers.get("x-stainless-retry-count")) == (200, "1")


def test_the_third_429_reaches_the_caller(sdk, kv):
    kv.faults.error("read_value", "rate_limited", times=3, headers=AT_ONCE)
    error = sdk.refused(lambda: sdk.values.get("a", **sdk.place), cloudflare.RateLimitError)
    assert error.errors[0].code == 971
    assert kv.journal.count("read_value") == 3


def test_a_write_whose_answer_was_lost_is_written_again(sdk, kv):
    kv.faults.error("write_value", status=500, applied=True, headers=AT_ONCE)
    sdk.write("k", b"v")
    assert [(x.status, x.applied) for x in kv.journal.of("write_value")] == [(500, True), (200, True)]
    assert sdk.ns["k"].value == b"v"


def test_a_lasting_500_is_an_internal_server_error(sdk, kv):
    kv.faults.error("read_value", status=500, times=3, headers=AT_ONCE)
    assert sdk.refused(lambda: sdk.values.get("a", **sdk.place), cloudflare.InternalServerError).status_code == 500
