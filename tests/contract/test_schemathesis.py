"""schemathesis, with our document, finds nothing wrong at any fake over the socket.

Half of what it sends fits the document, half does not. Ids and credentials are those of a case that succeeds, because
no generator guesses them; keys of several segments come from our own strategy.
"""

import copy
import dataclasses
import importlib
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from pytest_kvfake import strategies
from pytest_kvfake.contract.cases import load_cases, run
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.discovery import fake_class, implemented

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11 and pytest 8.4")
    GenerationMode = schemathesis.GenerationMode
    FailureGroup = importlib.import_module("schemathesis.core.failures").FailureGroup
    known = importlib.import_module("schemathesis.specs.openapi.checks")

SERVICES = [service for service in implemented() if load_cases(service)]
# Headers that are the connection's business: what they do is no service's contract.
FRAMING = {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}
CHECKS = [
    schemathesis.checks.not_a_server_error,
    known.status_code_conformance,
    known.content_type_conformance,
    known.response_headers_conformance,
    known.response_schema_conformance,
]
EXAMPLES = 200  # a service, in each half


@dataclass(frozen=True)
class Footing:
    """A state and an address at which an operation succeeds."""

    given: Any
    names: Any
    root: str
    parameters: dict[str, str]
    headers: dict[str, str]


class Learner:
    """Runs a case and remembers on which footing its operations succeed."""

    def __init__(self, target, found: dict[str, Footing]) -> None:
        self.target = target
        self.found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    def arrange(self, given, clock, names):
        self.given, self.names = given, dict(names)
        return self.target.arrange(given, clock, names)

    def send(self, request):
        answer = self.target.send(request)
        match = self.target.fake.world.router.match(request.method, request.target.partition("?")[0])
        if match is not None and answer.status < 300 and match.operation.name not in self.found:
            root = root_of(request.target.partition("?")[0], match)
            kept = {name: text for name, text in request.headers if name.lower() not in {"content-type", "accept"}}
            if root is not None:
                self.found[match.operation.name] = Footing(self.given, self.names, root, dict(match.raw), kept)
        return answer


def root_of(path: str, match) -> str | None:
    for template in match.operation.templates[:1]:
        filled = template
        for name, raw in match.raw.items():
            filled = filled.replace(f"{{{name}}}", raw)
        if path.endswith(filled):
            return path.removesuffix(filled)
    return None


@cache
def footings(service: str, in_process: type) -> dict[str, Footing]:
    found: dict[str, Footing] = {}
    for case in load_cases(service):
        if DIALECTS[0] in case.dialects and not {"limits", "faults", "tokens"} & set(case.needs):
            run(case, Learner(in_process(fake_class(service)(seed=1)), found), load(service))
    return found


@cache
def schema_of(service: str):
    return schemathesis.openapi.from_dict(copy.deepcopy(load(service).raw))


def url_of(case, footing: Footing, parameters: dict[str, Any], rest: set[str]) -> str:
    path = case.operation.path
    for name, value in parameters.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="/" if name in rest else ""))
    return footing.root + path


def check_operation(fake, operation: Any, footing: Footing, mode: Any, examples: int) -> set[int]:
    """Sends what schemathesis makes of an operation; gives the statuses that came."""
    service, reached = fake.service.name, set()
    document = load(service)
    described = document.operations[operation.definition.raw["operationId"]]
    rest = {one.name for one in described.parameters if one.segments == "rest"}
    segments = st.lists(st.text("aZ0_", min_size=1, max_size=5), min_size=2, max_size=4).map("/".join)
    fake.arrange(footing.given, footing.names)

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def send(case, data):
        parameters = dict(case.path_parameters or {})
        for name, value in footing.parameters.items():
            if name in parameters and data.draw(st.integers(0, 9)):
                parameters[name] = requests.utils.unquote(value)
        for name in rest & parameters.keys():
            if data.draw(st.booleans()):
                keys = strategies.keys(service, operation=described.name) if name == described.key else segments
                parameters[name] = data.draw(keys | segments)
        kwargs = case.as_transport_kwargs(base_url=fake.origin, headers=footing.headers)
        kwargs["url"] = fake.origin + url_of(case, footing, parameters, rest)
        kwargs["headers"] = {name: text for name, text in kwargs["headers"].items() if name.lower() not in FRAMING}
        response = session.request(**kwargs, timeout=10, allow_redirects=False)
        reached.add(response.status_code)
        case.validate_response(response, checks=CHECKS, transport_kwargs=kwargs)

    with fake, requests.Session() as session:
        try:  # noqa: SIM105 - from Python 3.12 on, suppress() makes another group of schemathesis' failures
            send()
        except Unsatisfiable:  # where any JSON is a body, say
            pass
    return reached


def can_be_unfitting(service: str, operation: Any) -> bool:
    """Whether anything beside ids in the path is more than a text, or has to be there."""
    described = load(service).operations[operation.definition.raw["operationId"]]
    demanding = [one for one in described.parameters if one.location != "path" and not is_free(one)]
    return "requestBody" in described.raw or bool(demanding)


def is_free(parameter: Any) -> bool:
    return not parameter.required and set(parameter.schema) <= {"type", "description", "examples"} and (
        parameter.schema.get("type", "string") == "string"
    )  # fmt: skip


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.filterwarnings("ignore")
def test_schemathesis_finds_nothing_wrong(service, mode, in_process):
    found = footings(service, in_process)
    operations = [result.ok() for result in schema_of(service).get_all_operations()]
    assert {operation.definition.raw["operationId"] for operation in operations} == found.keys()
    reached: set[int] = set()
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not can_be_unfitting(service, operation):
            continue
        footing = found[operation.definition.raw["operationId"]]
        fake = fake_class(service)(seed=1, strict="off")
        reached |= check_operation(fake, operation, footing, mode, max(EXAMPLES // len(operations), 2))
    assert {status // 100 for status in reached} >= {2, 4}


@pytest.mark.filterwarnings("ignore")
def test_a_wrong_status_would_be_found(in_process):
    fake = fake_class("cloudflare")(seed=1, strict="off")
    fake.conformance.answers = False
    right = fake.world.service
    fake.world.service = dataclasses.replace(
        right, render=lambda *given: dataclasses.replace(right.render(*given), status=203)
    )
    operation = next(
        one for result in schema_of("cloudflare").get_all_operations()
        if (one := result.ok()).definition.raw["operationId"] == "list_keys"
    )  # fmt: skip
    footing = footings("cloudflare", in_process)["list_keys"]
    with pytest.raises(FailureGroup, match="203"):
        check_operation(fake, operation, footing, GenerationMode.POSITIVE, 3)
