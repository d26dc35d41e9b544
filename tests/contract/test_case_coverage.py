"""The contract cases meet every answer that a fake can give by itself; what it cannot says why in the document."""

import sys

import pytest

from pytest_kvfake.contract.cases import load_cases
from pytest_kvfake.contract.coverage import Coverage
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.discovery import implemented

SERVICES = [service for service in implemented() if load_cases(service)]

services = pytest.mark.parametrize("service", SERVICES)
in_dialects = pytest.mark.parametrize("dialect", DIALECTS)


@services
@in_dialects
def test_the_cases_meet_every_answer_that_the_service_can_give(service, dialect, recorded):
    coverage = Coverage(recorded(service, dialect).coverage)
    assert [item.name for item in coverage.counted if not item.by_itself] == []
    assert coverage.counted


@services
@in_dialects
def test_what_is_unreachable_says_why_and_is_not_reached(service, dialect, recorded):
    unreachable = [item for item in Coverage(recorded(service, dialect).coverage).items if item.unreachable]
    for item in unreachable:  # the list, with -rP
        sys.stdout.write(f"{item.name} ({dialect}): {item.unreachable}\n")
    assert [item.name for item in unreachable if item.by_itself] == []
    assert all(item.unreachable.endswith(".") for item in unreachable)


@services
@in_dialects
def test_every_answer_of_the_cases_is_one_that_its_operation_documents(service, dialect, recorded):
    brought = recorded(service, dialect)
    documented = {(item.operation, item.status, item.error) for item in Coverage(brought.coverage).items}
    strangers = {
        (operation, status, error)
        for operation, status, error, faulted in brought.coverage.of(service, dialect)
        if operation is not None and not faulted
        and not {(operation, status, error), ("any", status, error)} & documented
    }  # fmt: skip
    assert strangers == set()


@pytest.mark.parametrize("service", [*implemented()])
def test_an_unreachable_answer_is_one_that_its_operation_documents(service):
    document = load(service)
    for operation in document.operations.values():
        known = {*operation.errors, *operation.raw["responses"]}
        assert set(operation.settings.get("unreachable", {})) <= known, operation.name
