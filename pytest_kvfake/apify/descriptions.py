"""What the service tells of stores, keys and users (apify.md 4.3, 7)."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.signatures import record_signature, storage_signature

if TYPE_CHECKING:
    from pytest_kvfake.apify.access import Caller
    from pytest_kvfake.apify.state import ApifyState, Record, Store, User
    from pytest_kvfake.engine.service import Command

__all__ = ["address_of", "described_key", "described_store", "described_user"]

_CONSOLE = "https://console.apify.com/storage/key-value-stores/"
_PRODUCTION = "https://api.apify.com"
_HOST = re.compile(r"[A-Za-z0-9._~-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


def address_of(command: Command, store: Store) -> str:
    """Gives the URL of a store, at the host that the request was sent to."""
    host = command.request.headers.get("host", "")
    base = f"http://{host}" if _HOST.fullmatch(host) else _PRODUCTION
    return f"{base}/v2/key-value-stores/{store.id}"


def described_store(state: ApifyState, store: Store, caller: Caller, command: Command, now: float) -> dict[str, Any]:
    """Gives the store object for a caller."""
    address = address_of(command, store)
    keys_url = f"{address}/keys"
    if state.general_access(store) == "RESTRICTED":
        expires_at = int((now + state.limits.keys_url_seconds) * 1000)
        keys_url += f"?signature={storage_signature(store.secret, store.id, expires_at)}"
    described: dict[str, Any] = {
        "id": store.id,
        "name": store.name,
        "userId": store.user_id,
        "username": state.users[store.user_id].username,
        "createdAt": _moment(store.created_at),
        "modifiedAt": _moment(store.modified_at),
        "accessedAt": _moment(store.accessed_at),
        "actId": store.actor_id,
        "actRunId": store.run_id,
        "consoleUrl": _CONSOLE + store.id,
        "keysPublicUrl": keys_url,
        "recordsPublicUrl": f"{address}/records",
        "schema": None if store.schema is None else store.schema.raw,
        "generalAccess": store.general_access,
        "stats": _stats(store),
    }
    if store.title is not None:
        described["title"] = store.title
    if caller.may("write", store):
        described["urlSigningSecretKey"] = store.secret
    return described


def described_key(store: Store, key: str, record: Record, address: str, *, restricted: bool) -> dict[str, Any]:
    """Gives one item of a key listing. No character of a key needs an escape in a URL."""
    url = f"{address}/records/{key}"
    if restricted:
        url += f"?signature={record_signature(store.secret, key)}"
    return {"key": key, "size": len(record.raw), "recordPublicUrl": url}


def described_user(user: User) -> dict[str, Any]:
    """Gives what a user is told of himself, but for the features of the platform."""
    return {
        "id": user.id,
        "username": user.username,
        "profile": {},
        "email": f"{user.username}@example.com",
        "proxy": {"password": "secret", "groups": []},
        "plan": {"id": "FREE", "availableProxyGroups": {}},
        "createdAt": _moment(user.created_at),
        "isPaying": False,
    }


def _stats(store: Store) -> dict[str, int]:
    """The counters that something has touched: the Apify CLI stumbles over a zero."""
    stats = {**store.counters, "s3StorageBytes": store.size, "storageBytes": store.size}
    return {name: count for name, count in stats.items() if count}


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
