import httpx
import pytest

from pytest_kvfake.cloudflare import FakeCloudflare


@pytest.fixture
def kv():
    with FakeCloudflare(seed=1) as fake:
        yield fake


def note(kv: FakeCloudflare, method: str, path: str, **headers: str) -> str:
    with httpx.Client(transport=kv.httpx_transport(), base_url="http://fake") as client:
        client.request(method, path, headers={"Authorization": "Bearer t", **headers})
    return kv.journal.last.note or ""


ACCOUNT = "/client/v4/accounts/023e105f4ecef8ad9ca31a8372d0c353"


def test_a_wrong_method_names_the_right_ones(kv):
    assert note(kv, "PATCH", f"{ACCOUNT}/storage/kv/namespaces") == (
        "no operation has the method PATCH here; GET is list_namespaces, POST is create_namespace"
    )


def test_a_misspelt_path_names_the_segment(kv):
    found = note(kv, "GET", f"{ACCOUNT}/storage/kv/namespace")
    assert "nearest is list_namespaces" in found
    assert "'namespace' where 'namespaces' is expected" in found


def test_a_path_that_ends_too_early_says_what_is_missing(kv):
    assert "ends before" in note(kv, "GET", f"{ACCOUNT}/storage/kv")


def test_a_path_from_elsewhere_doubts_the_base_url(kv):
    assert note(kv, "GET", "/favicon.ico") == "no documented path is near; is the base URL the one of kv.url?"


def test_a_wrong_scheme_of_credentials_is_named(kv):
    found = note(kv, "GET", f"{ACCOUNT}/storage/kv/namespaces", Authorization="Basic eDp5")
    assert found == "the Authorization header begins with 'Basic'; documented is bearer"


def test_the_note_does_not_change_the_answer(kv):
    with httpx.Client(transport=kv.httpx_transport(), base_url="http://fake") as client:
        answer = client.get("/nope", headers={"Authorization": "Bearer t"})
    assert answer.json()["errors"][0]["code"] == 7003


def test_a_request_that_fits_has_no_note(kv):
    assert note(kv, "GET", f"{ACCOUNT}/storage/kv/namespaces") == ""
