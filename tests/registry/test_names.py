"""From a target to one of the four shapes (registry.md 2.1, 3)."""

import pytest

from pytest_kvfake.registry.names import is_shaped, normalised_path


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("/svc//sample_org//nemmies//", "/sample_org/nemmies/"),
        ("/svc//sample_org//nemmies/rolls/recipe.data", "/sample_org/nemmies/rolls/recipe.data"),
        ("/svc//sample_org", "/sample_org"),
        ("//sample_org", "/sample_org"),
        ("/sample_org//", "/sample_org/"),
        ("/svc", "/"),
        ("/svc/", "/"),
        ("/svc/svc/x.data", "/svc/x.data"),
        ("/svcs/x.data", "/svcs/x.data"),
        ("/sample_org/svc/x.data", "/sample_org/svc/x.data"),
        ("/sample%5Forg/%61%2edata", "/sample_org/a.data"),
        ("/sample_org/a%2Fb.data", "/sample_org/a%2Fb.data"),
        ("/sample_org/%255F.data", "/sample_org/%255F.data"),
        ("/sample_org/%5%46.data", "/sample_org/%5%46.data"),
        ("/sample_org/%C3%A9.data", "/sample_org/%C3%A9.data"),
    ],
)
def test_a_path_is_read_as_the_vendors_client_means_it(sent, read):
    assert normalised_path(sent, keep_prefix=False) == read


def test_an_org_of_that_name_keeps_the_prefix():
    assert normalised_path("/svc//x.data", keep_prefix=True) == "/svc/x.data"


@pytest.mark.parametrize("path", ["/o", "/o/", "/o/a/", "/o/a/b/", "/o/x.data", "/o/a/b/x.role", "/9/_/0.data"])
def test_these_have_a_shape(path):
    assert is_shaped(path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "o", "*", "/o/x", "/o/.data", "/o/a/.role", "/o/x.DATA", "/o/x.json", "/o/x.data/", "/o/x.data.data",
     "/o/a.b/x.data", "/o/a-b/", "/o-o", "/o.data", "/o/é.data", "/o/x.data\n", "/o/%5F.data", "/o//x.data"],
)  # fmt: skip
def test_these_have_none(path):
    assert not is_shaped(path)


def test_an_org_named_svc_is_reached_with_and_without_the_prefix(kv, connect):
    kv.create_org("svc", key="k")["x"] = b"v"
    caller = connect("k")
    assert caller("GET", "/svc/x.data").body == b"v"
    assert caller("GET", "/svc").json["org_name"] == "svc"
