"""Where a path leads: three root forms, literal segments, narrow ones (hive.md 1.1, 1.5, 0a.8)."""

import re

import pytest

from pytest_kvfake.contract.document import load
from pytest_kvfake.contract.router import Router

DOCUMENT = load("hive")
ROUTER = Router(DOCUMENT)
ROOTS = ("/api", "/A/K", "/api/A/K")

OPERATIONS = re.findall(
    r"\w+",
    """
get_info list_hives create_hive rename_hive delete_hive
list_keys delete_keys delete_key exist touch rename_key expire expire_at get_expiration_ttl clear_expiration
seconds_since_last_operation
key_value_set key_value_set_many key_value_get key_value_get_many key_value_increment key_value_decrement
list_get list_get_item list_set_item list_length list_insert_before list_insert_after list_add_first list_add_last
list_get_first_and_delete list_get_last_and_delete list_delete_value
map_get map_get_fields map_get_value map_exists map_length map_keys map_values map_set map_set_value
map_set_with_overwrite map_increment map_decrement map_delete_fields
set_get set_random set_random_and_delete set_add set_delete_values set_contains set_length set_difference
set_intersection set_union
sorted_set_add sorted_set_increment sorted_set_decrement sorted_set_get_with_max_score_and_delete
sorted_set_get_with_min_score_and_delete sorted_set_get_random sorted_set_get_score sorted_set_get_rank
sorted_set_get_range_by_rank sorted_set_get_range_by_score sorted_set_delete_values sorted_set_delete_by_rank
sorted_set_delete_by_score sorted_set_length sorted_set_count sorted_set_difference sorted_set_intersection
sorted_set_union
""",
)

# hive.md 1.5, line by line
TABLE = """
GET /hive list_hives
POST /hive/h create_hive
PUT /hive/h rename_hive
DELETE /hive/h delete_hive
PUT /hive/h/key-value/k key_value_set
PUT /hive/h/key-value key_value_set_many
GET /hive/h/key-value/k key_value_get
POST /hive/h/key-value key_value_get_many
PUT /hive/h/key-value/k/increment key_value_increment
PUT /hive/h/key-value/k/decrement key_value_decrement
GET /hive/h/list/k list_get
GET /hive/h/list/k/7 list_get_item
GET /hive/h/list/k/-1 list_get_item
GET /hive/h/list/k/length list_length
PUT /hive/h/list/k/insert-before list_insert_before
PUT /hive/h/list/k/insert-after list_insert_after
PUT /hive/h/list/k/add-first list_add_first
PUT /hive/h/list/k/add-last list_add_last
PUT /hive/h/list/k/get-first-and-delete list_get_first_and_delete
PUT /hive/h/list/k/get-last-and-delete list_get_last_and_delete
PUT /hive/h/list/k/delete-value list_delete_value
PUT /hive/h/list/k/0 list_set_item
GET /hive/h/map/k map_get
POST /hive/h/map/k map_get_fields
GET /hive/h/map/k/get/f map_get_value
GET /hive/h/map/k/exists/f map_exists
GET /hive/h/map/k/length map_length
GET /hive/h/map/k/keys map_keys
GET /hive/h/map/k/values map_values
PUT /hive/h/map/k map_set
PUT /hive/h/map/k/set/f map_set_value
PUT /hive/h/map/k/set-with-overwrite/f map_set_with_overwrite
PUT /hive/h/map/k/increment/f map_increment
PUT /hive/h/map/k/decrement/f map_decrement
DELETE /hive/h/map/k/by-obj-keys map_delete_fields
GET /hive/h/set/k set_get
GET /hive/h/set/k/random set_random
PUT /hive/h/set/k/random set_random_and_delete
PUT /hive/h/set/k/add set_add
DELETE /hive/h/set/k/values set_delete_values
POST /hive/h/set/k/contains set_contains
GET /hive/h/set/k/length set_length
POST /hive/h/set/action/difference set_difference
POST /hive/h/set/action/intersection set_intersection
POST /hive/h/set/action/union set_union
PUT /hive/h/sorted-set/k/add sorted_set_add
PUT /hive/h/sorted-set/k/increment sorted_set_increment
PUT /hive/h/sorted-set/k/decrement sorted_set_decrement
PUT /hive/h/sorted-set/k/get-with-max-score-and-delete sorted_set_get_with_max_score_and_delete
PUT /hive/h/sorted-set/k/get-with-min-score-and-delete sorted_set_get_with_min_score_and_delete
GET /hive/h/sorted-set/k/get-random sorted_set_get_random
POST /hive/h/sorted-set/k/get-score sorted_set_get_score
POST /hive/h/sorted-set/k/get-rank sorted_set_get_rank
GET /hive/h/sorted-set/k/get-range-by-rank sorted_set_get_range_by_rank
GET /hive/h/sorted-set/k/get-range-by-score sorted_set_get_range_by_score
DELETE /hive/h/sorted-set/k/values sorted_set_delete_values
DELETE /hive/h/sorted-set/k/delete-by-rank sorted_set_delete_by_rank
DELETE /hive/h/sorted-set/k/delete-by-score sorted_set_delete_by_score
GET /hive/h/sorted-set/k/length sorted_set_length
GET /hive/h/sorted-set/k/count sorted_set_count
POST /hive/h/sorted-set/action/difference sorted_set_difference
POST /hive/h/sorted-set/action/intersection sorted_set_intersection
POST /hive/h/sorted-set/action/union sorted_set_union
GET /info get_info
""".strip().splitlines()
GENERAL = """
GET /hive/h/{type}/keys list_keys
DELETE /hive/h/{type} delete_keys
DELETE /hive/h/{type}/k delete_key
POST /hive/h/{type}/action/exist exist
PUT /hive/h/{type}/action/touch touch
PUT /hive/h/{type}/k/rename rename_key
PUT /hive/h/{type}/k/expire expire
PUT /hive/h/{type}/k/expire-at expire_at
GET /hive/h/{type}/k/get-expiration-ttl get_expiration_ttl
PUT /hive/h/{type}/k/clear-expiration clear_expiration
GET /hive/h/{type}/k/seconds-since-last-operation seconds_since_last_operation
""".strip().splitlines()
TYPES = ("key-value", "list", "map", "set", "sorted-set")
ROUTES = [line.split() for line in TABLE] + [line.replace("{type}", kind).split() for line in GENERAL for kind in TYPES]


def met(method: str, path: str) -> str | None:
    found = ROUTER.match(method, path)
    return None if found is None else found.operation.name


def test_the_operations_have_the_names_of_the_issue():
    assert sorted(DOCUMENT.operations) == sorted(OPERATIONS)


@pytest.mark.parametrize("root", ROOTS)
def test_every_route_of_the_contract_leads_to_its_operation(root):
    assert {(method, path): met(method, root + path) for method, path, _ in ROUTES} == {
        (method, path): name for method, path, name in ROUTES
    }
    assert {name for _, _, name in ROUTES} == set(OPERATIONS)


def test_two_templates_meet_only_where_a_key_is_named_keys():
    pairs = {(winner, loser) for winner, loser in ROUTER.overlaps()}
    expected = {
        (f"GET {root}/hive/{{hive}}/{{type}}/keys", f"GET {root}/hive/{{hive}}/{kind}/{{key}}")
        for root in ("/api", "/{app_id}/{api_key}", "/api/{app_id}/{api_key}")
        for kind in ("key-value", "list", "map", "set")
    }
    assert pairs == expected


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("PUT", "/hive/h/key-value/keys", "key_value_set"),
        ("GET", "/hive/h/key-value/keys", "list_keys"),
        ("DELETE", "/hive/h/key-value/keys", "delete_key"),
        ("GET", "/hive/h/map/action/keys", "map_keys"),
        ("PUT", "/hive/h/set/action/add", "set_add"),
        ("GET", "/hive/hive/key-value/key-value", "key_value_get"),
        ("GET", "/hive/info/list/keys/length", "list_length"),
        ("PUT", "/hive/info", "rename_hive"),
    ],
)
def test_names_that_look_like_routes_are_names_where_they_stand(root, method, path, operation):
    assert met(method, root + path) == operation


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hive/h"),
        ("DELETE", "/hive"),
        ("GET", "/hive/h/list/k/first"),
        ("GET", "/hive/h/list/k/1.0"),
        ("GET", "/hive/h/sorted-set/k"),
        ("GET", "/hive/h/sorted set/k/length"),
        ("POST", "/hive/h/list/action/exists"),
        ("PUT", "/hive/h/set/k"),
        ("PUT", "/hive/h/list/k"),
        ("POST", "/hive/h/list/action/union"),
        ("PATCH", "/hive/h/key-value/k"),
        ("GET", "/binary"),
    ],
)
@pytest.mark.parametrize("root", ROOTS)
def test_what_the_contract_does_not_have_leads_nowhere(root, method, path):
    assert met(method, root + path) is None


@pytest.mark.parametrize("path", ["/api/hive/info", "/api/hive/hive", "/api/info/hive", "/api/hive/x/hive"])
def test_a_path_of_the_own_domain_is_of_no_other_form(path):
    assert met("GET", path) is None


def test_an_application_may_have_an_id_and_a_key_that_look_like_routes():
    found = ROUTER.match("GET", "/api/set/list/hive/h/map/k")
    assert found is not None
    assert found.operation.name == "map_get"
    assert found.parameters == {"app_id": "set", "api_key": "list", "hive": "h", "key": "k"}


def test_the_table_above_has_no_placeholder_left():
    assert [path for _, path, _ in ROUTES if re.search(r"[{}]", path)] == []
