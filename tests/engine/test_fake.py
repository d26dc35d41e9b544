"""What the four fakes share, shown on one of them."""

import gc
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from pytest_httpserver import HTTPServer
from pytest_httpserver.httpserver import HTTPServerBase

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.errors import KVFakeConnectionError, NotRunningError, PortTakenError, RuleError, UsageError


@pytest.fixture
def kv():
    with FakeCloudflare(seed=1) as fake:
        yield fake


def get(kv: FakeCloudflare, path: str, base: str | None = None, **kwargs) -> httpx.Response:
    return httpx.get((base or kv.url) + path, headers={"Authorization": "Bearer t"}, **kwargs)


def test_it_has_no_address_before_it_is_started():
    with pytest.raises(NotRunningError, match=r"with FakeCloudflare\(\) as kv"):
        FakeCloudflare().url  # noqa: B018 - the look is the point


def test_starting_twice_is_a_mistake(kv):
    with pytest.raises(UsageError, match="running already"):
        kv.start()


def test_stopping_twice_is_none():
    fake = FakeCloudflare().start()
    fake.stop()
    fake.stop()


def test_it_starts_again_with_its_state():
    fake = FakeCloudflare(seed=1)
    with fake:
        fake.create_namespace("a", {"k": "v"})
    with fake:
        assert fake.namespaces["a"]["k"].value == b"v"


def test_a_taken_port_is_named(kv):
    with pytest.raises(PortTakenError, match=str(kv.port)):
        FakeCloudflare(port=kv.port).start()


def test_the_advertised_host_is_in_the_urls():
    with FakeCloudflare(host="0.0.0.0", advertised_host="host.docker.internal") as fake:
        assert fake.url == f"http://host.docker.internal:{fake.port}/client/v4"


def test_ipv6_on_request():
    with FakeCloudflare(host="::1") as fake:
        assert fake.url.startswith("http://[::1]:")
        assert get(fake, f"/accounts/{fake.account_id}/storage/kv/namespaces").status_code == 200


def test_the_same_seed_makes_the_same_ids():
    ids = []
    for _ in range(2):
        with FakeCloudflare(seed=7) as fake:
            ids.append(fake.create_namespace("a").id)
    assert ids[0] == ids[1]


def test_a_snapshot_comes_back_as_often_as_wanted(kv):
    ns = kv.create_namespace("a", {"k": "1"})
    saved = kv.snapshot()
    for value in ("2", "3"):
        ns["k"] = value
        kv.restore(saved)
        assert ns["k"].value == b"1"


def test_a_restored_fake_goes_on_with_its_id_counter(kv):
    saved = kv.snapshot()
    first = kv.create_namespace("a").id
    kv.restore(saved)
    assert kv.create_namespace("a").id == first


def test_reset_is_a_fresh_state_with_the_journal_kept(kv):
    kv.create_namespace("a")
    get(kv, "/user")
    kv.reset()
    assert (len(kv.namespaces), len(kv.journal)) == (0, 1)


def test_limits_survive_a_reset(kv):
    kv.limits.key_bytes = 3
    kv.reset()
    assert kv.limits.key_bytes == 3


def test_a_dump_is_read_by_people_and_loaded_again(kv, tmp_path):
    kv.create_namespace("a", {"text": "ä", "raw": b"\xff"}).put("m", "v", metadata={"x": 1}, expiration_ttl=60)
    path = tmp_path / "state.json"
    kv.dump(path)
    assert '"ä"' in path.read_text(encoding="utf-8")
    before = kv.world.state.dump()
    with FakeCloudflare() as other:
        other.load(path)
        assert other.world.state.dump() == before
        assert other.namespaces["a"]["raw"].value == b"\xff"
        assert other.namespaces["a"]["m"].metadata == {"x": 1}


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"service": "hive", "state": {}})])
def test_a_file_that_is_no_dump_is_refused(kv, tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        kv.load(path)


def test_a_snapshot_of_another_service_is_refused(kv):
    from dataclasses import replace

    with pytest.raises(UsageError, match="hive"):
        kv.restore(replace(kv.snapshot(), service="hive"))


def test_the_server_is_a_pytest_httpserver(kv):
    assert isinstance(kv.server, HTTPServerBase)
    assert kv.server.is_running()
    assert kv.server.url_for("/x") == f"{kv.origin}/x"
    kv.server.check()


def test_it_is_mounted_beside_the_handlers_of_a_httpserver(kv):
    with HTTPServer() as httpserver:
        base = kv.mount(httpserver)
        httpserver.expect_request("/mine").respond_with_data("mine")
        assert httpx.get(httpserver.url_for("/mine")).text == "mine"
        assert get(kv, f"/accounts/{kv.account_id}/storage/kv/namespaces", base=base).status_code == 200
        httpserver.check()


def test_env_is_set_for_the_test(kv, monkeypatch):
    kv.use_env(monkeypatch)
    assert os.environ["CLOUDFLARE_BASE_URL"] == kv.url


def test_a_write_without_http_keeps_the_rules(kv):
    ns = kv.create_namespace("a")
    with pytest.raises(RuleError, match="UTF-8 encoded length of 513 exceeds key length limit of 512") as caught:
        ns["k" * 513] = b"v"
    assert caught.value.name == "key_too_long"
    assert len(ns) == 0


def test_a_namespace_whose_entries_are_refused_is_not_made(kv):
    with pytest.raises(RuleError):
        kv.create_namespace("a", {".": "v"})
    assert "a" not in kv.namespaces


def test_writes_without_http_leave_no_trace_in_the_journal(kv):
    kv.create_namespace("a", {"k": "v"})
    assert not kv.journal


def test_a_thread_of_an_earlier_test_reaches_no_later_fake():
    statuses: list[object] = []
    go_on = threading.Event()

    def keep_asking(url: str) -> None:
        go_on.wait(5)
        for _ in range(20):
            with suppress(httpx.TransportError):
                statuses.append(httpx.get(url, timeout=1).status_code)

    with FakeCloudflare() as earlier:
        thread = threading.Thread(target=keep_asking, args=(earlier.url,))
        thread.start()
    with FakeCloudflare() as later:
        go_on.set()
        thread.join()
        assert not later.journal
    assert statuses == []


def open_descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_two_hundred_lives_leave_nothing_behind():
    FakeCloudflare().start().stop()
    gc.collect()
    descriptors = open_descriptors()
    threads = threading.active_count()
    for _ in range(200):
        FakeCloudflare().start().stop()
    gc.collect()
    assert threading.active_count() == threads
    assert open_descriptors() <= descriptors


def test_a_wsgi_caller_gets_our_own_connection_error(kv):
    from wsgiref.util import setup_testing_defaults

    kv.faults.reset("get_user")
    environ: dict = {"PATH_INFO": "/client/v4/user", "HTTP_AUTHORIZATION": "Bearer t"}
    setup_testing_defaults(environ)
    with pytest.raises(KVFakeConnectionError):
        b"".join(kv.wsgi_app(environ, lambda *_: None))
