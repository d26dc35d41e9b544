"""Backendless Hive, or whatever claims to be it, as what contract cases are run against.

What a case calls ``h`` is a hive with a name of its own here, another in every case, so that no hive of the user's
is ever read, changed or removed.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from pytest_kvfake.contract.cases import Answer, Sent
from pytest_kvfake.errors import KVFakeError, UsageError
from pytest_kvfake.live import CannotArrangeError, Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_kvfake.live import Send

__all__ = ["LiveArranger"]

_ROOT = "/api/hive"
_HIVE = re.compile(r"(?P<before>^(?:/[^/?]+){1,3}?/hive/)(?P<name>[^/?]+)(?P<rest>.*)", re.DOTALL)
_NEW_NAME = re.compile(r"(?<=[?&]newName=)(?=[^&])")

_FILL: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "key-value": ("", lambda value: {"value": value}),
    "list": ("/add-last", lambda value: value),
    "map": ("", lambda value: value),
    "set": ("/add", lambda value: value),
    "sorted-set": ("/add", lambda value: {"items": value}),
}
"""By store: where under the key its value is put, and in which body."""

_READ = {"sorted-set": "/get-range-by-rank?startRank=0&stopRank=-1&withScores=true"}
"""By store: where under the key its whole value is read, unless at the key itself."""


class LiveArranger:
    """Makes and removes hives of one application."""

    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("app_id", "BACKENDLESS_APP_ID", "the application in which hives are made and removed"),
        Credential("api_key", "BACKENDLESS_API_KEY", "the key of its REST API"),
    )

    def __init__(self, send: Send, credentials: Mapping[str, str]) -> None:
        """Looks whether the application has any hive.

        Raises:
            UsageError: the endpoint does not take the credentials, or has no Hive at its own root.
        """
        self._send = send
        self._names = {"APP": credentials["app_id"], "KEY": credentials["api_key"]}
        self._prefix = ""
        self._made: dict[str, None] = {}
        empty = True
        for root in (_ROOT, "/{APP}/{KEY}/hive".format(**self._names)):
            listed = self._ask("GET", root)
            if listed.status != 200:
                raise UsageError(f"The hives cannot be listed at {root}: {listed.status} {listed.body[:300]!r}")
            empty = empty and json.loads(listed.body) == []
        self._provides = frozenset({"empty_account"} if empty else ())

    @property
    def provides(self) -> frozenset[str]:
        """``empty_account`` where the application had no hive at first."""
        return self._provides

    @property
    def names(self) -> Mapping[str, str]:
        """The application and its key."""
        return self._names

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Makes hives and fills them.

        Raises:
            CannotArrangeError: the service refuses something of it.
        """
        del names
        self._prefix = f"kvfake{token_hex(4)}"
        for name, stores in given.get("hives", {}).items():
            self._arranged("POST", f"{_ROOT}/{quote(name, safe='')}", None)
            for kind, keys in stores.items():
                where, body = _FILL[kind]
                for key, item in keys.items():
                    if "expireAt" in item:
                        raise CannotArrangeError("needs a clock that stands")
                    path = f"{_path(f'{name}/{kind}/{key}')}{where}"
                    self._arranged("PUT", path, body(item["value"]))
        return {}

    def exchange(self, request: Sent) -> Answer:
        """Sends a request with the hive's own name, and remembers which hives are there."""
        found = _HIVE.match(request.target)
        if found is None:
            return self._answer(request)
        name = f"{self._prefix}{found['name']}"
        rest = _NEW_NAME.sub(self._prefix, found["rest"])
        answer = self._answer(replace(request, target=f"{found['before']}{name}{rest}"))
        renamed = re.search(r"[?&]newName=([^&]+)", rest)
        if answer.status < 300 and not rest.startswith("/"):
            if request.method == "DELETE" or renamed is not None:
                self._made.pop(name, None)
            if request.method in {"POST", "PUT"}:
                self._made[name if renamed is None else renamed[1]] = None
        return answer

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from ``then`` (``hives``, ``absent``, ``present``)."""
        del names
        return list(self._differences(then))

    def clean(self) -> None:
        """Removes the hives that were made since the last call.

        Raises:
            KVFakeError: one could not be removed.
        """
        made, self._made, self._prefix = self._made, {}, ""
        gone = {name: self._ask("DELETE", f"{_ROOT}/{name}") for name in made}
        left = [f"{name} ({answer.status})" for name, answer in gone.items() if answer.status != 200]
        if left:
            raise KVFakeError(f"These hives could not be removed, please do: {', '.join(left)}.")

    def _differences(self, then: Mapping[str, Any]) -> Iterator[str]:
        if "hives" in then:
            hives = json.loads(self._ask("GET", _ROOT).body)
            if hives != then["hives"]:
                yield f"the hives are {hives}, not {then['hives']}"
        for place in then.get("absent", ()):
            name, kind, key = place.split("/", 2)
            if self._ask("POST", f"{_path(f'{name}/{kind}')}/action/exist", [key]).body != b"0":
                yield f"{place} is there"
        for place, item in then.get("present", {}).items():
            if "expireAt" in item:
                raise CannotArrangeError("needs a clock that stands")
            kind = place.split("/", 2)[1]
            found = self._ask("GET", f"{_path(place)}{_READ.get(kind, '')}")
            value = json.loads(found.body) if found.status == 200 else found
            if not _same(kind, value, item["value"]):
                yield f"{place} is {value!r:.300}, not {item['value']!r:.300}"
            if self._ask("GET", f"{_path(place)}/get-expiration-ttl").status != 400:
                yield f"{place} expires"

    def _arranged(self, method: str, path: str, body: Any) -> None:
        answer = self._ask(method, path, body)
        if answer.status != 200:
            said = answer.body[:200].decode("utf-8", "replace")
            raise CannotArrangeError(f"cannot be arranged: {method} is answered with {answer.status} {said}")

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        return self.exchange(Sent(method, path, (("Content-Type", "application/json"),) if raw else (), raw, False))

    def _answer(self, request: Sent) -> Answer:
        answer = self._send(request)
        return replace(answer, body=answer.body.replace(self._prefix.encode(), b"")) if self._prefix else answer


def _path(place: str) -> str:
    return f"{_ROOT}/{'/'.join(quote(part, safe='') for part in place.split('/', 2))}"


def _same(kind: str, value: Any, expected: Any) -> bool:
    if kind in {"set", "sorted-set"} and isinstance(value, list):  # sets have no order, scores make their own
        return sorted(map(json.dumps, value)) == sorted(map(json.dumps, expected))
    return bool(value == expected)
