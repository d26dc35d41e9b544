"""The pages of what wrangler asks on the way (cloudflare.md 10.2)."""

import httpx
import pytest

from pytest_kvfake import FakeCloudflare


@pytest.mark.parametrize("path", ["accounts", "memberships"])
@pytest.mark.parametrize(("asked", "given"), [("50", 50), ("1000", 1000), ("10000000.0", 1000), ("0", 20), ("x", 20)])
def test_a_page_is_never_larger_than_the_document_allows(path, asked, given):
    with FakeCloudflare(seed=1) as kv:
        kv.create_account(kv.account_id)
        answer = httpx.get(f"{kv.url}/{path}?per_page={asked}", headers={"Authorization": f"Bearer {kv.api_token}"})
        assert (answer.status_code, answer.json()["result_info"]["per_page"]) == (200, given)
        kv.conformance.take()
