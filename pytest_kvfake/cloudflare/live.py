"""Cloudflare's own API, or whatever claims to be it, as what contract cases are run against.

Only namespaces that were made here are ever changed or removed, whatever else the account holds.
"""

from __future__ import annotations

import base64
import json
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from pytest_kvfake.contract.cases import Answer, Sent
from pytest_kvfake.errors import KVFakeError, UsageError
from pytest_kvfake.live import CannotArrangeError, Credential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.live import Send

__all__ = ["LiveArranger"]

_ROOT = "/client/v4"
_COLLECTION = "/storage/kv/namespaces"


class LiveArranger:
    """Makes and removes namespaces of one account."""

    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("account_id", "CLOUDFLARE_ACCOUNT_ID", "the account in which namespaces are made and removed"),
        Credential("api_token", "CLOUDFLARE_API_TOKEN", "a token that may write Workers KV there"),
    )

    def __init__(self, send: Send, credentials: Mapping[str, str]) -> None:
        """Looks whether the account is empty, and the only one.

        Raises:
            UsageError: the endpoint does not take the credentials.
        """
        self._send = send
        self._account = credentials["account_id"]
        self._token = credentials["api_token"]
        self._namespaces = f"{_ROOT}/accounts/{self._account}{_COLLECTION}"
        self._made: list[str] = []
        listed = self._ask("GET", self._namespaces)
        if listed.status != 200:
            raise UsageError(f"The namespaces of the account cannot be listed: {listed.status} {listed.body[:300]!r}")
        accounts = self._ask("GET", f"{_ROOT}/accounts")
        single = accounts.status == 200 and len(json.loads(accounts.body)["result"]) == 1
        empty = not json.loads(listed.body)["result"]
        self._provides = frozenset({*(["empty_account"] if empty else ()), *(["only_account"] if single else ())})

    @property
    def provides(self) -> frozenset[str]:
        """``empty_account`` where it was empty at first, ``only_account`` where the token reaches no other."""
        return self._provides

    @property
    def names(self) -> Mapping[str, str]:
        """The account and the token."""
        return {"A": self._account, "T": self._token}

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Makes namespaces and fills them.

        A namespace gets its id from the service. So that listings come in the order that the case expects, all are
        made first and then named, in the order of the ids that the case has for them.

        Raises:
            CannotArrangeError: the service refuses something of it.
        """
        described: Mapping[str, Mapping[str, Any]] = given.get("namespaces", {})
        for one in described.values():
            if not one.get("supports_url_encoding", True) or one.get("account", self._account) != self._account:
                raise CannotArrangeError("needs a namespace that cannot be made any more, or in another account")
        single = len(described) == 1
        ids = {}
        for alias, one in described.items():
            title = one.get("title", alias) if single else f"kvfake-verify-{token_hex(4)}"
            body = {"title": title} | ({"jurisdiction": one["jurisdiction"]} if "jurisdiction" in one else {})
            ids[alias] = self._arranged("POST", self._namespaces, body)["result"]["id"]
        wanted = sorted(described, key=lambda alias: names.get(alias, alias))
        ids = dict(zip(wanted, sorted(ids.values()), strict=True))
        for alias, one in described.items():
            if not single:
                self._arranged("PUT", f"{self._namespaces}/{ids[alias]}", {"title": one.get("title", alias)})
            pairs = [_pair(key, item) for key, item in one.get("entries", {}).items()]
            if pairs:
                self._arranged("PUT", f"{self._namespaces}/{ids[alias]}/bulk", pairs)
        return ids

    def exchange(self, request: Sent) -> Answer:
        """Sends a request, and remembers the namespace that it has made."""
        answer = self._send(request)
        path = request.target.partition("?")[0]
        if request.method == "POST" and path.endswith(_COLLECTION) and answer.status == 200:
            self._made.append(f"{path}/{json.loads(answer.body)['result']['id']}")
        return answer

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from ``then`` (``absent``, ``present``, ``titles``)."""
        return list(self._differences(then, names))

    def clean(self) -> None:
        """Removes the namespaces that were made since the last call.

        Raises:
            KVFakeError: one could not be removed.
        """
        made, self._made = self._made, []
        gone = {path: self._ask("DELETE", path) for path in made}
        left = [f"{path} ({answer.status})" for path, answer in gone.items() if answer.status not in {200, 404}]
        if left:
            raise KVFakeError(f"These namespaces could not be removed, please do: {', '.join(left)}.")

    def _differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        for place in then.get("absent", ()):
            if self._ask("GET", self._path("values", place, names)).status != 404:
                yield f"{place} is there"
        for place, item in then.get("present", {}).items():
            found = self._ask("GET", self._path("values", place, names))
            described = json.loads(self._ask("GET", self._path("metadata", place, names)).body)
            expires = found.headers.get("expiration")
            actual = (found.status, found.body, described.get("result"), None if expires is None else int(expires))
            expected = (200, _raw(item["value"]), item.get("metadata"), item.get("expiration"))
            if actual != expected:
                yield f"{place} is {actual!r:.300}, not {expected!r:.300}"
        for alias, title in then.get("titles", {}).items():
            answer = json.loads(self._ask("GET", f"{self._namespaces}/{names.get(alias, alias)}").body)
            if (answer.get("result") or {}).get("title") != title:
                yield f"the title of {alias} is not {title!r}: {answer}"

    def _path(self, what: str, place: str, names: Mapping[str, str]) -> str:
        alias, _, key = place.partition("/")
        return f"{self._namespaces}/{names.get(alias, alias)}/{what}/{quote(key, safe='')}"

    def _arranged(self, method: str, path: str, body: Any) -> Any:
        answer = self._ask(method, path, body)
        if answer.status != 200:
            said = answer.body[:200].decode("utf-8", "replace")
            raise CannotArrangeError(f"cannot be arranged: {method} is answered with {answer.status} {said}")
        return json.loads(answer.body)

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = (("Authorization", f"Bearer {self._token}"), ("Content-Type", "application/json"))
        raw = b"" if body is None else json.dumps(body).encode()
        return self.exchange(Sent(method, path, headers, raw, chunked=False))


def _pair(key: str, item: Mapping[str, Any]) -> dict[str, Any]:
    pair = {"key": key, "value": base64.b64encode(_raw(item["value"])).decode("ascii"), "base64": True}
    return pair | {name: item[name] for name in ("metadata", "expiration") if name in item}


def _raw(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if "base64" in value:
        return base64.b64decode(value["base64"])
    text, count = value["repeat"]
    return str(text).encode("utf-8") * int(count)
