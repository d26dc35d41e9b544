"""Runs every contract case of every service, over the socket and in process, in each dialect."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterator, Mapping

import httpx
import pytest

from pytest_kvfake.contract.cases import Answer, Case, Sent, load_cases, run
from pytest_kvfake.contract.document import DIALECTS, services
from pytest_kvfake.fake import Fake
from pytest_kvfake.transport.client import Client


def fake_class(service: str) -> type[Fake]:
    module = importlib.import_module(f"pytest_kvfake.{service}")
    return next(
        value for name in module.__all__ if inspect.isclass(value := getattr(module, name)) and issubclass(value, Fake)
    )


class FakeTarget:
    """Our own fake, reached by one way of sending."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def arrange(self, given: Mapping, clock: float | None, names: Mapping[str, str]) -> Mapping[str, str]:
        if clock is not None:
            self.fake.clock.freeze(clock)
        return self.fake.arrange(given, names)

    def advance(self, seconds: float) -> None:
        self.fake.clock.advance(seconds)

    def fault(self, described: Mapping) -> None:
        described = dict(described)
        if described.pop("settle", False):
            self.fake.faults.settle()
            return
        kind = getattr(self.fake.faults, described.pop("kind", "error"))
        kind(described.pop("operation"), **described)

    def differences(self, then: Mapping, names: Mapping[str, str]) -> list[str]:
        return self.fake.differences(then, names)


class SocketTarget(FakeTarget):
    def send(self, request: Sent) -> Answer:
        return Client(self.fake.origin).send(request)


class RawURL(httpx.URL):
    """A URL whose path httpx does not tidy: cases send dot segments and broken escapes on purpose."""

    def __init__(self, target: str) -> None:
        super().__init__("http://fake")
        self._target = target.encode("latin-1")

    @property
    def raw_path(self) -> bytes:
        return self._target


class InProcessTarget(FakeTarget):
    def send(self, request: Sent) -> Answer:
        transport = self.fake.httpx_transport()
        headers = [(name.encode(), value.encode()) for name, value in request.headers]
        sent = httpx.Request(request.method, "http://fake", headers=headers, content=request.body)
        sent.url = RawURL(request.target)
        response = transport.handle_request(sent)
        fields = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, fields, b"".join(response.iter_raw()))


TARGETS = {"socket": SocketTarget, "in-process": InProcessTarget}


def matrix() -> Iterator:
    for service in services():
        if importlib.util.find_spec(f"pytest_kvfake.{service}") is None:
            continue
        for case in load_cases(service):
            for dialect in case.dialects:
                for target in TARGETS:
                    yield pytest.param(service, case, dialect, target, id=f"{case.id}-{dialect}-{target}")


def can_run(case: Case) -> bool:
    kinds = {step["fault"].get("kind", "error") for step in case.raw["steps"] if "fault" in step}
    faults = set(dir(importlib.import_module("pytest_kvfake.engine.faults.vocabulary").Faults))
    return kinds <= faults


@pytest.mark.parametrize(("service", "case", "dialect", "target"), list(matrix()))
def test_case(service: str, case: Case, dialect: str, target: str) -> None:
    if not can_run(case):
        pytest.skip(f"{case.id} needs a fault kind that is not built yet")
    assert dialect in DIALECTS
    with fake_class(service)(dialect=dialect, seed=1, strict="off") as fake:
        problems = run(case, TARGETS[target](fake), fake.document)
    assert not problems, f"{case.title} ({case.source})\n" + "\n".join(problems)
