"""The official Cloudflare SDK, unchanged, against a fake of Workers KV: run it and read along."""

from __future__ import annotations

import os
import time

from cloudflare import Cloudflare, NotFoundError

from pytest_kvfake import FakeCloudflare

os.environ["NO_PROXY"] = "127.0.0.1"  # a proxy in the environment must not get the requests


def main() -> None:
    started = time.perf_counter()
    with FakeCloudflare(seed=1) as kv:
        print(f"1. A fake of Cloudflare Workers KV listens at {kv.url}")
        client = Cloudflare(base_url=kv.url, api_token=kv.api_token)

        print("\n2. The official SDK creates a namespace, writes a key that lives for 60 seconds, and reads it.")
        made = client.kv.namespaces.create(account_id=kv.account_id, title="settings")
        where = {"account_id": kv.account_id, "namespace_id": made.id}
        client.kv.namespaces.values.update("theme", **where, value=b"dark", expiration_ttl=60)
        answer = client.kv.namespaces.values.get("theme", **where)
        print(f"   namespace {made.title!r} has the id {made.id}")
        print(f"   the SDK reads theme = {answer.read()!r}, expiration = {answer.headers['expiration']}")

        print("\n3. The test looks inside, without HTTP.")
        settings = kv.namespaces["settings"]
        print(f"   {settings!r}")
        print(f"   {settings['theme']!r}")

        print("\n4. The fake answers the next two writes with Cloudflare's own 429. The SDK retries by itself.")
        fault = kv.faults.error("write_value", "rate_limited", times=2, headers={"retry-after-ms": "1"})
        client.kv.namespaces.values.update("lang", **where, value=b"fi")
        print(f"   {fault!r}")
        print(f"   statuses on the wire: {[x.status for x in kv.journal.of('write_value', key='lang')]}")

        print("\n5. The fake's clock moves 60 seconds on. Nobody sleeps, and the key has expired.")
        kv.clock.advance(60)
        try:
            client.kv.namespaces.values.get("theme", **where)
        except NotFoundError as error:
            print(f"   the SDK raises {type(error).__name__}: {error.errors[0].code} {error.errors[0].message}")
        print(f"   keys that are left: {list(settings)}")

        print("\n6. The journal has every exchange.")
        for exchange in kv.journal:
            print(f"   {exchange}")
    print(f"\nAll of it took {time.perf_counter() - started:.1f} seconds.")


if __name__ == "__main__":
    main()
