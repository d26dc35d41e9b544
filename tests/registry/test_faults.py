"""Errors on demand, before and after the change, and what a retry meets (registry.md 11)."""

import pytest

from pytest_kvfake import UsageError


def lost(kv, operation: str):
    return kv.faults.error(operation, status=500, applied=True)


def test_a_507_that_was_applied_cannot_be_meant(kv):
    with pytest.raises(UsageError, match="no_space"):
        kv.faults.error("write_data", status=507, applied=True)
    assert kv.faults.armed == ()


def test_a_507_stores_nothing(kv, call):
    kv.faults.error("write_data", "no_space")
    before = kv.orgs["sample_org"].time
    answer = call.write("x")
    assert (answer.status, answer.body) == (507, b"")
    assert ("x" in kv, kv.orgs["sample_org"].time) == (False, before)


def test_a_full_storage_refuses_writes_and_takes_and_no_deletes(kv, call):
    kv["x"] = b"v"
    with kv.faults.storage_full():
        assert call.write("x").status == 507
        assert call.take("lead", "p").status == 507
        assert call.delete("x").status == 200
        assert call.rotate("k").status == 200


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("operation", ["read_data", "describe_org", "list_items", "read_role"])
def test_a_read_can_fail_and_has_nothing_to_apply(kv, call, operation, status):
    kv["x"] = b"v"
    kv.orgs["sample_org"].roles.take("x", "p")
    paths = {"read_data": "/x.data", "describe_org": "", "list_items": "/", "read_role": "/x.role"}
    target = f"/sample_org{paths[operation]}"
    kv.faults.error(operation, status=status)
    failed = call("GET", target)
    assert (failed.status, failed.body) == (status, b"")
    assert {"x-dk-org-time", "content-type"}.isdisjoint(failed.headers)
    assert kv.journal.last.applied is None
    assert call("GET", target).status == 200


def test_a_fault_before_is_ahead_of_size_and_condition(kv, call):
    kv["x"] = b"v"
    kv.faults.error("write_data", status=500, times=2)
    assert call.write("x", b"x" * 100_001).status == 500
    assert call.write("x", "new", condition=99).status == 500
    assert kv["x"].value == b"v"


def test_a_fault_after_gives_way_to_every_refusal_and_stays_armed(kv, call):
    kv["x"] = b"v"
    kv.limits.capacity_bytes = 2
    fault = lost(kv, "write_data")
    assert call.write("x", b"x" * 100_001).status == 413
    assert call.write("x", "n", condition=99).status == 409
    assert call.write("y", "too much").status == 507
    assert fault.fired == 0
    assert call.write("x", "n").status == 500
    assert (fault.fired, kv["x"].value) == (1, b"n")


def test_the_journal_says_what_was_applied(kv, call):
    kv.faults.error("write_data", status=500)
    lost(kv, "delete_data")
    call.write("x")
    call.delete("x")
    assert [exchange.applied for exchange in kv.journal] == [False, True]
    assert all("internal_error" in exchange.fault for exchange in kv.journal)


def test_a_lost_write_of_a_new_item_is_a_200_when_repeated(kv, call):
    lost(kv, "write_data")
    assert [call.write("x").status for _ in range(2)] == [500, 200]


def test_a_lost_conditional_write_conflicts_with_itself(kv, call):
    kv["x"] = b"v"
    lost(kv, "write_data")
    condition = kv["x"].update_org_time
    assert call.write("x", "new", condition).status == 500
    again = call.write("x", "new", condition)
    assert (again.status, again.json) == (409, {"update_org_time": kv["x"].update_org_time})


@pytest.mark.parametrize("conditional", [False, True])
def test_a_lost_delete_is_a_200_when_repeated(kv, call, conditional):
    kv["x"] = b"v"
    lost(kv, "delete_data")
    condition = kv["x"].update_org_time if conditional else None
    assert [call.delete("x", condition).status for _ in range(2)] == [500, 200]


def test_a_lost_take_is_a_200_when_repeated_and_counts_anew(kv, call):
    lost(kv, "take_role")
    assert call.take("lead", "p", 30).status == 500
    kv.clock.advance(10)
    assert call.take("lead", "p", 30).status == 200
    assert call.players("lead") == {"p": 30_000}


def test_a_lost_release_is_a_200_when_repeated(kv, call):
    call.take("lead", "p")
    lost(kv, "release_role")
    assert [call.release("lead", "p").status for _ in range(2)] == [500, 200]


def test_a_lost_rotation_to_an_own_key_needs_the_new_key(kv, call, connect):
    lost(kv, "rotate_org_key")
    assert call.rotate("own").status == 500
    assert call.rotate("own").status == 403
    assert connect("own").rotate("own").status == 200


def test_an_error_with_members_can_be_sent_without_a_cause(kv, call):
    kv.faults.error("write_data", "conflict")
    answer = call.write("x")
    assert answer.status == 409
    assert isinstance(answer.json["update_org_time"], int)
    assert "x" not in kv


def test_the_strangers_see_no_fault(kv, connect):
    fault = kv.faults.error("*", status=500, times=1)
    stranger = connect("nope")
    assert stranger.write("x").status == 404
    assert stranger.rotate().status == 403
    assert fault.fired == 0
    fault.remove()


def test_a_fault_can_aim_at_one_item_by_its_path(kv, call):
    kv.faults.error("write_data", status=500, key="d/x")
    assert [call.write(path).status for path in ("x", "d/x", "d/x")] == [201, 500, 201]
    assert [exchange.status for exchange in kv.journal.of("write_data", key="d/x")] == [500, 201]
