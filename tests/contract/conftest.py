"""All contract cases of a service, run once in process, for the tests that look at what was answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import pytest

from pytest_kvfake.contract.cases import Answer, Sent, load_cases, run
from pytest_kvfake.contract.coverage import Recording
from pytest_kvfake.contract.document import Document
from pytest_kvfake.discovery import fake_class
from pytest_kvfake.engine.exchange import Exchange
from pytest_kvfake.engine.messages import Headers, Request, body_of


class InProcess:
    """A fake as what cases are run against, without any transport."""

    def __init__(self, fake) -> None:
        self.fake = fake

    def arrange(self, given: Mapping, clock: float | None, names: Mapping[str, str]) -> Mapping[str, str]:
        if clock is not None:
            self.fake.clock.freeze(clock)
        return self.fake.arrange(given, names)

    def send(self, request: Sent) -> Answer:
        headers = Headers((name, value.encode().decode("latin-1")) for name, value in request.headers)
        sent = Request(request.method, request.target, headers)
        response = self.fake.world.handle(sent, body_of(request.body)).response
        if response is None:
            return Answer(0, {}, b"")
        body = b"".join(response.stream()) if response.stream is not None else response.body
        return Answer(response.status, {name.lower(): value for name, value in response.headers}, body)

    def advance(self, seconds: float) -> None:
        self.fake.clock.advance(seconds)

    def fault(self, described: Mapping) -> None:
        described = dict(described)
        if described.pop("settle", False):
            self.fake.faults.settle()
            return
        getattr(self.fake.faults, described.pop("kind", "error"))(described.pop("operation"), **described)

    def differences(self, then: Mapping, names: Mapping[str, str]) -> list[str]:
        return self.fake.differences(then, names)


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the cases of a service brought in one dialect."""

    document: Document
    exchanges: tuple[Exchange, ...]
    coverage: Recording


@cache
def _recorded(service: str, dialect: str) -> Recorded:
    recording = Recording()
    exchanges: list[Exchange] = []
    recording.start()
    try:
        for case in load_cases(service):
            if dialect in case.dialects:
                fake = fake_class(service)(dialect=dialect, seed=1, strict="off", journal_body_bytes=1 << 16)
                run(case, InProcess(fake), fake.document)
                exchanges += fake.journal
    finally:
        recording.stop()
    return Recorded(fake.document, tuple(exchanges), recording)


@pytest.fixture
def recorded() -> Callable[[str, str], Recorded]:
    """Gives what the cases of a service brought in a dialect; they are run once a process."""
    return _recorded


@pytest.fixture
def in_process() -> type[InProcess]:
    """Gives the class of a fake as what cases are run against, without any transport."""
    return InProcess
