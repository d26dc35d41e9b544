"""Which checks a request meets."""

from __future__ import annotations

import pytest

from pytest_kvfake import FakeApify, FakeCloudflare, FakeHive, FakeRegistry
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import Outcome, Service


def a_check(state, command, now):
    del state, command, now


def another(state, command, now):
    del state, command, now


def a_service(*checks, gateway=()):
    def done(state, command, now):
        del state, command, now
        return Outcome()

    return Service(
        name="test",
        normalise=lambda request, state: request,
        checks=checks,
        steps={"read": done, "write": done},
        render=lambda result, command, context: Response(200),
        body_limit=lambda state, command: 0,
        gateway=gateway,
    )


def test_a_check_by_itself_is_for_every_request():
    service = a_service(a_check)
    assert service.checks_of == {"read": (a_check,), "write": (a_check,), None: (a_check,)}


def test_a_check_in_a_mapping_is_for_its_operations_in_its_place():
    service = a_service({"write": a_check}, another)
    assert service.checks_of == {"read": (another,), "write": (a_check, another), None: (another,)}


def test_none_stands_for_a_request_that_met_no_operation():
    service = a_service({None: a_check})
    assert service.checks_of == {"read": (), "write": (), None: (a_check,)}


def test_those_of_the_gateway_come_first():
    service = a_service(another, gateway=(a_check,))
    assert service.gateway_of["read"] == (a_check,)
    assert service.checks_of["read"] == (another,)
    assert service.all_checks_of["read"] == (a_check, another)


@pytest.mark.parametrize("fake", [FakeApify, FakeCloudflare, FakeHive, FakeRegistry])
def test_no_check_is_for_an_operation_that_does_not_exist(fake):
    service = fake.service
    named = {name for one in (*service.gateway, *service.checks) if not callable(one) for name in one}
    assert named <= {*service.steps, None}
