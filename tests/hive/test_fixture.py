"""The fixture, and the addresses that it gives out."""

import httpx


def test_the_fixture_serves_the_documented_sample(kv_hive):
    countries = kv_hive.create_hive("countries")
    body = {"value": "The land of the rising sun", "ttl": 100, "condition": "Always"}
    answer = httpx.put(f"{kv_hive.url}/api/hive/countries/key-value/Japan", json=body)
    assert answer.json() is True
    assert countries.key_value["Japan"] == "The land of the rising sun"
    kv_hive.clock.advance(101)
    assert "Japan" not in countries.key_value


def test_the_addresses_have_no_slash_at_their_end(kv_hive):
    kv_hive.create_hive("h", {"x": 1})
    credentials = f"{kv_hive.app_id}/{kv_hive.api_key}"
    for root in (
        f"{kv_hive.url}/api",
        f"{kv_hive.server_url}/{credentials}",
        f"{kv_hive.server_url}/api/{credentials}",
    ):
        assert httpx.get(f"{root}/hive/h/key-value/x").json() == 1


def test_no_tool_of_the_vendor_reads_a_variable(kv_hive):
    assert kv_hive.env == {}
