"""Clients that cannot run here, by their recorded requests: Restlax (Elixir), Terraform, Rust, Go.

``recorded/cloudflare_*.json`` holds what each client sends and what it reads of the answer; what the contract has as
a case of that client is in ``cases.json``. Every story and every case runs in a fake of its own, below ``/client/v4``
and at the bare root, in the dialects that its client understands.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.cases import Answer, load_cases, run
from pytest_kvfake.contract.document import DIALECTS

RECORDED = {
    file.stem.removeprefix("cloudflare_"): json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parent / "recorded").glob("cloudflare_*.json"))
}
PREFIX = "/client/v4"
NO_RESULT = {"documented": {}, "observed": None}

roots = pytest.mark.parametrize("root", [PREFIX, ""], ids=["with-prefix", "bare"])


def stories() -> Iterator:
    for name, recorded in RECORDED.items():
        for dialect in recorded.get("dialects", DIALECTS):
            for number, story in enumerate(recorded["stories"], 1):
                yield pytest.param(dialect, recorded["headers"], story, id=f"{name}-{number}-{dialect}")


def cases() -> Iterator:
    headers = {recorded["client"]: recorded["headers"] for recorded in RECORDED.values()}
    for case in load_cases("cloudflare"):
        if case.client is not None and case.client["name"] in headers:
            for dialect in case.dialects:
                yield pytest.param(dialect, headers[case.client["name"]], case, id=f"{case.id}-{dialect}")


def filled(value, names):
    """Puts ids for their names."""
    if isinstance(value, str):
        for name, known in names.items():
            value = value.replace(f"{{{name}}}", known)
        return value
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return {key: filled(item, names) for key, item in value.items()} if isinstance(value, dict) else value


def answered(port: int, method: str, target: str, headers: dict, body: bytes) -> Answer:
    """Sends one recorded request; a header of null is left out."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def read_by_client(reads: dict, answer: Answer) -> dict:
    """Gives those parts of an answer that the client looks at."""
    content_type = answer.headers.get("content-type", "")
    if "text" in reads:
        return {"content_type": content_type, "text": answer.body.decode()}
    assert content_type.startswith("application/json"), "the client would not decode the body"
    envelope = json.loads(answer.body)
    parts = {**envelope, "codes": [error["code"] for error in envelope["errors"]], "content_type": content_type}
    return {name: parts[name] for name in reads if name not in {"status", "no_result"}}


@roots
@pytest.mark.parametrize(("dialect", "headers", "story"), list(stories()))
def test_a_recorded_client_reads_what_it_expects(dialect, headers, story, root):
    with FakeCloudflare(seed=1, dialect=dialect, strict="error") as kv:
        namespace = kv.create_namespace("settings", {"a": "1"})
        names = {"account": kv.account_id, "namespace": namespace.id, "absent": "0" * 32}
        for exchange in story["exchanges"]:
            sent = filled(exchange["request"], names)
            fields = {**headers, **sent.get("headers", {})}
            answer = answered(kv.port, sent["method"], root + sent["path"], fields, sent.get("body", "").encode())
            for name, member in exchange.get("keep", {}).items():
                names[name] = json.loads(answer.body)["result"][member]
            reads = filled(exchange["reads"], names)
            expected = {name: value for name, value in reads.items() if name not in {"status", "no_result"}}
            assert (answer.status, read_by_client(reads, answer)) == (reads["status"], expected), exchange["call"]
            if "no_result" in reads:
                assert json.loads(answer.body)["result"] == NO_RESULT[dialect], exchange["call"]
        violations = kv.conformance.take()
        assert bool(violations) is story.get("breaks_contract", False), violations


class Replayed:
    """A fake as what a case is run against, whose requests carry what the recorded client puts into every one."""

    def __init__(self, kv: FakeCloudflare, root: str, headers: dict) -> None:
        self.kv = kv
        self.root = root
        self.headers = headers

    def arrange(self, given, clock, names):
        self.kv.clock.freeze(clock)
        return self.kv.arrange(given, names)

    def send(self, request):
        headers = {**self.headers, **{name.lower(): value for name, value in request.headers}}
        target = self.root + request.target.removeprefix(PREFIX)
        return answered(self.kv.port, request.method, target, headers, request.body)

    def differences(self, then, names):
        return self.kv.differences(then, names)


@roots
@pytest.mark.parametrize(("dialect", "headers", "case"), list(cases()))
def test_a_recorded_client_is_answered_as_its_case_says(dialect, headers, case, root):
    with FakeCloudflare(seed=1, dialect=dialect, strict="error") as kv:
        assert run(case, Replayed(kv, root, headers), kv.document) == []
        assert len(kv.journal) == len(case.raw["steps"])


def test_the_elixir_package_and_terraform_have_their_cases_of_the_contract():
    assert {param.values[2].id for param in cases()} == {"cloudflare-200", "cloudflare-201", "cloudflare-202"}
