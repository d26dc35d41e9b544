"""`wrangler kv …` (npm, 4.86) against the fake: what it prints, and what it sends, told by the journal.

A process takes a second or more, so each test tells one story with as few commands as it needs.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.document import DIALECTS

BINARY = bytes(range(256))


@pytest.fixture(params=["documented"])
def kv(request) -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture
def ns(kv):
    return kv.create_namespace("settings", {"a": "1"})


@pytest.fixture
def on(ns) -> list[str]:
    """The options that name the namespace, on the fake and not in wrangler's own simulator."""
    return ["--namespace-id", ns.id, "--remote"]


@pytest.fixture
def started(kv, run_node, tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs one wrangler command in an empty home, where a variable set to None is missing."""

    def run(*command: str, text: bool = True, **variables: str | None) -> subprocess.CompletedProcess:
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        quiet = {"WRANGLER_HIDE_BANNER": "true", "WRANGLER_SEND_ERROR_REPORTS": "false"}
        env = {**home, **quiet, **kv.env, **variables}
        given = {name: value for name, value in env.items() if value is not None}
        return run_node(
            "wrangler", "node_modules/wrangler/bin/wrangler.js", *command, env=given, cwd=tmp_path, text=text
        )

    return run


@pytest.fixture
def wrangler(started) -> Callable:
    """Runs a command that succeeds, and gives what it printed."""

    def run(*command: str, **options) -> str | bytes:
        done = started(*command, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def refused(started) -> Callable[..., str]:
    """Runs a command that fails, and gives what it printed."""

    def run(*command: str, **options) -> str:
        done = started(*command, **options)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def sent(kv: FakeCloudflare) -> list[tuple[str, str]]:
    """Method and target below the namespaces of all requests so far."""
    root = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces"
    return [(x.request.method, x.request.target.removeprefix(root)) for x in kv.journal]


def write(path: Path, content) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def test_namespace_list_asks_for_pages_until_one_is_empty_and_for_nothing_else(kv, sent_as, wrangler):
    printed = sent_as("cloudflare-186", lambda command: wrangler(*command))
    (namespace,) = kv.namespaces
    assert json.loads(printed) == [{"id": namespace, "title": "N", "supports_url_encoding": True}]


def test_without_an_account_id_the_memberships_are_asked_first(kv, sent_as, wrangler):
    printed = sent_as(
        "cloudflare-187",
        lambda command: wrangler(*command, CLOUDFLARE_ACCOUNT_ID=None),
        never=["/client/v4/accounts?page=1"],  # later releases ask for it, too
    )
    assert [namespace["id"] for namespace in json.loads(printed)] == list(kv.namespaces)


def test_of_several_accounts_none_is_chosen_silently(kv, refused):
    second = "01a7362d577a6c3019a474fd6f485823"
    kv.create_account(second)
    printed = refused("kv", "namespace", "list", CLOUDFLARE_ACCOUNT_ID=None)
    assert "More than one account available" in printed
    assert kv.account_id in printed
    assert second in printed


def test_a_second_namespace_of_a_title_is_refused_with_wranglers_own_words(sent_as, wrangler, refused):
    made, printed = sent_as("cloudflare-188", lambda first, second: (wrangler(*first), refused(*second)))
    assert "Success!" in made
    assert 'A KV namespace with the title "dup" already exists.' in printed


@pytest.mark.parametrize("kv", DIALECTS, indirect=True)
def test_a_namespace_is_created_renamed_and_deleted(kv, wrangler):
    assert "Success!" in wrangler("kv", "namespace", "create", "new")
    (made,) = kv.namespaces
    assert 'Successfully renamed namespace to "other"' in wrangler(
        "kv", "namespace", "rename", "new", "--new-name", "other"
    )
    assert kv.namespaces[made].title == "other"
    assert f'Deleted KV namespace id: "{made}"' in wrangler("kv", "namespace", "delete", "--namespace-id", made, "-y")
    assert list(kv.namespaces) == []
    assert sent(kv) == [
        ("POST", ""),
        ("GET", "?per_page=100&order=title&direction=asc&page=1"),
        ("PUT", f"/{made}"),
        ("DELETE", f"/{made}"),
    ]


def test_a_write_that_meets_a_429_is_tried_again(kv, wrangler):
    kv.faults.error("create_namespace", "rate_limited", headers={"retry-after-ms": "1"})
    assert "Success!" in wrangler("kv", "namespace", "create", "new")
    assert [x.status for x in kv.journal] == [429, 200]


@pytest.mark.parametrize("kv", DIALECTS, indirect=True)
def test_key_put_with_time_to_live_and_metadata_is_one_multipart_write(sent_as, wrangler):
    _, listed = sent_as("cloudflare-189", lambda put, listing: (wrangler(*put), wrangler(*listing)))
    assert json.loads(listed) == [{"name": "a"}, {"name": "a:b/c", "expiration": 1750000060, "metadata": {"m": 1}}]


def test_key_list_follows_the_cursor(kv, ns, on, wrangler):
    for number in range(1001):
        ns[f"k{number:04}"] = b"v"
    listed = json.loads(wrangler("kv", "key", "list", "--prefix", "k", *on))
    assert [key["name"] for key in listed] == [f"k{number:04}" for number in range(1001)]
    first, second = (x.request.query for x in kv.journal.of("list_keys"))
    assert first == "prefix=k"
    assert second.startswith("prefix=k&cursor=")


def test_key_put_sends_text_as_it_is_with_its_expiration(kv, ns, on, wrangler):
    wrangler("kv", "key", "put", "k", "ä", "--expiration", "4000000000", *on)
    assert sent(kv) == [("PUT", f"/{ns.id}/values/k?expiration=4000000000")]
    assert kv.journal.last.request.headers.get("content-type") == "text/plain;charset=UTF-8"
    assert (ns["k"].value.decode(), ns["k"].expiration) == ("ä", 4000000000)


@pytest.mark.parametrize("kv", DIALECTS, indirect=True)
def test_a_file_goes_up_and_comes_back_byte_for_byte_and_is_deleted(kv, ns, on, wrangler, tmp_path):
    (tmp_path / "value.bin").write_bytes(BINARY)
    wrangler("kv", "key", "put", "k", "--path", "value.bin", *on)
    assert kv.journal.last.request.headers.get("content-type") is None
    assert ns["k"].value == BINARY
    assert wrangler("kv", "key", "get", "k", *on, text=False) == BINARY
    wrangler("kv", "key", "delete", "k", *on)
    assert "k" not in ns
    assert sent(kv) == [(method, f"/{ns.id}/values/k") for method in ("PUT", "GET", "DELETE")]


def test_key_get_of_a_missing_key_fails_with_status_and_reason(sent_as, refused):
    assert "/values/none - 404: Not Found" in sent_as("cloudflare-190", lambda command: refused(*command))


def test_bulk_put_goes_up_a_thousand_pairs_at_a_time(sent_as, wrangler, tmp_path):
    keys = [f"{letter}{number}" for letter, count in (("a", 1000), ("b", 1000), ("c", 500)) for number in range(count)]
    write(tmp_path / "pairs.json", [{"key": key, "value": "v"} for key in keys])
    assert "Success!" in sent_as("cloudflare-191", lambda command: wrangler(*command))


@pytest.mark.parametrize("kv", DIALECTS, indirect=True)
def test_bulk_delete_has_a_body(sent_as, wrangler, tmp_path):
    write(tmp_path / "keys.json", ["a", "none"])
    assert "Success!" in sent_as("cloudflare-192", lambda command: wrangler(*command))


@pytest.mark.parametrize("kv", DIALECTS, indirect=True)
def test_bulk_get_prints_null_for_what_is_missing(sent_as, wrangler, tmp_path):
    write(tmp_path / "keys.json", ["a", "none"])
    printed = sent_as("cloudflare-193", lambda command: wrangler(*command))
    assert json.loads(printed.partition("Success!")[0]) == {"a": "1", "none": None}


def test_a_refusal_is_printed_with_its_message_and_code(kv, on, refused):
    printed = refused("kv", "key", "put", "k", "v", "--metadata", json.dumps({"m": "x" * 1024}), *on)
    assert "[code: 10047]" in printed
    assert kv.journal.last.status == 413


def test_whoami_knows_the_token_its_user_and_the_account(kv, wrangler):
    printed = wrangler("whoami")
    assert "associated with the email user@example.com" in printed
    assert kv.account_id in printed
    assert {x.operation for x in kv.journal} >= {"verify_token", "get_user", "list_accounts"}
    assert {x.status for x in kv.journal} == {200}


def test_the_global_key_is_sent_in_its_two_headers(kv, ns, on, wrangler):
    key = {"CLOUDFLARE_API_TOKEN": None, "CLOUDFLARE_API_KEY": kv.api_key, "CLOUDFLARE_EMAIL": kv.api_email}
    assert wrangler("kv", "key", "get", "a", "--text", *on, **key).strip() == "1"
    headers = kv.journal.last.request.headers
    assert (headers.get("x-auth-key"), headers.get("x-auth-email")) == (kv.api_key, kv.api_email)
    assert headers.get("authorization") is None
