"""Clients that cannot run here, by their recorded requests: Restlax (Elixir), Terraform, Rust, Go.

``recorded/cloudflare_*.json`` holds what each client sends and what it reads of the answer. Every story runs in
a fake of its own, below ``/client/v4`` and at the bare root, in the dialects that its client understands.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.document import DIALECTS

RECORDED = Path(__file__).parent / "recorded"
NO_RESULT = {"documented": {}, "observed": None}


def stories() -> Iterator:
    for file in sorted(RECORDED.glob("cloudflare_*.json")):
        recorded = json.loads(file.read_text(encoding="utf-8"))
        name = file.stem.removeprefix("cloudflare_")
        for dialect in recorded.get("dialects", DIALECTS):
            for number, story in enumerate(recorded["stories"], 1):
                yield pytest.param(dialect, recorded["headers"], story, id=f"{name}-{number}-{dialect}")


def filled(value, names):
    """Puts ids for their names."""
    if isinstance(value, str):
        for name, known in names.items():
            value = value.replace(f"{{{name}}}", known)
        return value
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return {key: filled(item, names) for key, item in value.items()} if isinstance(value, dict) else value


def answered(port: int, root: str, headers: dict, request: dict) -> tuple[int, str, bytes]:
    """Sends one recorded request; a header of null is left out. Gives status, content type and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(request["method"], root + request["path"], skip_accept_encoding=True)
        for name, value in {**headers, **request.get("headers", {})}.items():
            if value is not None:
                connection.putheader(name, value)
        body = request["body"].encode() if "body" in request else None
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.headers.get("content-type", ""), response.read()
    finally:
        connection.close()


def read_by_client(reads: dict, content_type: str, body: bytes) -> dict:
    """Gives those parts of an answer that the client looks at."""
    if "text" in reads:
        return {"content_type": content_type, "text": body.decode()}
    assert content_type.startswith("application/json"), "the client would not decode the body"
    envelope = json.loads(body)
    parts = {**envelope, "codes": [error["code"] for error in envelope["errors"]], "content_type": content_type}
    return {name: parts[name] for name in reads if name not in {"status", "no_result"}}


@pytest.mark.parametrize("root", ["/client/v4", ""], ids=["with-prefix", "bare"])
@pytest.mark.parametrize(("dialect", "headers", "story"), list(stories()))
def test_a_recorded_client_reads_what_it_expects(dialect, headers, story, root):
    with FakeCloudflare(seed=1, dialect=dialect, strict="error") as kv:
        namespace = kv.create_namespace("settings", {"a": "1"})
        names = {"account": kv.account_id, "namespace": namespace.id, "absent": "0" * 32}
        for exchange in story["exchanges"]:
            status, content_type, body = answered(kv.port, root, headers, filled(exchange["request"], names))
            for name, member in exchange.get("keep", {}).items():
                names[name] = json.loads(body)["result"][member]
            reads = filled(exchange["reads"], names)
            expected = {name: value for name, value in reads.items() if name not in {"status", "no_result"}}
            assert (status, read_by_client(reads, content_type, body)) == (reads["status"], expected), exchange["call"]
            if "no_result" in reads:
                assert json.loads(body)["result"] == NO_RESULT[dialect], exchange["call"]
        violations = kv.conformance.take()
        assert bool(violations) is story.get("breaks_contract", False), violations
