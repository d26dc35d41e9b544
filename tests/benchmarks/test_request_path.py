"""What a request must not cost, told without a clock."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

READS = {
    "FakeApify": "/v2/key-value-stores/{store}/records/key",
    "FakeCloudflare": "/client/v4/accounts/{account}/storage/kv/namespaces/{namespace}/values/key",
    "FakeHive": "/{app}/{key}/hive/hive/key-value/key",
    "FakeRegistry": "/sample_org/directory/item.data",
}


@pytest.mark.parametrize("name", READS)
def test_a_plain_read_is_held_against_the_contract_without_jsonschema(name):
    ids = '"0f2ac74b498b48028cb68387c421e279"'
    script = f"""
import sys
from pytest_kvfake import {name}
from pytest_kvfake.engine.messages import Headers, Request, body_of
kv = {name}(seed=1, strict="error")
ids = {ids}
path = {READS[name]!r}.format(store=ids[:17], account=ids, namespace=ids, app="A" * 36, key="B" * 36)
kv.world.handle(Request("GET", path, Headers([("Host", "x")])), body_of(b""))
assert kv.journal.last.operation is not None, kv.journal
assert kv.journal.last.violations == (), kv.journal.last.violations
assert "jsonschema" not in sys.modules
"""
    environment = {"PYTHONPATH": str(ROOT)}  # our own suite also checks answers, which takes jsonschema
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
