"""What is looked at first (hive.md 3.4), and that a refused request changes nothing."""

import pytest


def test_a_askedwith_every_fault_gets_the_first_error_of_the_contract(kv, call):
    kv.allow_user_token("good")
    form_b = "/other/key/hive/nope/sorted-set/z"
    codes = [
        call("PUT", f"{form_b}/nowhere", b"{", content_type="text/plain", user_token="bad").json["code"],
        call("PUT", f"{form_b}/add", b"{", content_type="text/plain", user_token="bad").json["code"],
    ]
    kv.app_id = kv.api_key = None
    codes.append(call("PUT", f"{form_b}/add", b"{", content_type="text/plain", user_token="bad").json["code"])
    codes.append(call("PUT", f"{form_b}/add", b"{", content_type="text/plain").json["code"])
    kv.create_hive("nope")
    codes.append(call("PUT", f"{form_b}/add", b"{", content_type="text/plain").json["code"])
    codes.append(call("PUT", f"{form_b}/add", b"{").json["code"])
    codes.append(call("PUT", f"{form_b}/add", {}).json["code"])
    assert codes == [404, 401, 3064, 27001, 27012, 27011, 27007]


def test_the_body_is_looked_at_before_the_query_and_both_before_the_state(call, h):
    assert call("PUT", "/api/hive/h/key-value/none/rename").json["code"] == 27007
    assert call("PUT", "/api/hive/h/key-value/none/expire?ttl=x").json["code"] == 27004
    assert call("PUT", "/api/hive/h/list/none/0", {"value": None}).json["code"] == 27007
    assert call("PUT", "/api/hive/h/list/none/0", {"value": 1}).json["code"] == 27003


@pytest.mark.parametrize(
    "asked",
    [
        ("PUT", "key-value/x", {"value": "b", "ttl": 0}),
        ("PUT", "key-value/x", {"value": "b", "condition": "IfNotExists"}),
        ("PUT", "key-value", {"x": 2, "y": None}),
        ("PUT", "key-value/x/increment?value=1", ...),
        ("PUT", "key-value/x/rename?newKey=y&overwrite=maybe", ...),
        ("PUT", "key-value/x/expire", ...),
        ("GET", "key-value/x/get-expiration-ttl?", ...),
        ("POST", "key-value/action/exist", ["x"]),
        ("GET", "key-value/keys", ...),
        ("GET", "key-value/x/seconds-since-last-operation", ...),
    ],
)
def test_what_is_refused_or_only_looks_resets_no_timer(kv, h, call, asked):
    method, tail, body = asked
    h.key_value.put("x", "a", ttl=100)
    kv.clock.advance(30)
    before = kv.world.state.dump()
    call(method, f"/api/hive/h/{tail}", body)
    assert kv.world.state.dump() == before
    assert h.key_value.idle("x") == 30


@pytest.mark.parametrize(
    "asked",
    [
        ("GET", "list/l", ...),
        ("GET", "list/l/length", ...),
        ("PUT", "list/l/insert-before", {"anchorValue": "zz", "valueToInsert": 1}),
        ("PUT", "list/l/expire?ttl=9", ...),
        ("PUT", f"list/l/expire-at?unixTime={1_700_000_500}", ...),
        ("PUT", "list/l/clear-expiration", ...),
        ("PUT", "list/action/touch", ["l"]),
        ("PUT", "list/l/add-last", [1]),
    ],
)
def test_reads_writes_expiries_and_touch_are_operations(kv, h, call, asked):
    method, tail, body = asked
    h.list["l"] = ["a"]
    kv.clock.advance(30)
    assert call(method, f"/api/hive/h/{tail}", body).status == 200
    assert h.list.idle("l") == 0


def test_a_key_in_a_body_is_a_key_for_faults(kv, h, call):
    kv.faults.error("key_value_get_many", "hive_not_found", key="b")
    assert call("POST", "/api/hive/h/key-value", ["a"]).status == 200
    assert call("POST", "/api/hive/h/key-value", ["a", "b"]).json["code"] == 27001


def test_an_answer_that_was_lost_leaves_its_change(kv, h, call):
    kv.faults.error("set_add", status=503, applied=True)
    assert call("PUT", "/api/hive/h/set/s/add", ["a"]).status == 503
    assert list(h.set["s"]) == ["a"]
