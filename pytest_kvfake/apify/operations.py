"""One state step an operation: existence, conflicts and the change in one piece (apify.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.answers import Archive, Data, Profile, Served
from pytest_kvfake.apify.descriptions import address_of, described_key, described_store, described_user
from pytest_kvfake.apify.rules import truth_of
from pytest_kvfake.apify.state import ALL_PERMISSIONS, put_record
from pytest_kvfake.apify.state import delete_record as remove_record
from pytest_kvfake.engine.keyspace import Page
from pytest_kvfake.engine.service import Outcome, ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.apify.access import Caller
    from pytest_kvfake.apify.state import ApifyState, Record, Store
    from pytest_kvfake.apify.storeschema import Collection
    from pytest_kvfake.engine.service import Command

__all__ = ["STEPS"]

_ALL = 1 << 62


def list_stores(state: ApifyState, command: Command, now: float) -> Outcome:
    """GET /v2/key-value-stores (6.1)."""
    arguments, caller = command.arguments, _caller(command)
    offset, limit = arguments["offset"], arguments["limit"]
    stores = [
        store
        for store in state.stores.values()
        if store.user_id == caller.token.user_id
        and (arguments["unnamed"] or store.name is not None)
        and not arguments["shared"]
    ]
    stores.sort(key=lambda store: store.created_at)
    if arguments["desc"]:
        stores.reverse()
    items = [described_store(state, store, caller, command, now) for store in stores[offset : offset + limit]]
    return Outcome(
        Data(
            {
                "total": len(stores),
                "offset": offset,
                "limit": limit,
                "desc": arguments["desc"],
                "count": len(items),
                "unnamed": arguments["unnamed"],
                "items": items,
            }
        )
    )


def get_or_create_store(state: ApifyState, command: Command, now: float) -> Outcome:
    """POST /v2/key-value-stores (6.2): 200 for the store that has the name, else 201 and a new one."""
    caller, name = _caller(command), command.arguments["name"]
    store = None if name is None else state.store_named(caller.token.user_id, name)
    if store is not None:
        store.accessed_at = now
        return Outcome(Data(described_store(state, store, caller, command, now)))
    store = state.create_store(caller.token.user_id, name, now, schema=command.arguments["schema"])
    if caller.token.permissions != ALL_PERMISSIONS:
        state.tokens[caller.secret] = caller.with_store(store)
    described = described_store(state, store, caller, command, now)
    return Outcome(Data(described), 201, (("location", address_of(command, store)),))


def get_store(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """GET /v2/key-value-stores/{storeId} (6.3)."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    return Outcome(Data(described_store(state, store, _caller(command), command, now)))


def update_store(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT /v2/key-value-stores/{storeId} (6.4): what is not named stays as it is."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    changes = command.arguments["changes"]
    name = changes.get("name")
    holder = None if name is None else state.store_named(store.user_id, name)
    if holder is not None and holder is not store:
        return ServiceError("name_not_unique")
    if "name" in changes:
        state.rename(store, name)
    if "title" in changes:
        store.title = changes["title"]
    store.general_access = changes.get("generalAccess", store.general_access)
    store.modified_at = now
    return Outcome(Data(described_store(state, store, _caller(command), command, now)))


def delete_store(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE /v2/key-value-stores/{storeId} (6.5)."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    state.delete_store(store)
    return Outcome(status=204)


def list_keys(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/keys (6.6): ``nextExclusiveStartKey`` is null on the last page, never absent."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    after, limit = command.query.get("exclusiveStartKey"), command.arguments["limit"]
    page = _page(store, command, now, after=after, limit=limit)
    store.count("listCount")
    restricted = state.general_access(store) == "RESTRICTED"
    address = address_of(command, store)
    items = [described_key(store, key, record, address, restricted=restricted) for key, record in page.items]
    return Outcome(
        Data(
            {
                "items": items,
                "count": len(items),
                "limit": limit,
                "exclusiveStartKey": after,
                "isTruncated": page.more,
                "nextExclusiveStartKey": page.last if page.more else None,
            }
        )
    )


def download_records(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/records (6.7)."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    return Outcome(Archive(_page(store, command, now, after=None, limit=_ALL).items))


def get_record(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/records/{recordKey} (6.8)."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    record = _record(store, command, now)
    if record is None:
        return ServiceError("record_not_found")
    store.count("readCount")
    return Outcome(Served(record, truth_of(command.query.get("attachment"))))


def check_record(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """HEAD …/records/{recordKey} (6.9)."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    record = _record(store, command, now)
    if record is None:
        return ServiceError("record_not_found")
    # Under ?method=HEAD the framing follows the verb on the wire; a real HEAD is told the length of a read.
    silent = bool(command.query.get("method"))
    return Outcome(Served(record, truth_of(command.query.get("attachment")), silent))


def store_record(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT and POST …/records/{recordKey} (6.10): value, type and coding are replaced together."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    key = command.key
    assert key is not None
    put_record(store, command.view(store.records), key, command.arguments["record"], now)
    return Outcome({}, 201, (("location", f"{address_of(command, store)}/records/{key}"),))


def delete_record(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE …/records/{recordKey} (6.11): 204 also when there is no such key."""
    store = _store(state, command, now)
    if isinstance(store, ServiceError):
        return store
    assert command.key is not None
    remove_record(store, command.view(store.records), command.key, now)
    return Outcome(status=204)


def get_current_user(state: ApifyState, command: Command, now: float) -> Outcome:
    """GET /v2/users/me (13)."""
    del state, now
    user = _caller(command).user
    assert user is not None
    return Outcome(Profile(described_user(user)))


def get_user(state: ApifyState, command: Command, now: float) -> Outcome | ServiceError:
    """GET /v2/users/{userId}: by id or name; needs no token."""
    del now
    asked = command.parameters["userId"]
    if asked is None:
        return ServiceError("malformed_path")
    user = state.users.get(asked) or state.user_named(asked)
    if user is None:
        return ServiceError("user_not_found")
    return Outcome(Data({"username": user.username, "profile": {}}))


STEPS = {
    "list_stores": list_stores,
    "get_or_create_store": get_or_create_store,
    "get_store": get_store,
    "update_store": update_store,
    "delete_store": delete_store,
    "list_keys": list_keys,
    "download_records": download_records,
    "get_record": get_record,
    "check_record": check_record,
    "store_record": store_record,
    "store_record_post": store_record,
    "delete_record": delete_record,
    "get_current_user": get_current_user,
    "get_user": get_user,
}


def _caller(command: Command) -> Caller:
    caller: Caller = command.arguments["caller"]
    return caller


def _store(state: ApifyState, command: Command, now: float) -> Store | ServiceError:
    """The store that the checks have found, if it is still there; it has now been accessed."""
    store = state.stores.get(command.arguments["store"])
    if store is None:
        return ServiceError("store_not_found")
    store.accessed_at = now
    return store


def _record(store: Store, command: Command, now: float) -> Record | None:
    found: Record | None = command.view(store.records).get(command.key, now)
    return found


def _page(store: Store, command: Command, now: float, *, after: str | None, limit: int) -> Page[Any]:
    """A part of the listing, as ``prefix`` and ``collection`` narrow it."""
    prefix: str = command.query.get("prefix", "")
    collection: Collection | None = command.arguments["collection"]
    space = command.view(store.records)
    if collection is not None and collection.key is not None:
        key = collection.key
        record = space.get(key, now)
        fits = record is not None and key.startswith(prefix) and (after is None or key > after)
        return Page(((key, record),), more=False, last=key) if fits else Page((), more=False)
    if collection is not None and collection.prefix is not None:
        narrow, wide = sorted((prefix, collection.prefix), key=len, reverse=True)
        if not narrow.startswith(wide):
            return Page((), more=False)
        prefix = narrow
    page: Page[Any] = space.page(prefix=prefix, after=after, limit=limit, now=now)
    return page
