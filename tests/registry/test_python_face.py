"""Orgs, items, roles and limits without HTTP."""

import pytest

from pytest_kvfake import FakeRegistry, OptionError, RuleError, UsageError


@pytest.fixture
def org(kv):
    return kv.orgs["sample_org"]


def test_a_fresh_fake_has_the_org_of_the_vendors_samples(kv, org):
    assert list(kv.orgs) == [kv.org] == ["sample_org"]
    assert kv.org_key == org.key == "randomAlphaNumericString"
    assert (len(org), len(org.roles), org.is_deleted) == (0, 0, False)


def test_the_addresses_are_those_of_raw_callers_and_of_the_vendors_client(kv):
    assert kv.url == f"http://127.0.0.1:{kv.port}"
    assert kv.service_url == f"{kv.url}/svc/"


def test_looking_inside_leaves_no_trace(kv, org):
    org.put("a/b", "text")
    org.roles.take("a/b", "p")
    assert (list(org), list(org.roles)) == (["a/b"], ["a/b"])
    assert len(kv.journal) == 0


def test_an_item_written_in_python_is_read_over_http(kv, org, call):
    item = org.put("nemmies/rolls/recipe", "passion", content_type="text/plain")
    seen = call.read("nemmies/rolls/recipe")
    assert (seen.body, seen.headers["content-type"]) == (b"passion", "text/plain")
    assert seen.headers["x-dk-update-org-time"] == str(item.update_org_time)
    assert seen.org_time == org.time == item.update_org_time


def test_items_are_a_mapping_of_paths(kv, org):
    kv["b"] = b"2"
    kv["a/c"] = "1"
    assert list(kv) == list(org) == ["a/c", "b"]
    assert "b" in kv
    del kv["b"]
    assert ("b" in kv, len(org)) == (False, 1)
    with pytest.raises(KeyError):
        kv["b"]
    with pytest.raises(KeyError):
        del kv["b"]


def test_an_item_can_be_copied_to_another_path(kv, org):
    org.put("a", b"1", content_type="text/x-a")
    kv["b"] = kv["a"]
    assert (kv["b"].value, kv["b"].content_type) == (b"1", "text/x-a")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("bad_name", lambda kv: kv.orgs["sample_org"].put("my-item", b"")),
        ("bad_name", lambda kv: kv.orgs["sample_org"].put("/lead", b"")),
        ("bad_name", lambda kv: kv.orgs["sample_org"].roles.take("lead.role", "p")),
        ("too_large", lambda kv: kv.orgs["sample_org"].put("x", b"x" * 100_001)),
        ("bad_body", lambda kv: kv.orgs["sample_org"].roles.take("x", "p", playtime_secs=0)),
        ("bad_body", lambda kv: kv.orgs["sample_org"].roles.take("x", "p", max_players=2**32)),
    ],
)
def test_what_the_service_would_refuse_is_refused_by_name(kv, name, write):
    before = kv.world.state.dump()
    with pytest.raises(RuleError) as caught:
        write(kv)
    assert caught.value.name == name
    assert kv.world.state.dump() == before


def test_the_refusal_says_which_rule_was_broken(kv):
    kv.limits.capacity_bytes = 3
    with pytest.raises(RuleError, match="no_space: The service lacks the storage"):
        kv["x"] = b"four"


def test_the_limits_can_be_changed(kv, call):
    assert (kv.limits.max_allowed_size, kv.limits.default_playtime_secs) == (100_000, 10)
    kv.limits.max_allowed_size = 2
    refused = call.write("x", b"123")
    assert (refused.status, refused.json) == (413, {"max_allowed_size": 2})


def test_the_capacity_counts_all_orgs_and_frees_what_is_deleted(kv, call):
    kv.limits.capacity_bytes = 10
    kv.create_org("other_org", key="k")["x"] = b"12345"
    kv["a"] = b"12345"
    assert call.write("b", b"1").status == 507
    assert call.write("a", b"1234").status == 200
    assert call.write("b", b"1").status == 201
    assert call.delete("a").status == 200
    assert call.write("c", b"1234").status == 201
    kv.flag_org_for_deletion("other_org")
    assert call.write("d", b"12345").status == 201


def test_roles_are_taken_released_and_seen(kv, org, call):
    taken = org.roles.take("lead", "p1", max_players=2)
    assert (taken.max_players, taken.players_remaining_milliseconds) == (2, {"p1": 10_000})
    assert call.take("lead", "p2", 5, 2).status == 200
    assert org.roles["lead"].players_remaining_milliseconds == {"p1": 10_000, "p2": 5_000}
    kv.clock.advance(5)
    assert org.roles["lead"].players_remaining_milliseconds == {"p1": 5_000}
    assert org.roles.release("lead", "p1")
    assert not org.roles.release("lead", "p1")
    assert "lead" not in org.roles
    assert call.players("lead") is None


def test_a_full_role_is_full_in_python_too(org):
    org.roles.take("lead", "p1")
    with pytest.raises(RuleError, match="role_full"):
        org.roles.take("lead", "p2")
    with pytest.raises(RuleError, match="other_max_players"):
        org.roles.take("lead", "p1", max_players=2)


def test_a_rotation_in_python_is_one_over_http(org, call, connect):
    key = org.rotate_key()
    assert len(key) == 30
    assert key.isalnum()
    assert call("GET", "/sample_org").status == 404
    assert connect(key)("GET", "/sample_org").status == 200


def test_an_org_can_be_made_once(kv, connect):
    other = kv.create_org("other_org", key="with blanks & ünïcode")
    assert connect("with blanks & ünïcode".encode())("GET", "/other_org").json["org_key"] == other.key
    with pytest.raises(UsageError, match="other_org"):
        kv.create_org("other_org")


def test_a_key_outside_ascii_may_come_as_latin_1(kv, connect):
    kv.create_org("other_org", key="clé")
    assert connect("clé".encode("latin-1"))("GET", "/other_org").status == 200


def test_an_org_without_a_key_gets_one_of_the_seed():
    keys = {FakeRegistry(seed=seed).create_org("other").key for seed in (1, 1, 2)}
    assert len(keys) == 2


@pytest.mark.parametrize(("name", "key"), [("my-org", "k"), ("", "k"), ("a/b", "k"), ("ok", " "), ("ok", "a\nb")])
def test_names_and_keys_that_cannot_be_are_refused(kv, name, key):
    with pytest.raises(UsageError):
        kv.create_org(name, key=key)


def test_a_flag_on_an_org_without_players_ends_it_at_once(kv, call):
    kv["x"] = b"v"
    kv.flag_org_for_deletion("sample_org")
    assert call.read("x").status == 404
    assert len(kv.orgs) == 0
    with pytest.raises(UsageError, match="sample_org"):
        kv.flag_org_for_deletion("sample_org")
    with pytest.raises(LookupError):
        kv.org_key  # noqa: B018 - it is looked up at the access


def test_a_flagged_org_takes_no_writes_in_python_either(kv, org):
    org.roles.take("lead", "p")
    kv.flag_org_for_deletion("sample_org")
    for write in (lambda: org.put("x", b""), lambda: org.roles.take("lead", "p")):
        with pytest.raises(RuleError, match="org_flagged"):
            write()
    with pytest.raises(RuleError, match="being_deleted"):
        org.rotate_key()


def test_the_end_of_an_org_is_final_when_the_clock_goes_back(kv, org, call):
    org.roles.take("lead", "p", playtime_secs=10)
    kv.flag_org_for_deletion("sample_org")
    kv.clock.advance(10)
    assert call("GET", "/sample_org").status == 404
    kv.clock.advance(-10)
    assert call("GET", "/sample_org").status == 404


def test_an_org_can_be_made_again_and_begins_anew(kv, org, connect):
    old = org.rotate_key()
    kv.flag_org_for_deletion("sample_org")
    again = kv.create_org("sample_org")
    assert again.key != old
    assert connect(again.key)("GET", "/sample_org/").json["files"] == []


@pytest.mark.parametrize(
    "options", [{"org_time_start": -1}, {"org_time_start": 2**64 - 1}, {"org_time_step": 0}, {"org_time_step": 2**40}]
)
def test_org_times_that_would_not_stay_u64_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        FakeRegistry(**options)


def test_org_times_beyond_the_signed_range_are_exact():
    with FakeRegistry(org_time_start=2**63 + 1) as kv:
        assert kv.orgs["sample_org"].put("x", b"").update_org_time == 2**63 + 2


def furnished(kv) -> FakeRegistry:
    org = kv.orgs["sample_org"]
    org.put("text", "täxt", content_type="text/plain")
    org.put("bytes", bytes(range(256)))
    org.roles.take("lead", "p", max_players=2)
    org.rotate_key()
    kv.create_org("flagged", key="k").roles.take("x", "p")
    kv.flag_org_for_deletion("flagged")
    return kv


def test_a_snapshot_brings_everything_back_counters_included(kv):
    saved = furnished(kv).snapshot()
    before = kv.world.state.dump()
    key = kv.orgs["sample_org"].rotate_key()
    made = kv.create_org("more").key
    kv["text"] = b"other"
    kv.orgs["flagged"].roles.release("x", "p")
    for _ in range(2):
        kv.restore(saved)
        assert kv.world.state.dump() == before
        assert (kv.orgs["sample_org"].rotate_key(), kv.create_org("more").key) == (key, made)


def test_what_a_snapshot_holds_counts_against_the_capacity(kv):
    kv["x"] = b"12345"
    kv.restore(kv.snapshot())
    kv.limits.capacity_bytes = 6
    kv["y"] = b"1"
    with pytest.raises(RuleError, match="no_space"):
        kv["y"] = b"12"


def test_a_dump_loads_into_another_fake(kv, tmp_path):
    furnished(kv).dump(tmp_path / "state.json")
    other = FakeRegistry(seed=kv.seed)
    other.load(tmp_path / "state.json")
    other.clock.freeze(kv.clock.now())
    assert other.world.state.dump() == kv.world.state.dump()
    assert other["bytes"].value == bytes(range(256))
    assert other.orgs["flagged"].is_deleted
    assert other.orgs["sample_org"].rotate_key() == kv.orgs["sample_org"].rotate_key()
    other.limits.capacity_bytes = 261
    with pytest.raises(RuleError, match="no_space"):
        other["more"] = b"1"


def test_a_reset_gives_a_fresh_fake(kv):
    furnished(kv).reset()
    assert kv.world.state.dump() == FakeRegistry(seed=1, **kv._org_times).world.state.dump()
