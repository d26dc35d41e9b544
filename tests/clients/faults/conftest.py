"""Every kind of fault through an official SDK: how each kind is armed, and what fake, journal and state say to it.

Each file beside this one has the outcomes of one SDK, as data: for every kind what its user gets from a read and from
a write, as a text.

=================== ===========================================================================
``stored``          the read gave the stored value
``written``         the write raised nothing
``\ufffd`` x 6        the SDK gave damaged bytes to its user
``Name 503``        the SDK raised ``Name``, with its status or code where it has one
``… x9``            the SDK made that many requests before it gave up; nothing is said of one
``not taken``       the operation takes no such fault, and the document says why
=================== ===========================================================================
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from pytest_kvfake.contract.document import schemas_folder
from pytest_kvfake.engine.faults.arming import Fault
from pytest_kvfake.engine.faults.vocabulary import Faults
from pytest_kvfake.errors import UsageError
from pytest_kvfake.fake import Fake

OLD, NEW = "stored", "written"
NOT_TAKEN = "not taken"
WARM, LAST = "warm", "last"
"""Keys of requests that only prepare: for a connection that has served, and before connections are refused."""
TRIES = 4
"""How often a call is made that shall go over a connection that has served."""

SCHEMA = json.loads((schemas_folder() / "x-kvfake.schema.json").read_text(encoding="utf-8"))
VOCABULARY: list[str] = SCHEMA["$defs"]["fault_kind"]["enum"]
CARRIED_OUT = {"latency", "dribble", "partial"}
"""The kinds under which a write is applied though nobody asked for it."""


def arm(faults: Faults, kind: str, operation: str, *, key: str, applied: bool) -> Fault:
    """Arms a kind for the requests of one key. Events are armed until removed, so that retries meet them, too."""
    here: dict[str, Any] = {"where": operation, "key": key}
    event = {**here, "times": None, "applied": applied}
    arming: dict[str, Callable[[], Fault]] = {
        "error": lambda: faults.error(status=500, **event),
        "latency": lambda: faults.latency(seconds=0.01, **here),
        "hang": lambda: faults.hang(**event),
        # Other processes cannot be told when to go on, so the request for LAST itself ends all connections.
        "refuse": lambda: faults.hang(operation, key=LAST, times=None, when=lambda _: bool(faults.refuse())),
        "reset": lambda: faults.reset(**event),
        "empty": lambda: faults.empty(**event),
        "truncate": lambda: faults.truncate(size=4, **event),
        "dribble": lambda: faults.dribble(rate=1e6, **here),
        "corrupt": lambda: faults.corrupt(**event),
        "wrong_length": lambda: faults.wrong_length(**event),
        "stale_connection": lambda: faults.stale_connection(**here),
        "partial": lambda: faults.partial(operation, [key], times=None),
        "stale": lambda: faults.stale(read_your_writes=False, **here),
        "rate_limit": lambda: faults.rate_limit(requests=0, **here),
        "storage_full": lambda: faults.storage_full(**here),
        "outage": lambda: faults.outage(**here),
    }
    return arming[kind]()


class Call(NamedTuple):
    """One call that an SDK is to make; a bulk operation takes `WARM` beside the key."""

    operation: str
    key: str


@dataclass(frozen=True)
class Sdk:
    """One SDK on one fake.

    Attributes:
        fake: it runs.
        entries: a live mapping of the fake, in which the SDK reads and writes.
        read: the operation behind the SDK's read.
        write: the operation behind the SDK's write; it writes `NEW`.
        carry_out: makes calls one after the other, and says what each came to.
        bulk: the operations that stand for read and write where only a bulk operation can fail in part.
    """

    fake: Fake
    entries: Any
    read: str
    write: str
    carry_out: Callable[[list[Call]], list[str]]
    bulk: tuple[str, str] | None = None


@dataclass
class Meeting:
    """A fault, and the calls of the SDK that come to meet it; `outcome_that_counts` says which of them counts."""

    kind: str
    call: str
    operation: str
    key: str
    fault: Fault | None = None
    calls: tuple[Call, ...] = ()
    outcome: str = NOT_TAKEN


@pytest.fixture(scope="session")
def meet_every_fault() -> Callable[..., tuple[dict[str, tuple[str, str]], list[str]]]:
    """Gives the outcomes of read and write for each kind, and where client, fake, journal and state disagree.

    ``meet_every_fault(fake, entries=…, read=…, write=…, carry_out=…)`` takes what an `Sdk` is made of.
    """

    def meet(fake: Fake, **more: Any) -> tuple[dict[str, tuple[str, str]], list[str]]:
        sdk = Sdk(fake, **more)
        meetings = [meeting(sdk, kind, call) for kind in last("refuse", VOCABULARY) for call in calls_with(kind)]
        sdk.entries[WARM] = OLD
        for one in meetings:
            sdk.entries[one.key] = OLD
        outcomes = iter(sdk.carry_out([call for one in meetings for call in one.calls]))
        for one in meetings:
            one.outcome = outcome_that_counts(one, [next(outcomes) for _ in one.calls])
        assert list(outcomes) == []
        sdk.fake.faults.clear()
        by_name = {(one.kind, one.call): counted(one) for one in meetings}
        table = {kind: (by_name[kind, "read"], by_name[kind, "write"]) for kind in VOCABULARY}
        return table, [problem for one in meetings for problem in disagreements(sdk, one, table)]

    return meet


def outcome_that_counts(one: Meeting, outcomes: list[str]) -> str:
    """Gives the last outcome; of a stale connection the first that is no success.

    A pool may take back a connection after the next call has begun, so a call may go over one that has served nothing.
    """
    if one.kind != "stale_connection" or not outcomes:
        return outcomes[-1] if outcomes else one.outcome
    return next((outcome for outcome in outcomes[1::2] if outcome not in {OLD, NEW}), outcomes[-1])


def last(name: str, names: list[str]) -> list[str]:
    return [*(one for one in names if one != name), name]


def calls_with(kind: str) -> list[str]:
    """The calls that meet a kind: the write twice where its change can be carried out and only its answer suffer."""
    takes_applied = "applied" in inspect.signature(getattr(Faults, kind)).parameters
    return ["read", "write", "applied write"] if takes_applied else ["read", "write"]


def meeting(sdk: Sdk, kind: str, call: str) -> Meeting:
    """Arms a kind for a call, or makes sure that the document has the reason why it cannot be."""
    single = sdk.read if call == "read" else sdk.write
    operation = sdk.bulk[call != "read"] if kind == "partial" and sdk.bulk is not None else single
    made = Meeting(kind, call, operation, f"{kind}-{call}".replace(" ", "-"))

    def armed() -> Fault:
        return arm(sdk.fake.faults, kind, operation, key=made.key, applied=call == "applied write")

    if kind in sdk.fake.document.operations[operation].faults_not:
        with pytest.raises(UsageError, match=re.escape(sdk.fake.document.fault_reasons[kind])):
            armed()
        return made
    made.fault = armed()
    wanted = Call(operation, made.key)
    before: Mapping[str, tuple[Call, ...]] = {
        "stale_connection": (Call(sdk.read, WARM), wanted) * (TRIES - 1) + (Call(sdk.read, WARM),),
        "stale": (wanted, Call(sdk.write, made.key)),
        "refuse": (Call(sdk.read, LAST),) if call == "read" else (),
    }
    made.calls = (*before.get(kind, ()), wanted)
    return made


def counted(one: Meeting) -> str:
    """The outcome, with the number of requests where the SDK made more than one."""
    fired = 0 if one.fault is None else one.fault.fired
    return f"{one.outcome} x{fired}" if fired > 1 and one.kind != "stale" else one.outcome


def disagreements(sdk: Sdk, one: Meeting, table: Mapping[str, tuple[str, str]]) -> list[str]:
    """Where client, fake, journal and state do not tell the same story."""
    if one.fault is None:
        return []
    writes = one.call != "read"
    came = [exchange for exchange in sdk.fake.journal.of(one.operation) if one.key in keys_of(exchange)]
    met = [exchange for exchange in came if str(one.fault) in str(exchange.fault)]
    applied = (one.call == "applied write" or one.kind in CARRIED_OUT) if writes else None
    changed = one.kind == "stale" or (one.kind != "partial" and any(exchange.applied for exchange in came))
    entry = sdk.entries[one.key]
    facts = {
        "a write has one outcome, applied or not": not writes or counted(one) == table[one.kind][1],
        "the journal names the fault as often as it has fired": one.fault.fired == len(met) >= 1 or unreached(one),
        "nothing comes through while connections are refused": came == [] or not unreached(one),
        "the journal says what was applied": {exchange.applied for exchange in met} <= {applied},
        "the state is what the journal says": text_of(entry) == (NEW if changed else OLD),
    }
    return [f"{one.kind}, {one.call}: it is not so that {fact}" for fact, holds in facts.items() if not holds]


def unreached(one: Meeting) -> bool:
    return one.kind == "refuse"


def text_of(entry: Any) -> str:
    return entry if isinstance(entry, str) else entry.value.decode()


def keys_of(exchange: Any) -> list[str]:
    """The keys that a request names: in its path, or in the body of a bulk operation."""
    if exchange.key is not None:
        return [exchange.key]
    return re.findall(r'"([\w-]+)"', exchange.request.body.decode())


@pytest.fixture(scope="session")
def outcome_of() -> Callable[..., str]:
    """Makes a call of a Python SDK, and says what it came to."""

    def outcome(call: Callable[..., Any], *args: Any) -> str:
        try:
            result = call(*args)
        except Exception as error:  # noqa: BLE001 - whichever it is, the table names it
            return f"{name_of(type(error))} {getattr(error, 'status_code', '')}".rstrip()
        if isinstance(result, bytes):
            return result.decode(errors="replace")
        return "written" if result is None else str(result)

    return outcome


def name_of(error: type[Exception]) -> str:
    """The class with the package that it is of, but for Python's own."""
    package = error.__module__.partition(".")[0]
    return error.__name__ if package == "builtins" else f"{package}.{error.__name__}"
