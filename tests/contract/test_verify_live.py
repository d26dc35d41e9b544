"""``kvfake verify``: agreement with a second process of ours, and every deliberately wrong server is caught."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_kvfake import FakeApify, FakeCloudflare, FakeHive, FakeRegistry
from pytest_kvfake.__main__ import main
from pytest_kvfake.cloudflare.live import LiveArranger
from pytest_kvfake.contract.document import load
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.live import arranger_class, check_live, selected
from pytest_kvfake.transport.client import Client

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "aaaabbbbccccddddeeeeffff00001111"
QUICK = ("--only", "cloudflare-02*", "--only", "cloudflare-06[0-6]*")


# By service: what a user shows, and how many cases can be run at least.
SERVICES = {
    "apify": ({"token": FakeApify.token}, 80),
    "cloudflare": ({"account_id": FakeCloudflare.account_id, "api_token": "other.token"}, 150),
    "hive": (
        {"app_id": "6D4E1F0A-7C52-4B8E-9A31-2F5C0D8B7E64", "api_key": "0B93A6F1-58D7-4C20-B6E4-91C7F3A2D85E"},
        130,
    ),
    "registry": ({"org": FakeRegistry.org, "org_key": "randomAlphaNumericString"}, 50),
}


@pytest.fixture(params=SERVICES)
def service(request):
    """The name of each service."""
    return request.param


@pytest.fixture
def second_process(service):
    """The base URL of a fake in a process of its own."""
    command = [sys.executable, "-m", "pytest_kvfake", service, "--seed", "77"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield next(found[1] for line in process.stdout if (found := re.match(r"\s+url\s+(\S+)", line)))
        finally:
            process.terminate()
            process.stdout.read()


def verify(url, *more, account=FakeCloudflare.account_id, token="other.token"):
    return main(["verify", "cloudflare", "--base-url", url, "--account-id", account, "--api-token", token, *more])


def verify_service(service, url, *more, **instead):
    shown = {**SERVICES[service][0], **instead}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in shown.items()]
    return main(["verify", service, "--base-url", url, *flags, *more])


@pytest.fixture
def quiet(kvfake_factory):
    """A running fake whose requests nobody judges; the cases send bad ones on purpose."""
    with kvfake_factory(FakeCloudflare, strict="off", seed=3) as fake:
        fake.conformance.answers = False
        yield fake


def agreeing(out):
    """How many cases agree where none differs."""
    return int(re.search(r"^all +(\d+) +0 +\d+$", out, re.MULTILINE)[1])


# --- agreement -----------------------------------------------------------------------------------------------


def test_another_process_of_ours_agrees_in_every_case(service, second_process, capsys):
    assert verify_service(service, second_process) == 0
    out = capsys.readouterr().out
    assert agreeing(out) > SERVICES[service][1]
    assert re.search(r"^  skipped \d+: needs .*clock", out, re.MULTILINE)


def test_stores_of_the_user_are_neither_touched_nor_in_the_way(kvfake_factory, capsys):
    with kvfake_factory(FakeApify, strict="off", seed=3) as fake:
        fake.create_user("someone", "a-token")
        mine = fake.create_store("eshop-values", {"k": "kept"}, username="someone")
        assert verify_service("apify", fake.url, token="a-token") == 0
        assert list(fake.stores) == [mine.id]
        assert {key: record.value for key, record in mine.items()} == {"k": b"kept"}
        assert agreeing(capsys.readouterr().out) > 70


def test_a_store_of_the_user_that_a_case_would_find_skips_it(kvfake_factory, capsys):
    with kvfake_factory(FakeApify, strict="off", seed=3) as fake:
        fake.create_store("other")
        assert verify_service("apify", fake.url, "--only", "apify-038") == 0
    assert "  skipped 1: needs a name that a store of the user has" in capsys.readouterr().out


def test_hives_of_the_user_are_neither_touched_nor_in_the_way(kvfake_factory, capsys):
    with kvfake_factory(FakeHive, strict="off", seed=3, app_id="MINE", api_key="mine") as fake:
        for name in ("h", "a", "countries"):
            fake.create_hive(name).key_value["x"] = "kept"
        assert verify_service("hive", fake.url, app_id="MINE", api_key="mine") == 0
        assert list(fake.hives) == ["h", "a", "countries"]
        assert [dict(hive.key_value) for hive in fake.hives.values()] == [{"x": "kept"}] * 3
        assert agreeing(capsys.readouterr().out) > 130


def test_items_of_the_org_are_neither_touched_nor_in_the_way(kvfake_factory, capsys):
    with kvfake_factory(FakeRegistry, strict="off", seed=3, org_time_start=1000, org_time_step=7) as fake:
        mine = fake.create_org("org", "its key")
        mine["app/cfg"] = "kept"
        mine.roles.take("app/lead", "me", playtime_secs=600)
        before = mine["app/cfg"]
        assert verify_service("registry", fake.url, org="org", org_key="its key") == 0
        assert dict(mine) == {"app/cfg": before}
        assert list(mine.roles) == ["app/lead"]
        assert mine.key == "its key"
        assert agreeing(capsys.readouterr().out) > 45


@pytest.mark.parametrize(
    ("of", "fake_class", "wrong"),
    [
        ("apify", FakeApify, {"token": "nonsense"}),
        ("hive", FakeHive, {"api_key": "nonsense"}),
        ("registry", FakeRegistry, {"org_key": "nonsense"}),
    ],
)
def test_credentials_that_a_service_refuses_are_told(kvfake_factory, capsys, of, fake_class, wrong):
    with kvfake_factory(fake_class, strict="off") as fake:
        assert verify_service(of, fake.url, **wrong) == 2
    assert re.search(r" cannot be (read|listed).*: 40[14] ", capsys.readouterr().err)


def test_both_dialects_can_be_verified(kvfake_factory):
    with kvfake_factory(FakeCloudflare, strict="off", dialect="observed") as fake:
        assert verify(fake.url, *QUICK, "--dialect=observed") == 0
        assert verify(fake.url, *QUICK, "--dialect=documented", "--fail-fast") == 1


def test_apify_can_be_verified_as_production_speaks(kvfake_factory, capsys):
    with kvfake_factory(FakeApify, strict="off", dialect="observed") as fake:
        assert verify_service("apify", fake.url, "--dialect=observed") == 0
        assert agreeing(capsys.readouterr().out) > 80
        assert verify_service("apify", fake.url, "--dialect=documented", "--fail-fast") == 1


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
        service = dataclasses.replace(service, render=lambda *given: render(right, *given))
    if steps is not None:
        service = dataclasses.replace(service, steps={**service.steps, **steps(service.steps)})
    fake.world.service = service


def changed(status=None, body=None, headers=None, when=lambda command, result: True):
    """A rendering that damages the answers which ``when`` names."""

    def render(right, result, command, context):
        answer = right(result, command, context)
        if not when(command, result):
            return answer
        kept = [(name, value) for name, value in answer.headers if name not in (headers or {})]
        new = [(name, value) for name, value in (headers or {}).items() if value is not None]
        made = body(json.loads(answer.body)) if body is not None and answer.body[:1] == b"{" else None
        damaged = answer.body if made is None else json.dumps(made).encode()
        return Response(status or answer.status, (*kept, *new), damaged)

    return {"render": render}


def is_error(name):
    return lambda command, result: isinstance(result, ServiceError) and result.name == name


def is_operation(name):
    return lambda command, result: isinstance(result, Outcome) and command.operation.name == name


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
    results = check_live(selected("cloudflare", "documented"), load("cloudflare"), arranger)
    assert any(result.problems for result in results)


def upside_down(*way):
    def damage(body):
        container = body
        for step in way[:-1]:
            container = container[step]
        container[way[-1]] = container[way[-1]][::-1]
        return body

    return damage


WRONG_ELSEWHERE = {
    "apify": {
        "created is 200": changed(status=200, when=is_operation("get_or_create_store")),
        "a missing record is 410": changed(status=410, when=is_error("record_not_found")),
        "a missing store has another type": changed(
            body=put("store-not-found", "error", "type"), when=is_error("store_not_found")
        ),
        "keys are upside down": changed(body=upside_down("data", "items"), when=is_operation("list_keys")),
        "there is no rate limit": changed(headers={"X-RateLimit-Limit": None}),
        "writes are not kept": stepwise("store_record", not_kept),
        "deletes are not kept": stepwise("delete_record", not_kept),
        "keys may have 257 characters": off_by_one("record_key_characters", 1),
        "names may have 64 characters": off_by_one("store_name_characters", 1),
    },
    "hive": {
        "a missing hive is 404": changed(status=404, when=is_error("hive_not_found")),
        "a missing expiration has another code": changed(body=put(1, "code"), when=is_error("expiration_not_set")),
        "keys have no cursor": changed(body=without("cursor"), when=is_operation("list_keys")),
        "values are not kept": stepwise("key_value_set", not_kept),
        "increments are not kept": stepwise("map_increment", not_kept),
        "renames are not kept": stepwise("rename_key", not_kept),
        "sets grow by nothing": stepwise("set_add", not_kept),
        "a page has 10001 values": off_by_one("range_by_score_max", 1),
    },
    "registry": {
        "a new item is 200": changed(status=200, when=is_operation("write_data")),
        "a conflict is 412": changed(status=412, when=is_error("conflict")),
        "a conflict names no time": changed(body=without("update_org_time"), when=is_error("conflict")),
        "there is no org time": changed(headers={"x-dk-org-time": None}),
        "writes are not kept": stepwise("write_data", not_kept),
        "deletes are not kept": stepwise("delete_data", not_kept),
        "items may have one byte more": off_by_one("max_allowed_size", 1),
        "items may have one byte less": off_by_one("max_allowed_size", -1),
        "roles have two seats": off_by_one("default_max_players", 1),
        "listings lack their stats": changed(body=without("stats"), when=is_operation("list_items")),
    },
}


@pytest.mark.parametrize(("of", "wrong"), [(of, wrong) for of, those in WRONG_ELSEWHERE.items() for wrong in those])
def test_a_server_of_another_service_with_one_broken_rule_is_caught(kvfake_factory, of, wrong):
    classes = {"apify": FakeApify, "hive": FakeHive, "registry": FakeRegistry}
    with kvfake_factory(classes[of], strict="off", seed=3) as fake:
        fake.conformance.answers = False
        arranger = arranger_class(of)(Client(fake.url).send, SERVICES[of][0])
        damage = WRONG_ELSEWHERE[of][wrong]
        if callable(damage):
            damage(fake)
        else:
            broken(fake, **damage)
        assert any(result.problems for result in check_live(selected(of, "documented"), load(of), arranger))


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


LEFT = {
    "apify": (FakeApify, "apify-044", "delete_store", r"[A-Za-z0-9]{17} \(500\)"),
    "hive": (FakeHive, "hive-001", "delete_hive", r"kvfake[0-9a-f]{8}h \(500\)"),
    "registry": (FakeRegistry, "registry-077", "release_role", r"/sample_org/kvfake[0-9a-f]{8}/app/lead\.role of 'p1'"),
}


@pytest.mark.parametrize("of", LEFT)
def test_what_could_not_be_removed_elsewhere_is_named(kvfake_factory, capsys, of):
    fake_class, only, operation, named = LEFT[of]
    with kvfake_factory(fake_class, strict="off", seed=3) as fake:
        fake.conformance.answers = False
        broken(fake, **changed(status=500, when=is_operation(operation)))
        assert verify_service(of, fake.url, "--only", only) == 2
    assert re.search(rf"could not be removed, please do: {named}", capsys.readouterr().err)
