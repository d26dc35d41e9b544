from collections.abc import Iterator

import httpx
import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.cloudflare.views import NamespaceView


class Client:
    """A few requests, in process, without a service's SDK and its retries."""

    def __init__(self, kv: FakeCloudflare, ns: NamespaceView) -> None:
        self.http = httpx.Client(
            transport=kv.httpx_transport(),
            base_url=f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces",
            headers={"Authorization": f"Bearer {kv.api_token}"},
        )
        self.id = ns.id

    def write(self, key: str, value: str = "v", **kwargs) -> httpx.Response:
        return self.http.put(f"/{self.id}/values/{key}", content=value, **kwargs)

    def read(self, key: str, **kwargs) -> httpx.Response:
        return self.http.get(f"/{self.id}/values/{key}", **kwargs)

    def keys(self, **kwargs) -> list[str]:
        return [item["name"] for item in self.http.get(f"/{self.id}/keys", **kwargs).json()["result"]]

    def bulk_write(self, *keys: str) -> httpx.Response:
        return self.http.put(f"/{self.id}/bulk", json=[{"key": key, "value": "v"} for key in keys])


@pytest.fixture
def kv() -> Iterator[FakeCloudflare]:
    fake = FakeCloudflare(seed=1)
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def ns(kv: FakeCloudflare) -> NamespaceView:
    return kv.create_namespace("tests")


@pytest.fixture
def client(kv: FakeCloudflare, ns: NamespaceView) -> Iterator[Client]:
    made = Client(kv, ns)
    with made.http:
        yield made
