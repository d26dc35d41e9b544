"""``kvfake verify``: agreement with a second process of ours, and every deliberately wrong server is caught."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_kvfake import FakeCloudflare
from pytest_kvfake.__main__ import main
from pytest_kvfake.cloudflare.live import LiveArranger
from pytest_kvfake.contract.document import load
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.live import check_live, selected
from pytest_kvfake.transport.client import Client

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "aaaabbbbccccddddeeeeffff00001111"
QUICK = ("--only", "cloudflare-02*", "--only", "cloudflare-06[0-6]*")


@pytest.fixture
def second_process():
    """The base URL of a fake in a process of its own."""
    command = [sys.executable, "-m", "pytest_kvfake", "cloudflare", "--seed", "77"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield next(found[1] for line in process.stdout if (found := re.match(r"\s+url\s+(\S+)", line)))
        finally:
            process.terminate()
            process.stdout.read()


def verify(url, *more, account=FakeCloudflare.account_id, token="other.token"):
    return main(["verify", "cloudflare", "--base-url", url, "--account-id", account, "--api-token", token, *more])


@pytest.fixture
def quiet(kvfake_factory):
    """A running fake whose requests nobody judges; the cases send bad ones on purpose."""
    with kvfake_factory(FakeCloudflare, strict="off", seed=3) as fake:
        fake.conformance.answers = False
        yield fake


# --- agreement -----------------------------------------------------------------------------------------------


def test_another_process_of_ours_agrees_in_every_case(second_process, capsys):
    assert verify(second_process) == 0
    out = capsys.readouterr().out
    total = re.search(r"^all +(\d+) +0 +(\d+)$", out, re.MULTILINE)
    assert int(total[1]) > 150
    assert "skipped" in out
    assert "faults" in out


def test_both_dialects_can_be_verified(kvfake_factory):
    with kvfake_factory(FakeCloudflare, strict="off", dialect="observed") as fake:
        assert verify(fake.url, *QUICK, "--dialect=observed") == 0
        assert verify(fake.url, *QUICK, "--dialect=documented", "--fail-fast") == 1


def test_inferred_cases_are_not_run():
    assert {case.certainty for case in selected("cloudflare", "documented")} == {"documented", "observed", "client"}


def test_nothing_is_left_behind_and_nothing_else_is_touched(quiet):
    mine = quiet.create_namespace("N", {"k": "kept"})
    assert verify(quiet.url, *QUICK) == 0
    assert list(quiet.namespaces) == [mine.id]
    assert mine["k"].value == b"kept"


def test_a_title_that_is_taken_skips_the_case(quiet, capsys):
    quiet.create_namespace("N")
    assert verify(quiet.url, "--only", "cloudflare-060") == 0
    assert re.search(
        r"^  skipped 1: cannot be arranged: POST is answered with 400", capsys.readouterr().out, re.MULTILINE
    )


def test_cases_that_need_an_empty_account_are_skipped_in_one_that_is_not(quiet, capsys):
    quiet.create_namespace("something of somebody")
    assert verify(quiet.url, "--only", "cloudflare-025") == 0
    assert "  skipped 1: needs empty_account" in capsys.readouterr().out


def test_a_case_whose_requests_make_namespaces_leaves_none(quiet):
    assert verify(quiet.url, "--only", "cloudflare-02[67]") == 0
    assert list(quiet.namespaces) == []


def test_the_root_without_the_suffix_is_as_good(quiet):
    assert verify(quiet.origin, *QUICK) == 0


# --- the command ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["--account-id", "--api-token"])
def test_a_credential_that_is_missing_is_named(monkeypatch, capsys, missing):
    for variable in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    given = {"--account-id": ACCOUNT, "--api-token": "t"}
    del given[missing]
    flags = [part for pair in given.items() for part in pair]
    assert main(["verify", "cloudflare", "--base-url", "http://127.0.0.1:1/client/v4", *flags]) == 2
    assert f"Missing: {missing} or $CLOUDFLARE" in capsys.readouterr().err


def test_credentials_may_come_from_the_environment(quiet, monkeypatch):
    quiet.use_env(monkeypatch)
    assert main(["verify", "cloudflare", "--base-url", quiet.url, "--only", "cloudflare-060"]) == 0


def test_an_endpoint_that_is_not_there_is_told(capsys):
    with FakeCloudflare() as fake:
        url = fake.url
    assert verify(url) == 2
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://host/", "http://", "http://host/?q"])
def test_a_base_url_that_is_none_is_told(url, capsys):
    assert verify(url) == 2
    assert "is no base URL" in capsys.readouterr().err


def test_refused_credentials_are_told(quiet, capsys):
    quiet.allow_token("the-only-one")
    assert verify(quiet.url, token="another") == 2
    assert "401" in capsys.readouterr().err


def test_a_pattern_that_fits_no_case_is_told(quiet, capsys):
    assert verify(quiet.url, "--only", "cloudflare-999") == 2
    assert "No case of cloudflare fits." in capsys.readouterr().err


def test_a_terminal_sees_the_progress(quiet, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert verify(quiet.url, "--only", "cloudflare-06[0-2]") == 0
    assert re.search(r"\r3/3 cloudflare-062, 0 differ *\r *\r$", sys.stderr.getvalue())


# --- wrong servers -------------------------------------------------------------------------------------------


def broken(fake, *, render=None, steps=None):
    """Puts a damaged service in place of the fake's own."""
    service = fake.world.service
    if render is not None:
        right = service.render
        service = dataclasses.replace(service, render=lambda result, context: render(right, result, context))
    if steps is not None:
        service = dataclasses.replace(service, steps={**service.steps, **steps(service.steps)})
    fake.world.service = service


def changed(status=None, body=None, headers=None, when=lambda context, result: True):
    """A rendering that damages the answers which ``when`` names."""

    def render(right, result, context):
        answer = right(result, context)
        if not when(context, result):
            return answer
        kept = [(name, value) for name, value in answer.headers if name not in (headers or {})]
        new = [(name, value) for name, value in (headers or {}).items() if value is not None]
        made = body(json.loads(answer.body)) if body is not None and answer.body[:1] == b"{" else None
        damaged = answer.body if made is None else json.dumps(made).encode()
        return Response(status or answer.status, (*kept, *new), damaged)

    return {"render": render}


def is_error(name):
    return lambda context, result: isinstance(result, ServiceError) and result.name == name


def is_operation(name):
    return lambda context, result: isinstance(result, Outcome) and context.command.operation.name == name


def without(*way):
    def remove(body):
        container = body
        for step in way[:-1]:
            container = container[step]
        container.pop(way[-1], None)
        return body

    return remove


def put(value, *way):
    def replace(body):
        container = body
        for step in way[:-1]:
            container = container[step]
        container[way[-1]] = value
        return body

    return replace


def stepwise(name, make):
    """A state step that is made of the right one."""
    return {"steps": lambda right: {name: make(right[name])}}


def not_kept(right):
    def step(state, command, now):
        saved = state.snapshot()
        result = right(state, command, now)
        state.restore(saved)
        return result

    return step


def off_by_one(name, by):
    def damage(fake):
        setattr(fake.limits, name, getattr(fake.limits, name) + by)

    return damage


def unordered(body):
    body["result"] = body["result"][::-1]
    return body


WRONG = {
    "created is 201": changed(status=201, when=is_operation("create_namespace")),
    "a missing key is 410": changed(status=410, when=is_error("key_not_found")),
    "a missing key has another code": changed(body=put(10010, "errors", 0, "code"), when=is_error("key_not_found")),
    "a missing key has another text": changed(body=put("gone", "errors", 0, "message"), when=is_error("key_not_found")),
    "the code is a text": changed(body=put("10013", "errors", 0, "code"), when=is_error("namespace_not_found")),
    "failures lack messages": changed(body=without("messages"), when=is_error("namespace_not_found")),
    "a namespace lacks supports_url_encoding": changed(
        body=without("result", "supports_url_encoding"), when=is_operation("get_namespace")
    ),
    "a listing lacks its count": changed(body=without("result_info", "count"), when=is_operation("list_keys")),
    "a listing is upside down": changed(body=unordered, when=is_operation("list_keys")),
    "a value is text/plain": changed(headers={"content-type": "text/plain"}, when=is_operation("read_value")),
    "errors are text/html": changed(headers={"content-type": "text/html"}, when=is_error("namespace_not_found")),
    "there is no cf-ray": changed(headers={"cf-ray": None}),
    "writes are not kept": stepwise("write_value", not_kept),
    "deletes are not kept": stepwise("delete_value", not_kept),
    "a bulk write is not kept": stepwise("bulk_write", not_kept),
    "a namespace stays where it was": stepwise("remove_namespace", not_kept),
    "keys may have 513 bytes": off_by_one("key_bytes", 1),
    "keys may have 511 bytes only": off_by_one("key_bytes", -1),
    "titles may have 513 characters": off_by_one("title_characters", 1),
    "metadata may have 1025 bytes": off_by_one("metadata_bytes", 1),
    "a listing takes limit=9": off_by_one("list_keys_min", -1),
    "a listing takes limit=1001": off_by_one("list_keys_max", 1),
    "a bulk get takes 101 keys": off_by_one("bulk_get_keys", 1),
    "a ttl of 59 is taken": off_by_one("min_expiration_ttl", -1),
    "values may have one byte more": off_by_one("value_bytes", 1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_server_with_one_broken_rule_is_caught(quiet, wrong):
    send = Client(quiet.url, base_path=quiet.base_path).send
    arranger = LiveArranger(send, {"account_id": ACCOUNT, "api_token": "other.token"})
    damage = WRONG[wrong]
    if callable(damage):
        damage(quiet)
    else:
        broken(quiet, **damage)
    results = check_live(selected("cloudflare", "documented"), load("cloudflare"), send, arranger)
    assert any(result.problems for result in results)


def test_a_difference_is_told_with_its_case_and_what_came(quiet, capsys):
    broken(quiet, **WRONG["a value is text/plain"])
    assert verify(quiet.url, "--only", "cloudflare-06*") == 1
    out = capsys.readouterr().out
    assert re.search(
        r"^cloudflare-061 differs: a value comes back byte for byte, as octets \(client; .*\)$", out, re.MULTILINE
    )
    assert "header content-type: 'application/octet-stream' expected, not 'text/plain'" in out


def test_fail_fast_stops_at_the_first_difference(quiet, capsys):
    broken(quiet, **WRONG["there is no cf-ray"])
    broken(quiet, **WRONG["a missing key is 410"])
    assert verify(quiet.url, "--fail-fast") == 1
    assert capsys.readouterr().out.count(" differs: ") == 1


def test_a_namespace_that_could_not_be_removed_is_named(quiet, capsys):
    broken(quiet, **changed(status=500, when=is_operation("remove_namespace")))
    assert verify(quiet.url, "--only", "cloudflare-060") == 2
    assert re.search(r"could not be removed, please do: .*/namespaces/[0-9a-f]{32} \(500\)", capsys.readouterr().err)
