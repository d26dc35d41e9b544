"""Runs the contract cases of a service against a live endpoint.

What is special about a service is in its ``live.py``: an `Arranger`, which makes what a case takes for given through
the service's own API, and removes it again. Only cases whose certainty somebody can vouch for are run, and of those
only the ones whose needs the arranger can meet.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pytest_kvfake.contract.cases import Answer, Case, Sent, load_cases, run
from pytest_kvfake.errors import KVFakeError, UsageError

if TYPE_CHECKING:
    from pytest_kvfake.contract.document import Document

__all__ = [
    "Arranger",
    "CannotArrangeError",
    "Credential",
    "Renaming",
    "Result",
    "Send",
    "arranger_class",
    "check_live",
    "selected",
]

Send = Callable[[Sent], Answer]

CERTAINTIES = ("documented", "observed", "client")
"""Of the cases that are run; what was inferred says nothing about a live service."""


class CannotArrangeError(KVFakeError):
    """What a case takes for given cannot be had at this endpoint; the text says why."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that a live endpoint wants to be shown.

    Attributes:
        name: as the fake's attribute; also the command-line option.
        variable: of the environment, where the option is not given.
        help: what it is, in a few words.
    """

    name: str
    variable: str
    help: str


class Arranger(Protocol):
    """What a service's ``live.py`` defines, as the class ``LiveArranger``.

    Attributes:
        credentials: what has to be known of the endpoint.
    """

    credentials: ClassVar[tuple[Credential, ...]]

    def __init__(self, send: Send, credentials: Mapping[str, str]) -> None:
        """Looks at the endpoint without changing anything.

        Raises:
            UsageError: it does not take the credentials.
        """

    @property
    def provides(self) -> frozenset[str]:
        """The needs of cases that this endpoint can meet."""

    @property
    def names(self) -> Mapping[str, str]:
        """What the cases' names stand for here, such as ids and secrets."""

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Makes what a case takes for given, and says what its names stand for.

        Raises:
            CannotArrangeError: that cannot be had here.
        """

    def exchange(self, request: Sent) -> Answer:
        """Sends one request of a case, and remembers what it has made, so that nothing is left behind.

        Where a case calls something by a name that may be the user's own, another goes over the wire, and the
        answer comes back with the case's.

        Raises:
            CannotArrangeError: the request would touch what is not the case's, or tell of it.
        """

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state is not what the case expects at its end."""

    def clean(self) -> None:
        """Removes everything that was made since the last call, and nothing else.

        Raises:
            KVFakeError: something could not be removed; the text says what.
        """


@dataclass(frozen=True, slots=True)
class Renaming:
    """Texts of the cases, and what stands for them at an endpoint.

    Attributes:
        pairs: by what the cases say, without backslashes; no text contains another.
    """

    pairs: Mapping[str, str]

    def request(self, request: Sent) -> Sent:
        """Gives a case's request as the endpoint is to get it."""
        target, headers, body = request.target, dict(request.headers), request.body
        for ours, theirs in self.pairs.items():
            target = target.replace(ours, theirs)
            headers = {name: value.replace(ours, theirs) for name, value in headers.items()}
            body = body.replace(ours.encode(), theirs.encode())
        return replace(request, target=target, headers=tuple(headers.items()), body=body)

    def answer(self, answer: Answer) -> Answer:
        """Gives an endpoint's answer as the case is to see it."""
        headers, body = dict(answer.headers), answer.body
        for ours, theirs in self.pairs.items():
            whole = rf"(?<!\w){re.escape(theirs)}(?!\w)"  # an org may have the name "org", which begins others
            headers = {name: re.sub(whole, ours, value) for name, value in headers.items()}
            body = re.sub(whole.encode(), ours.encode(), body)
        return Answer(answer.status, headers, body)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case.

    Attributes:
        case: which.
        problems: what was not as expected, in sentences.
        skipped: why it was not run; None where it was.
    """

    case: Case
    problems: tuple[str, ...] = ()
    skipped: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether it was run and everything was as expected."""
        return self.skipped is None and not self.problems


def arranger_class(service: str) -> type[Arranger]:
    """Gives the arranger of a service.

    Raises:
        UsageError: the service has none.
    """
    name = f"pytest_kvfake.{service}.live"
    if find_spec(name) is None:
        raise UsageError(f"The cases of {service} cannot be run against a live endpoint yet: there is no {name}.")
    found: type[Arranger] = import_module(name).LiveArranger
    return found


def selected(service: str, dialect: str, only: Iterable[str] = ()) -> list[Case]:
    """Gives the cases of a service that say something about a live endpoint, in order.

    Args:
        service: its name.
        dialect: what the endpoint is expected to speak.
        only: shell patterns of case ids; all cases unless given.
    """
    patterns = tuple(only)
    return [
        case
        for case in load_cases(service)
        if case.certainty in CERTAINTIES
        and dialect in case.dialects
        and (not patterns or any(fnmatchcase(case.id, pattern) for pattern in patterns))
    ]


def check_live(cases: Iterable[Case], document: Document, arranger: Arranger) -> Iterator[Result]:
    """Runs cases against an endpoint, one after the other, and cleans up behind each.

    Args:
        cases: what to run.
        document: the contract in the dialect that is expected.
        arranger: of the service, at the endpoint.

    Yields:
        What became of each case.

    Raises:
        KVFakeError: something that was made could not be removed.
    """
    for case in cases:
        lacking = sorted(set(case.needs) - arranger.provides)
        if lacking:
            yield Result(case, skipped=f"needs {', '.join(lacking)}")
            continue
        try:
            known = replace(case, names={**case.names, **arranger.names})
            result = Result(case, tuple(run(known, _LiveTarget(arranger), document)))
        except CannotArrangeError as reason:
            result = Result(case, skipped=str(reason))
        except (OSError, http.client.HTTPException) as error:
            result = Result(case, (f"the endpoint did not answer: {error!r}",))
        except (LookupError, TypeError, ValueError) as error:
            result = Result(case, (f"an answer has not the shape that it should have: {error!r}",))
        finally:
            arranger.clean()
        yield result


@dataclass(frozen=True)
class _LiveTarget:
    """A live endpoint as what a case is run against."""

    arranger: Arranger

    def arrange(self, given: Mapping[str, Any], clock: float | None, names: Mapping[str, str]) -> Mapping[str, str]:
        del clock  # a live endpoint has its own
        return self.arranger.arrange(given, names)

    def send(self, request: Sent) -> Answer:
        return self.arranger.exchange(request)

    def advance(self, seconds: float) -> None:
        raise CannotArrangeError(f"needs a clock that can be moved by {seconds:g} s")

    def fault(self, described: Mapping[str, Any]) -> None:
        raise CannotArrangeError(f"needs a fault: {dict(described)}")

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        return self.arranger.differences(then, names)
