"""curl against the fake: the documentation's own examples, and what curl does with large bodies."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl on the PATH")

MIB = 1 << 20
BINARY = b"\r\n" + bytes(range(256)) + b"\r\n"


@pytest.fixture
def kv() -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, strict="error") as kv:
        yield kv


@pytest.fixture
def ns(kv):
    return kv.create_namespace("settings", {"a": "1"})


@pytest.fixture
def value_url(kv, ns) -> str:
    return f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}/values"


@pytest.fixture
def curl(kv, tmp_path) -> Callable[..., dict]:
    """Runs curl with the fake's token; gives curl's own account of the transfer, with `body` and `log`."""

    def run(*arguments: str) -> dict:
        body = tmp_path / "answer"
        known = ["--disable", "--noproxy", "*", "--silent", "--verbose", "--max-time", "30", "--output", str(body)]
        token = ["--header", f"Authorization: Bearer {kv.api_token}", "--write-out", "%{json}"]
        done = subprocess.run(["curl", *known, *token, *arguments], capture_output=True, check=False)
        log = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0, log
        return {**json.loads(done.stdout), "body": body.read_bytes() if body.exists() else b"", "log": log}

    return run


@pytest.fixture
def file(tmp_path) -> Callable[[bytes], str]:
    def make(content: bytes) -> str:
        (tmp_path / "value").write_bytes(content)
        return str(tmp_path / "value")

    return make


def refused(answer: dict) -> tuple[int, int]:
    return answer["http_code"], json.loads(answer["body"])["errors"][0]["code"]


def test_a_form_writes_value_and_metadata(curl, ns, value_url):
    answer = curl("-X", "PUT", f"{value_url}/k", "-F", "value=some value", "-F", 'metadata={"m": [1, "ä"]}')
    assert answer["http_code"] == 200
    assert (ns["k"].value, ns["k"].metadata) == (b"some value", {"m": [1, "ä"]})


def test_a_form_takes_the_value_from_a_file_and_its_metadata_with_a_type(curl, ns, value_url, file):
    metadata = 'metadata={"m":1};type=application/json'
    curl("-X", "PUT", f"{value_url}/k?expiration_ttl=60", "-F", metadata, "-F", f"value=@{file(BINARY)}")
    assert (ns["k"].value, ns["k"].metadata) == (BINARY, {"m": 1})
    assert ns["k"].expiration is not None


def test_data_is_stored_as_it_is_although_its_type_says_form(curl, kv, ns, value_url):
    curl("-X", "PUT", f"{value_url}/k", "--data", "a=1&b=%20+")
    assert kv.journal.last.request.headers.get("content-type") == "application/x-www-form-urlencoded"
    assert ns["k"].value == b"a=1&b=%20+"


def test_binary_data_is_stored_and_read_byte_for_byte(curl, ns, value_url, file):
    curl("-X", "PUT", f"{value_url}/k", "--data-binary", f"@{file(BINARY)}")
    assert ns["k"].value == BINARY
    answer = curl(f"{value_url}/k")
    assert (answer["http_code"], answer["content_type"], answer["body"]) == (200, "application/octet-stream", BINARY)


def test_a_chunked_body_is_stored_whole(curl, kv, ns, value_url, file):
    chunked = ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"]
    curl("-X", "PUT", f"{value_url}/k", *chunked, "--data-binary", f"@{file(BINARY * 1000)}")
    assert kv.journal.last.request.headers.get("transfer-encoding") == "chunked"
    assert ns["k"].value == BINARY * 1000


def test_an_upload_of_two_megabytes_waits_for_100_continue(curl, kv, ns, value_url, file):
    value = BINARY * (2_000_000 // len(BINARY))
    answer = curl("--upload-file", file(value), "--header", "Expect: 100-continue", f"{value_url}/k")
    assert "< HTTP/1.1 100 Continue" in answer["log"]
    assert (answer["http_code"], kv.journal.last.request.headers.get("expect")) == (200, "100-continue")
    assert ns["k"].value == value


def test_a_value_of_26_mib_is_refused_before_curl_sends_any_of_it(curl, ns, value_url, file):
    answer = curl("--upload-file", file(bytes(26 * MIB)), "--header", "Expect: 100-continue", f"{value_url}/k")
    assert refused(answer) == (413, 10024)
    assert "100 Continue" not in answer["log"]
    assert answer["size_upload"] == 0
    assert "k" not in ns


def test_a_value_of_26_mib_is_refused_without_expect_too(curl, ns, value_url, file):
    answer = curl("--upload-file", file(bytes(26 * MIB)), "--header", "Expect:", f"{value_url}/k")
    assert refused(answer) == (413, 10024)
    assert "k" not in ns


def test_a_value_of_25_mib_is_stored(curl, ns, value_url, file):
    assert curl("--upload-file", file(bytes(25 * MIB)), f"{value_url}/k")["http_code"] == 200
    assert len(ns["k"].value) == 25 * MIB


def test_head_has_the_headers_of_get_and_no_body(curl, ns, value_url):
    ns.put("k", b"value", expiration=4000000000)
    answer = curl("--head", f"{value_url}/k")
    headers = answer["body"].decode().lower().splitlines()  # curl prints the head where the body would go
    assert answer["http_code"] == 200
    assert {"content-length: 5", "expiration: 4000000000", "content-type: application/octet-stream"} <= set(headers)


def test_an_empty_key_has_no_envelope(curl, value_url):
    answer = curl(f"{value_url}/")
    assert (answer["http_code"], answer["body"]) == (404, b"404 page not found")


def test_dot_segments_that_arrive_lead_nowhere(curl, kv, value_url):
    with kv.conformance.expect_violation():
        answer = curl("--path-as-is", f"{value_url}/.")
    assert (answer["http_code"], answer["body"]) == (404, b"404 page not found")


def test_two_requests_use_one_connection(curl, kv, value_url, tmp_path):
    curl(
        f"{value_url}/a",
        "--next",
        "--silent",
        "--output",
        str(tmp_path / "second"),
        "-H",
        f"Authorization: Bearer {kv.api_token}",
        f"{value_url}/a",
    )
    assert [x.request.served for x in kv.journal] == [0, 1]


def test_delete_with_a_json_body_deletes_in_bulk(curl, kv, ns, value_url):
    answer = curl(
        "-X",
        "DELETE",
        value_url.replace("/values", "/bulk"),
        "-H",
        "Content-Type: application/json",
        "--data",
        '["a", "none"]',
    )
    assert json.loads(answer["body"])["result"] == {"successful_key_count": 2, "unsuccessful_keys": []}
    assert list(ns) == []
    assert kv.journal.last.operation == "bulk_delete_deprecated"
