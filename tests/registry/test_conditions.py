"""Conditional writes and deletes: the full truth table (registry.md 7)."""

import pytest

MALFORMED = ["", "abc", "-1", "+1", "1.0", "0x1", "1e3", "1, 1", "1 1", "18446744073709551616", "9" * 5000]
HIGHEST = 2**64 - 1


@pytest.fixture
def known(kv) -> int:
    """The update org time of an item that exists, which was written twice."""
    kv["there"] = b"first"
    kv["there"] = b"old"
    return kv["there"].update_org_time


@pytest.mark.parametrize("condition", [None, 0, 1, HIGHEST])
def test_a_write_of_a_missing_item_creates_it_whatever_the_condition(kv, call, condition):
    answer = call.write("new", "v", condition)
    assert answer.status == 201
    assert answer.json == {"create_org_time": answer.org_time, "update_org_time": answer.org_time}
    assert kv["new"].value == b"v"


@pytest.mark.parametrize("conditional", [False, True])
def test_a_write_without_or_with_the_present_time_replaces(kv, call, known, conditional):
    created = kv["there"].create_org_time
    answer = call.write("there", "new", known if conditional else None)
    assert answer.status == 200
    assert answer.json == {"create_org_time": created, "update_org_time": answer.org_time}
    assert answer.org_time > known
    assert kv["there"].value == b"new"


@pytest.mark.parametrize("differs_by", [-1, 1, -(10**6), 10**6])
@pytest.mark.parametrize("method", ["write", "delete"])
def test_another_time_than_the_present_one_is_a_conflict(kv, call, known, method, differs_by):
    condition = abs(known + differs_by)
    answer = call.write("there", "new", condition) if method == "write" else call.delete("there", condition)
    assert (answer.status, answer.json) == (409, {"update_org_time": known})
    assert answer.org_time == kv.orgs["sample_org"].time
    assert kv["there"].value == b"old"


@pytest.mark.parametrize("conditional", [False, True])
def test_a_delete_without_or_with_the_present_time_removes(kv, call, known, conditional):
    answer = call.delete("there", known if conditional else None)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.org_time > known
    assert "there" not in kv


@pytest.mark.parametrize("condition", [None, 0, HIGHEST])
def test_a_delete_of_a_missing_item_succeeds_and_changes_nothing(kv, call, condition):
    before = kv.orgs["sample_org"].time
    answer = call.delete("missing", condition)
    assert (answer.status, answer.org_time) == (200, before)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("path", ["there", "missing"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("condition", MALFORMED, ids=lambda text: text[:12])
def test_what_is_no_decimal_u64_is_refused_and_nothing_changes(kv, call, method, path, condition):
    before = kv.world.state.dump()
    answer = call(method, f"/sample_org/{path}.data", "new", x_dk_update_org_time=condition)
    assert (answer.status, answer.body) == (400, b"")
    assert kv.world.state.dump() == before


def test_leading_zeros_do_not_change_a_condition(call, known):
    target = "/sample_org/there.data"
    assert call("PUT", target, "new", x_dk_update_org_time=f"{'0' * 40}{known}").status == 200


def test_a_condition_means_nothing_to_a_read(call, known):
    assert call("GET", "/sample_org/there.data", x_dk_update_org_time="abc").status == 200


@pytest.mark.parametrize("condition", [None, 1])
def test_a_flagged_org_refuses_every_write_and_takes_deletes(kv, call, known, condition):
    kv.orgs["sample_org"].roles.take("lead", "p")
    kv.flag_org_for_deletion("sample_org")
    assert call.write("there", "new", condition).status == 404
    assert call.write("missing", "new", condition).status == 404
    assert call.delete("missing", condition).status == 200
    assert call.delete("there", known).status == 200
