"""The Apify SDK for Python opens key-value stores of the fake, with nothing but the variables of ``env``."""

import importlib.util
import json
import os
import subprocess
import sys

import httpx
import pytest

from pytest_kvfake.apify import FakeApify
from pytest_kvfake.contract.document import DIALECTS

pytestmark = pytest.mark.skipif(importlib.util.find_spec("apify") is None, reason="the Apify SDK is not installed")

SCRIPT = """
import asyncio, json, sys
from apify import Actor

async def main():
    async with Actor(exit_process=False):
        store = await Actor.open_key_value_store(name="results", force_cloud=True)
        await store.set_value("object", {"a": 1})
        await store.set_value("text", "long text " * 1000)
        await store.set_value("image", bytes(range(256)), content_type="image/png")
        for number in range(12):
            await store.set_value(f"key-{number:02}", number)
        await store.set_value("gone", 1)
        await store.delete_value("gone")
        aliased = await Actor.open_key_value_store(alias="mine", force_cloud=True)
        await aliased.set_value("k", "v")
        by_id = await Actor.open_key_value_store(id=sys.argv[1], force_cloud=True)
        seen = {
            "object": await store.get_value("object"),
            "text": len(await store.get_value("text")),
            "image": list(await store.get_value("image")) == list(range(256)),
            "missing": await store.get_value("missing"),
            "exists": [await store.record_exists(key) for key in ("object", "gone")],
            "keys": [item.key async for item in store.iterate_keys()],
            "url": await store.get_public_url("object"),
            "by_id": await by_id.get_value("k"),
        }
        dropped = await Actor.open_key_value_store(name="dropped", force_cloud=True)
        await dropped.drop()
        print(json.dumps(seen))

asyncio.run(main())
"""


@pytest.fixture(params=DIALECTS)
def kv(request):
    with FakeApify(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


def test_the_sdk_works_with_stores_in_the_cloud(kv, tmp_path):
    own = kv.create_store(None, {"k": "by id"})
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APIFY_", "ACTOR_", "CRAWLEE_"))}
    environment = {**kept, **kv.env, "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, own.id],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    url = seen.pop("url")
    assert seen == {
        "object": {"a": 1},
        "text": 10_000,
        "image": True,
        "missing": None,
        "exists": [True, False],
        "keys": ["image", *(f"key-{number:02}" for number in range(12)), "object", "text"],
        "by_id": "by id",
    }
    assert kv.stores["results"]["text"].content_encoding is not None
    assert json.loads(kv.stores["results"]["object"].value) == {"a": 1}
    assert httpx.get(url).json() == {"a": 1}
    assert "dropped" not in kv.stores
