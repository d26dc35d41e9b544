"""Apify's own API, or whatever claims to be it, as what contract cases are run against.

Only stores that were made here are ever changed or removed, whatever else the user has. The names that most cases
use are exchanged for others, new ones in every case.
"""

from __future__ import annotations

import base64
import json
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from pytest_kvfake.contract.cases import Answer, Sent
from pytest_kvfake.errors import KVFakeError, UsageError
from pytest_kvfake.live import CannotArrangeError, Credential, Renaming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.live import Send

__all__ = ["LiveArranger"]

_STORES = "/v2/key-value-stores"
_USERNAME, _USER_ID, _STORE_ID, _SECRET = "janedoe", "BPWDBd7Z9c746JAnF", "WkzbQMuFYuamGv3YF", "secret-key-for-testing"
_NAMES = ("eshop-values", "new-store-name")
_PAGE = 1000


class LiveArranger:
    """Makes and removes stores of one user."""

    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("token", "APIFY_TOKEN", "of the user whose key-value stores are made and removed"),
    )

    def __init__(self, send: Send, credentials: Mapping[str, str]) -> None:
        """Looks who the user is, and which stores there are.

        Raises:
            UsageError: the endpoint does not take the token.
        """
        self._send = send
        self._token = credentials["token"]
        self._made: dict[str, None] = {}
        self._known: frozenset[str] = frozenset()
        self._renaming = Renaming({})
        me = self._ask("GET", "/v2/users/me")
        if me.status != 200:
            raise UsageError(f"The user of the token cannot be read: {me.status} {me.body[:300]!r}")
        user = json.loads(me.body)["data"]
        self._user = {_USERNAME: user["username"], _USER_ID: user["id"]}
        self._known = frozenset(self._listed())

    @property
    def provides(self) -> frozenset[str]:
        """Nothing: there is one user, with one token, and no clock."""
        return frozenset()

    @property
    def names(self) -> Mapping[str, str]:
        """The token; what else differs is exchanged on its way."""
        return {"A": self._token}

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Makes stores and fills them.

        A store gets its id and its secret from the service. Those of the store whose id the cases spell out are
        exchanged on their way; the others' ids are given by their alias.

        Raises:
            CannotArrangeError: the service refuses something of it, or the user has a store of such a name.
        """
        own = {name: f"{name[:3]}-{token_hex(4)}" for name in _NAMES}
        self._renaming = Renaming({**self._user, **own})
        ids = {}
        for alias, one in given.get("stores", {}).items():
            made = self._store(one)
            if names.get(alias) == _STORE_ID:
                exchanged = {_STORE_ID: made["id"], _SECRET: made["urlSigningSecretKey"]}
                self._renaming = Renaming({**self._renaming.pairs, **exchanged})
            ids[alias] = _STORE_ID if names.get(alias) == _STORE_ID else made["id"]
            self._fill(ids[alias], one)
        return ids

    def exchange(self, request: Sent) -> Answer:
        """Sends a request, and remembers the store that it has made.

        Raises:
            CannotArrangeError: it has found a store of the user's, or lists them.
        """
        answer = self._send(self._renaming.request(request))
        if request.target.partition("?")[0] == _STORES and answer.status < 300:
            if request.method == "GET" and self._known:
                raise CannotArrangeError("needs a user without any other store")
            if request.method == "POST":
                store_id = json.loads(answer.body)["data"]["id"]
                if store_id in self._known:
                    raise CannotArrangeError("needs a name that a store of the user has")
                self._made[store_id] = None
        return self._renaming.answer(answer)

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from ``then`` (``absent``, ``present``, ``named``, ``stores``)."""
        return list(self._differences(then, names))

    def clean(self) -> None:
        """Removes the stores that were made since the last call.

        Raises:
            KVFakeError: one could not be removed.
        """
        made, self._made, self._renaming = self._made, {}, Renaming({})
        gone = {store_id: self._ask("DELETE", f"{_STORES}/{store_id}") for store_id in made}
        left = [f"{store_id} ({answer.status})" for store_id, answer in gone.items() if answer.status not in {204, 404}]
        if left:
            raise KVFakeError(f"These key-value stores could not be removed, please do: {', '.join(left)}.")

    def _store(self, one: Mapping[str, Any]) -> dict[str, Any]:
        if one.get("username", _USERNAME) != _USERNAME:
            raise CannotArrangeError("needs another user")
        query = f"?name={one['name']}" if "name" in one else ""
        made = self._arranged("POST", f"{_STORES}{query}", {"schema": one["schema"]} if "schema" in one else None)
        if "general_access" in one:
            self._arranged("PUT", f"{_STORES}/{made['id']}", {"generalAccess": one["general_access"]})
        return made

    def _fill(self, store_id: str, one: Mapping[str, Any]) -> None:
        records = {f"key-{number:05}": {"text": ""} for number in range(one.get("numbered", 0))}
        for key, item in {**records, **one.get("records", {})}.items():
            raw, kind, coding = _record(item)
            headers = (("Content-Type", kind), *((("Content-Encoding", coding),) if coding else ()))
            answer = self._send_own("PUT", _path(store_id, key), headers, raw)
            if answer.status != 201:
                raise CannotArrangeError(f"cannot be arranged: a record is answered with {answer.status}")

    def _differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        for place in then.get("absent", ()):
            if self._found(place, names).status not in {400, 404}:  # 400: no record can have that key
                yield f"{place} is there"
        for place, item in then.get("present", {}).items():
            found, (raw, kind, coding) = self._found(place, names), _record(item)
            sent = (found.status, found.body, found.headers.get("content-type"), found.headers.get("content-encoding"))
            if sent != (200, raw, kind, coding):
                yield f"{place} is {sent!r:.300}, not {(200, raw, kind, coding)!r:.300}"
        for alias, name in then.get("named", {}).items():
            actual = json.loads(self._ask("GET", f"{_STORES}/{names.get(alias, alias)}").body)["data"]["name"]
            if actual != name:
                yield f"the name of {alias} is {actual!r}, not {name!r}"
        if "stores" in then:
            stores = set(self._listed()) - self._known
            if len(stores) != then["stores"]:
                yield f"there are {len(stores)} new stores, not {then['stores']}"

    def _listed(self) -> Iterator[str]:
        """The ids of all stores of the user."""
        offset = 0
        while True:
            target = f"{_STORES}?unnamed=1&limit={_PAGE}&offset={offset}"
            answer = self._send(Sent("GET", target, self._authorization, b"", chunked=False))
            items = json.loads(answer.body)["data"]["items"]
            yield from (item["id"] for item in items)
            offset += len(items)
            if len(items) < _PAGE:
                return

    def _found(self, place: str, names: Mapping[str, str]) -> Answer:
        alias, _, key = place.partition("/")
        return self._send_own("GET", _path(names.get(alias, alias), key), (("Accept-Encoding", "gzip, deflate, br"),))

    def _arranged(self, method: str, path: str, body: Any) -> dict[str, Any]:
        answer = self._ask(method, path, body)
        if answer.status not in {200, 201}:
            said = answer.body[:200].decode("utf-8", "replace")
            raise CannotArrangeError(f"cannot be arranged: {method} is answered with {answer.status} {said}")
        data: dict[str, Any] = json.loads(answer.body)["data"]
        return data

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        kind = () if body is None else (("Content-Type", "application/json"),)
        return self._send_own(method, path, kind, b"" if body is None else json.dumps(body).encode())

    def _send_own(self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes = b"") -> Answer:
        return self.exchange(Sent(method, path, (*self._authorization, *headers), body, chunked=False))

    @property
    def _authorization(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {self._token}"),)


def _path(store_id: str, key: str) -> str:
    return f"{_STORES}/{store_id}/records/{quote(key, safe='')}"


def _record(item: Any) -> tuple[bytes, str, str | None]:
    """The bytes, the content type and the coding of a record as a case describes it."""
    if isinstance(item, str):
        return item.encode(), "text/plain; charset=utf-8", None
    kind = "application/json" if "json" in item else "application/octet-stream"
    if "base64" in item:
        raw = base64.b64decode(item["base64"])
    elif "repeat" in item:
        raw = str(item["repeat"][0]).encode() * int(item["repeat"][1])
    else:
        raw = (item["text"] if "text" in item else json.dumps(item["json"])).encode()
    return raw, item.get("content_type", kind), item.get("content_encoding")
