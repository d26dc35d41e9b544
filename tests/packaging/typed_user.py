"""What a user's test file may look like; test_typing.py shows it to mypy --strict, nobody runs it."""

from __future__ import annotations

import httpx
import pytest
from typing_extensions import assert_type

from pytest_kvfake import FakeCloudflare, KVFakeError, RuleError, VerificationError


@pytest.fixture
def settings(kv_cloudflare: FakeCloudflare) -> str:
    namespace = kv_cloudflare.create_namespace("settings", {"theme": "dark"})
    return namespace.id


@pytest.mark.kvfake(strict="error")
def test_it(kv_cloudflare: FakeCloudflare, settings: str) -> None:
    namespace = kv_cloudflare.namespaces["settings"]
    assert_type(namespace["theme"].value, bytes)
    assert_type(namespace["theme"].expiration, int | None)
    assert_type(kv_cloudflare.url, str)
    with kv_cloudflare.faults.error("READ", status=503, optional=True) as fault:
        assert_type(fault.fired, int)
    assert_type([exchange.status for exchange in kv_cloudflare.journal.of("read_value")], list[int | None])
    assert_type(kv_cloudflare.journal.wait_for("read_value").last.applied, bool | None)
    assert_type(kv_cloudflare.clock.advance(60), float)
    kv_cloudflare.restore(kv_cloudflare.snapshot())
    httpx.Client(transport=kv_cloudflare.httpx_transport())


def test_without_pytest() -> None:
    try:
        with FakeCloudflare(seed=1, dialect="observed") as kv:
            assert_type(kv, FakeCloudflare)
    except VerificationError as error:
        raise KVFakeError from error
    assert issubclass(RuleError, ValueError)


def test_wrong_types(kv_cloudflare: FakeCloudflare) -> None:
    # --strict complains of a comment that silences nothing
    kv_cloudflare.clock.advance("60")  # type: ignore[arg-type]
    kv_cloudflare.faults.error("read_value", status="503")  # type: ignore[arg-type]
    kv_cloudflare.create_namespace(7)  # type: ignore[arg-type]
    FakeCloudflare(sead=1)  # type: ignore[call-arg]
