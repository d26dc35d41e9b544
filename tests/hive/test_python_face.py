"""The state without HTTP: hives and their stores as Python mappings, lists and sets; expiry; switches."""

import json

import pytest

from pytest_kvfake import FakeHive, OptionError, RuleError, UsageError

T0 = 1_700_000_000


def test_hives_are_a_mapping_in_the_order_of_their_creation(kv, call):
    kv.create_hive("b")
    kv.create_hive("a", {"x": 1})
    call("POST", "/api/hive/c")
    assert list(kv.hives) == ["b", "a", "c"]
    assert kv.hives["a"].key_value["x"] == 1
    assert "none" not in kv.hives
    with pytest.raises(KeyError):
        kv.hives["none"]


def test_a_renamed_hive_keeps_its_place(kv, call):
    for name in "abc":
        kv.create_hive(name)
    call("PUT", "/api/hive/b?newName=z")
    assert list(kv.hives) == ["a", "z", "c"]


def test_a_hive_that_exists_or_has_no_name_cannot_be_made(kv, h):
    with pytest.raises(RuleError, match="Hive with name 'h' already exists") as refused:
        kv.create_hive("h")
    assert refused.value.name == "hive_exists"
    with pytest.raises(RuleError):
        kv.create_hive("")


def test_a_hive_whose_first_entries_are_refused_is_not_there(kv):
    with pytest.raises(RuleError):
        kv.create_hive("new", {"a": 1, "b": None})
    assert list(kv.hives) == []


def test_the_key_value_store_is_a_mapping(h, call):
    h.key_value["x"] = {"a": [1, None]}
    assert call("GET", "/api/hive/h/key-value/x").json == {"a": [1, None]}
    call("PUT", "/api/hive/h/key-value/y", {"value": 1.0})
    assert dict(h.key_value) == {"x": {"a": [1, None]}, "y": 1.0}
    assert type(h.key_value["y"]) is float
    del h.key_value["x"]
    assert len(h.key_value) == 1
    with pytest.raises(KeyError):
        del h.key_value["x"]


def test_what_is_read_is_the_readers_own(h):
    h.key_value["x"] = [1]
    h.key_value["x"].append(2)
    assert h.key_value["x"] == [1]


def test_lists_are_live(h, call):
    h.list["l"] = ["a", 1]
    live = h.list["l"]
    call("PUT", "/api/hive/h/list/l/add-last", [{"x": 1}])
    assert live == ["a", 1, {"x": 1}]
    assert live[1:] == [1, {"x": 1}]
    live.append("z")
    live[0] = "b"
    del live[1]
    live.insert(1, 0)
    assert call("GET", "/api/hive/h/list/l").json == ["b", 0, {"x": 1}, "z"]
    live.clear()
    assert "l" not in h.list
    live.extend([1, 2])
    assert h.list["l"] == [1, 2]
    live[0:1] = [7, 8]
    assert list(reversed(live)) == [2, 8, 7]


def test_maps_are_live(h, call):
    h.map["m"] = {"a": 1}
    live = h.map["m"]
    live["b"] = [2]
    live.update(c="x")
    assert call("GET", "/api/hive/h/map/m").json == {"a": 1, "b": [2], "c": "x"}
    del live["a"]
    assert live == {"b": [2], "c": "x"}
    live.clear()
    assert "m" not in h.map


def test_sets_are_live_and_tell_values_apart_by_their_text(h, call):
    h.set["s"] = ["a", 1]
    live = h.set["s"]
    live.add(True)
    live.add({"k": 1})
    assert call("GET", "/api/hive/h/set/s/length").json == 4
    assert 1.0 not in live
    assert {"k": 1} in live
    assert object() not in live
    live.discard("none")
    live.discard({"k": 1})
    assert live | {"b"} == {"a", 1, "b"}
    h.set["t"] = {"a"}
    assert h.set["t"] == {"a"}
    h.set["t"].remove("a")
    assert "t" not in h.set


def test_sorted_sets_are_live_mappings_of_values_to_scores(h, call):
    h.sorted_set["z"] = {"b": 2, "a": 1}
    h.sorted_set["y"] = [(3, {"x": 1})]
    live = h.sorted_set["z"]
    live["c"] = 0.5
    assert list(live.items()) == [("c", 0.5), ("a", 1.0), ("b", 2.0)]
    assert call("GET", "/api/hive/h/sorted-set/z/get-range-by-rank?startRank=0&stopRank=-1").json == ["c", "a", "b"]
    assert h.sorted_set["y"].pairs() == [(3.0, {"x": 1})]
    assert h.sorted_set["y"][{"x": 1}] == 3
    del live["c"]
    assert live == {"a": 1, "b": 2}
    with pytest.raises(KeyError):
        live["none"]
    with pytest.raises(KeyError):
        del live["none"]


@pytest.mark.parametrize(
    "write",
    [
        lambda h: h.key_value.__setitem__("x", None),
        lambda h: h.key_value.__setitem__("x", {1, 2}),
        lambda h: h.key_value.__setitem__("x", float("nan")),
        lambda h: h.key_value.__setitem__("x", "\ud800"),
        lambda h: h.key_value.__setitem__("", 1),
        lambda h: h.key_value.__setitem__(7, 1),
        lambda h: h.key_value.__setitem__("\ud800", 1),
        lambda h: h.list.__setitem__("l", "text"),
        lambda h: h.list.__setitem__("l", [None]),
        lambda h: h.list.__setitem__("l", 7),
        lambda h: h.map.__setitem__("m", {1: 2}),
        lambda h: h.map.__setitem__("m", {"a": None}),
        lambda h: h.map.__setitem__("m", ["a"]),
        lambda h: h.set.__setitem__("s", [None]),
        lambda h: h.set.__setitem__("s", "text"),
        lambda h: h.sorted_set.__setitem__("z", {"a": "1"}),
        lambda h: h.sorted_set.__setitem__("z", {"a": True}),
        lambda h: h.sorted_set.__setitem__("z", {"a": float("inf")}),
        lambda h: h.sorted_set.__setitem__("z", {"a": 10**400}),
        lambda h: h.sorted_set.__setitem__("z", [("a",)]),
    ],
)
def test_what_the_service_would_refuse_cannot_be_written(kv, h, write):
    before = kv.world.state.dump()
    with pytest.raises(RuleError, match="hive would refuse this write") as refused:
        write(h)
    assert refused.value.name == "invalid_argument"
    assert kv.world.state.dump() == before


def test_writing_into_a_live_collection_keeps_the_rules(h):
    h.list["l"] = [1]
    h.map["m"] = {"a": 1}
    for write in (
        lambda: h.list["l"].append(None),
        lambda: h.map["m"].update({"b": None}),
        lambda: h.map["m"].__setitem__(7, 1),
    ):
        with pytest.raises(RuleError):
            write()


def test_expiry_is_seen_and_set(kv, h, call):
    h.key_value.put("x", 1, ttl=60)
    assert h.key_value.expiration("x") == T0 + 60
    assert call("GET", "/api/hive/h/key-value/x/get-expiration-ttl").json == 60
    h.key_value.expire_at("x", None)
    assert h.key_value.expiration("x") is None
    h.list.put("l", [1], expire_at=T0 + 5)
    kv.clock.advance(5)
    assert "l" not in h.list
    for ask in (h.list.expiration, h.list.idle, lambda key: h.list.expire_at(key, None)):
        with pytest.raises(KeyError):
            ask("l")


def test_writing_to_a_live_collection_keeps_its_expiry_and_assigning_ends_it(h):
    h.set.put("s", ["a"], ttl=60)
    h.set["s"].add("b")
    assert h.set.expiration("s") == T0 + 60
    h.set["s"] = ["c"]
    assert h.set.expiration("s") is None


def test_looking_is_no_operation_and_leaves_no_trace(kv, h):
    h.map["m"] = {"a": 1}
    kv.clock.advance(9)
    assert h.map["m"]["a"] == 1
    assert h.map.idle("m") == 9
    assert len(kv.journal) == 0


def test_a_view_of_a_hive_that_is_gone_says_so(h, call):
    call("DELETE", "/api/hive/h")
    with pytest.raises(LookupError, match="no hive 'h' any more"):
        h.key_value["x"]


def fill(kv):
    hive = kv.create_hive("h", {"x": {"a": 1.0}})
    hive.list.put("l", ["a", 1], ttl=50)
    hive.map["m"] = {"f": True}
    hive.set["s"] = ["a", "b", "c"]
    hive.sorted_set["z"] = [(1, "a"), (0.5, [1])]
    kv.allow_user_token("T")


def test_a_snapshot_can_be_restored_as_often_as_wanted(kv, call):
    fill(kv)
    before, saved = kv.world.state.dump(), kv.snapshot()
    for _ in range(2):
        for tail in ("list/l/get-first-and-delete", "set/s/random", "sorted-set/z/get-with-max-score-and-delete"):
            call("PUT", f"/api/hive/h/{tail}", user_token="T")
        call("PUT", "/api/hive/h/map/m", {"g": 1}, user_token="T")
        call("DELETE", "/api/hive/h/key-value/x", user_token="T")
        call("POST", "/api/hive/new", user_token="T")
        assert kv.world.state.dump() != before
        kv.restore(saved)
        assert kv.world.state.dump() == before


def test_a_restored_fake_draws_the_same_random_values(kv, call):
    fill(kv)
    saved = kv.snapshot()
    first = call("GET", "/api/hive/h/set/s/random?count=-20", user_token="T").json
    again = call("GET", "/api/hive/h/set/s/random?count=-20", user_token="T").json
    assert first != again
    kv.restore(saved)
    assert call("GET", "/api/hive/h/set/s/random?count=-20", user_token="T").json == first


def test_a_dump_is_loaded_into_another_fake(kv, tmp_path):
    fill(kv)
    kv.dump(tmp_path / "state.json")
    with FakeHive(seed=2) as other:
        other.load(tmp_path / "state.json")
        assert other.world.state.dump() == kv.world.state.dump()
        assert other.hives["h"].sorted_set["z"].pairs() == [(0.5, [1]), (1.0, "a")]
    shown = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["state"]["hives"]["h"]
    assert shown["sorted-set"]["keys"]["z"]["value"] == [[0.5, [1]], [1.0, "a"]]


def test_resetting_takes_everything_away(kv):
    fill(kv)
    kv.reset()
    assert list(kv.hives) == []
    assert kv.world.state.tokens == set()


def test_the_cursor_has_the_name_that_the_test_chooses(kv, h, call):
    assert call("GET", "/api/hive/h/set/keys").json == {"keys": [], "cursor": "0"}
    kv.switches.keys_cursor_field = "cursorId"
    assert call("GET", "/api/hive/h/set/keys").json == {"keys": [], "cursorId": "0"}
    kv.switches.keys_cursor_field = "both"
    assert call("GET", "/api/hive/h/set/keys").json == {"keys": [], "cursor": "0", "cursorId": "0"}


def test_values_may_be_restricted_to_texts_as_the_page_says(kv, h, call):
    kv.switches.string_values_only = True
    assert call("PUT", "/api/hive/h/key-value/x", {"value": 1}).json["message"] == "value: must be a string"
    assert call("PUT", "/api/hive/h/key-value/x", {"value": "1"}).json is True


def test_the_older_path_of_exist_is_served_on_request(kv, h, call):
    h.set["s"] = ["a"]
    assert call("POST", "/api/hive/h/set/action/exists", ["s"]).status == 404
    kv.switches.legacy_exists = True
    assert call("POST", "/api/hive/h/set/action/exists", ["s"]).json == 1


def test_the_documented_limits_may_be_changed(kv, h, call):
    for number in range(4):
        h.key_value[f"k{number}"] = number
    kv.limits.list_keys_default = 3
    assert len(call("GET", "/api/hive/h/key-value/keys").json["keys"]) == 3


def test_any_application_will_do_where_the_test_says_so(kv, h, call):
    assert call("GET", "/other/key/hive").status == 401
    kv.app_id = kv.api_key = None
    assert call("GET", "/other/key/hive").json == ["h"]
    with FakeHive(app_id="mine", api_key=None) as other:
        assert (other.app_id, other.api_key) == ("mine", None)


def test_who_knows_the_real_codes_says_them_in_one_place():
    known = {"hive_not_found": {"status": 404, "code": 27100, "message": "no hive {name}"}}
    with FakeHive(errors=known) as kv, FakeHive() as untouched:
        assert kv.document.errors["hive_not_found"].code == 27100
        assert untouched.document.errors["hive_not_found"].code == 27001
        kv.faults.error("list_get", 27100, optional=True)
        with pytest.raises(RuleError, match="Hive with name 'h' already exists"):
            kv.create_hive("h") and kv.create_hive("h")


@pytest.mark.parametrize("errors", [{"hive_not_fund": {"code": 1}}, {"hive_not_found": {"cod": 1}}])
def test_a_misspelt_error_is_an_error(errors):
    with pytest.raises(OptionError, match="Did you mean"):
        FakeHive(errors=errors)


def test_a_state_of_another_service_is_not_loaded(kv, tmp_path):
    (tmp_path / "state.json").write_text('{"service": "registry", "state": {}}')
    with pytest.raises(UsageError):
        kv.load(tmp_path / "state.json")
