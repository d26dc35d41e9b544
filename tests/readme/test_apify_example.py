"""The example without pytest's fixtures, as the documentation shows it."""

import pytest

pytest.importorskip("apify_client", reason="the official client is not installed")

from apify_client import ApifyClient

from pytest_kvfake import FakeApify


def test_a_fake_is_a_context_manager():
    with FakeApify() as kv:
        ApifyClient(token=kv.token, api_url=kv.url).key_value_stores().get_or_create(name="results")
        assert kv.stores["results"].username == kv.username
