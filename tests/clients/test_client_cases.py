"""The contract cases about real clients: each is there, and each is held against its client by a test."""

from pathlib import Path

from pytest_kvfake.contract.cases import load_cases
from pytest_kvfake.contract.document import services

TESTS = Path(__file__).parents[1]


def test_every_case_of_a_client_is_named_by_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    cases = [case.id for service in services() for case in load_cases(service) if case.client is not None]
    assert [case for case in cases if f'"{case}"' not in tests] == []


def test_the_last_cases_of_cloudflares_contract_are_those_of_real_clients():
    numbers = [case.id for case in load_cases("cloudflare") if case.client is not None]
    assert numbers == [f"cloudflare-{number}" for number in range(186, 203)]
