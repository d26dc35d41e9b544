"""Who may do what: tokens, references to stores, general access and signatures (apify.md 2.1, 3, 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_kvfake.apify.signatures import opens_record, opens_store
from pytest_kvfake.apify.state import ALL_PERMISSIONS, Token
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.apify.state import ApifyState, Run, Store, User
    from pytest_kvfake.engine.service import Command

__all__ = ["ANONYMOUS", "Caller", "Reference", "reference_of", "refusal_of", "token_of"]

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        secret: the token's text; empty for somebody without one.
        user: whose token it is.
        token: what it may do.
    """

    secret: str = ""
    user: User | None = None
    token: Token = field(default_factory=lambda: Token("", frozenset()))

    def may(self, permission: str, store: Store | None = None) -> bool:
        """Whether the token allows something to all stores of its user, or to one store."""
        granted = self.token.stores.get(store.id, frozenset()) if store is not None else frozenset()
        if store is None or store.user_id == self.token.user_id:
            granted |= self.token.permissions
        return permission in granted or (permission == "read" and "write" in granted)

    def with_store(self, store: Store) -> Token:
        """Gives the token with full access to a store that it has just made."""
        return Token(self.token.user_id, self.token.permissions, {**self.token.stores, store.id: ALL_PERMISSIONS})


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True)
class Reference:
    """What a path says of a store.

    Attributes:
        by: ``id``, ``name`` (``username~name``) or ``own`` (``~name``).
        store: the one that is meant, if it exists.
        error: what to answer where it does not.
    """

    by: Literal["id", "name", "own"]
    store: Store | None
    error: str = "store_not_found"


def token_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Gives the token that was sent: the header goes before the query; empty where there is none."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        sent = authorization[len(_BEARER) :].strip()
        if sent:
            return sent
    return query.get("token", "")


def reference_of(state: ApifyState, command: Command, caller: Caller) -> Reference | ServiceError:
    """Finds the store that a path means, directly or as the default store of a run."""
    given = {name: command.parameters[name] for name in command.raw_parameters if name != "recordKey"}
    if None in given.values():
        return ServiceError("malformed_path")
    text = given.get("storeId")
    if text is None:
        run, own = _run(state, command, given, caller)
        store = None if run is None else state.stores.get(run.store_id)
        return Reference("own" if own else "id", store, "run_not_found" if run is None else "store_not_found")
    owner, tilde, name = text.partition("~")
    if not tilde:
        return Reference("id", state.stores.get(text))
    user = state.user_named(owner) if owner else caller.user
    store = None if user is None else state.store_named(user.id, name)
    return Reference("name" if owner else "own", store)


def refusal_of(
    state: ApifyState, command: Command, caller: Caller, reference: Reference, now: float
) -> ServiceError | None:
    """Decides by the table of apify.md 3.2, a missing store included."""
    assert command.operation is not None
    writes = command.operation.changes
    anonymous = caller.user is None
    if anonymous and (writes or reference.by == "own"):
        return ServiceError("token_not_provided")
    store = reference.store
    if store is None:
        return ServiceError("token_not_provided" if anonymous and reference.by == "name" else reference.error)
    if caller.may("write" if writes else "read", store):
        return None
    if writes:
        return ServiceError("permission_denied")
    access = state.general_access(store)
    if access == "ANYONE_WITH_NAME_CAN_READ" or (access == "ANYONE_WITH_ID_CAN_READ" and reference.by == "id"):
        return None
    if _is_signed(command, store, now):
        return None
    return ServiceError("token_not_provided" if anonymous and reference.by == "name" else "permission_denied")


def _is_signed(command: Command, store: Store, now: float) -> bool:
    """Whether the signature in the query opens what is asked for; none opens the store object."""
    signature = command.query.get("signature", "")
    if not signature:
        return False
    if "recordKey" in command.raw_parameters:
        return command.key is not None and opens_record(signature, store.secret, command.key)
    assert command.operation is not None
    opened = any(parameter.name == "signature" for parameter in command.operation.parameters)
    return opened and opens_store(signature, store.secret, store.id, now)


def _run(
    state: ApifyState, command: Command, given: Mapping[str, str | None], caller: Caller
) -> tuple[Run | None, bool]:
    """The run that a path means, and whether it means one of the caller's own by ``~name``."""
    run_id = given.get("runId")
    if run_id is not None:
        return state.runs.get(run_id), False
    actor, task = (_expanded(given.get(name), caller) for name in ("actorId", "actorTaskId"))
    status, origin = command.query.get("status"), command.query.get("origin")
    own = (given.get("actorId") or given.get("actorTaskId") or "").startswith("~")
    for run in reversed(list(state.runs.values())):
        named = run.actor == actor if actor is not None else run.task == task
        if named and status in (None, "", run.status) and origin in (None, "", run.origin):
            return run, own
    return None, own


def _expanded(reference: str | None, caller: Caller) -> str | None:
    if reference is not None and reference.startswith("~") and caller.user is not None:
        return caller.user.username + reference
    return reference
