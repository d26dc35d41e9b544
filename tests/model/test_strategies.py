"""pytest_kvfake.strategies: what they draw is what the services take."""

import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import pytest_kvfake
from pytest_kvfake import FakeCloudflare, strategies
from pytest_kvfake.contract.document import load
from pytest_kvfake.discovery import implemented
from pytest_kvfake.engine.messages import Headers, Request, body_of
from pytest_kvfake.errors import ContractError, UnknownOperationError, UsageError

few = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
services = pytest.mark.parametrize("service", implemented())


def key_schema(service, operation=None):
    for one in load(service).operations.values():
        if one.key is not None and operation in {None, one.name}:
            return next(parameter.schema for parameter in one.parameters if parameter.name == one.key)
    raise AssertionError(service)


@services
def test_keys_fit_the_schema_and_the_limit_of_their_document(service):
    validator = Draft202012Validator(dict(key_schema(service)))
    limits = [rule.value for rule in load(service).limits.values() if rule.of == "key"]

    @few
    @given(strategies.keys(service))
    def check(key):
        assert validator.is_valid(key)
        assert all(len(key.encode("utf-8")) <= limit for limit in limits)

    check()


@services
def test_values_keep_the_documented_limit(service):
    limit = min([10**9, *(rule.value for rule in load(service).limits.values() if rule.of == "value")])
    sizes = strategies.values(service, max_size=limit + 1).map(lambda value: len(value) if type(value) is bytes else 0)

    @settings(few, max_examples=20)
    @given(sizes)
    def check(size):
        assert size <= limit

    check()


def test_the_longest_value_is_drawn():
    limit = load("registry").limits["max_allowed_size"].value
    sizes = strategies.values("registry", max_size=10**9).map(len)
    assert find(sizes, lambda size: size == limit) == limit == 100_000


def test_the_longest_key_is_drawn_in_bytes():
    found = find(strategies.keys("cloudflare"), lambda key: len(key.encode()) == 512 and not key.isascii())
    assert len(found.encode()) == 512


@pytest.mark.parametrize("operation", ["write_data", "take_role"])
def test_an_operation_chooses_among_keys(operation):
    @few
    @given(strategies.keys("registry", operation=operation))
    def check(key):
        assert re.fullmatch(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*", key)

    check()


def test_cloudflare_takes_every_key_and_value_and_gives_them_back():
    fake = FakeCloudflare(seed=1, strict="error")
    namespace = fake.create_namespace("N")
    root = f"/client/v4/accounts/{fake.account_id}/storage/kv/namespaces/{namespace.id}/values/"

    @few
    @given(strategies.keys("cloudflare"), strategies.values("cloudflare"))
    def check(key, value):
        headers = Headers([("authorization", "Bearer t"), ("content-length", str(len(value)))])
        put = fake.world.handle(Request("PUT", root + quote(key, safe=""), headers), body_of(value)).response
        assert put.status == 200
        assert namespace[key].value == value
        fake.verify()

    check()


def test_json_values_are_json_that_every_parser_takes():
    @few
    @given(strategies.json_values(), st.just(None))
    def check(value, _):
        assert Draft202012Validator({"type": ["null", "boolean", "number", "string", "array", "object"]}).is_valid(
            value
        )

    check()


def test_an_unknown_operation_is_named():
    with pytest.raises(UnknownOperationError, match="Did you mean 'write_value'"):
        strategies.keys("cloudflare", operation="write_valeu")


def test_an_operation_without_a_key_is_told():
    with pytest.raises(UsageError, match="list_keys has no key"):
        strategies.keys("cloudflare", operation="list_keys")


def test_an_unknown_service_is_told():
    with pytest.raises(ContractError, match="Did you mean 'cloudflare'"):
        strategies.keys("cloudfare")


def test_the_module_is_an_attribute_of_the_package():
    assert pytest_kvfake.strategies is strategies


def test_nothing_else_imports_hypothesis():
    modules = "pytest_kvfake.plugin, pytest_kvfake.watch, pytest_kvfake.__main__"
    code = f"import sys, {modules}; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
