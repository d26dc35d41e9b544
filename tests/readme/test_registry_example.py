"""The example of a lost answer, as the documentation shows it."""
# ruff: noqa: E501, RET503 - it is shown as a user would write it
# fmt: off

import httpx


def save_recipe(url, org_key):  # the code under test: retries, never writes twice
    headers = {"Authorization": org_key, "x-dk-update-org-time": "0"}  # 0: only if nobody has written it yet
    for _ in range(3):
        status = httpx.put(f"{url}/sample_org/nemmies/rolls/recipe.data", content=b"passion", headers=headers).status_code
        if status != 500:
            return status


def test_lost_answer_is_retried_safely(kv_registry):
    fault = kv_registry.faults.error("write_data", status=500, applied=True)  # "unsure if it was processed"
    assert save_recipe(kv_registry.url, kv_registry.org_key) == 409  # the retry finds its own write
    assert fault.fired == 1
    item = kv_registry["nemmies/rolls/recipe"]
    assert item.create_org_time == item.update_org_time  # written once, not twice
