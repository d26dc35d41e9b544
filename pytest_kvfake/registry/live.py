"""DK Lab Registry, or whatever claims to be it, as what contract cases are run against.

The org is the user's. Whatever a case writes lies in a directory of its own there, another in every case; nothing
else is read or changed but the org's time, which every change advances. Nobody else may change the org meanwhile:
the cases count its time.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_kvfake.contract.cases import Answer, Sent
from pytest_kvfake.errors import KVFakeError, UsageError
from pytest_kvfake.live import CannotArrangeError, Credential, Renaming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.live import Send

__all__ = ["LiveArranger"]

_ORG = "sample_org"
_OTHER = ("other_org", "otherKey")
_PATH = re.compile(rf"(?P<org>^(?:/svc)?/+{_ORG})(?P<gap>/+)(?P<path>.+)", re.DOTALL)
_WHOLE = re.compile(rf"^(?:/svc)?/+{_ORG}/*$")
_TIME = re.compile(rb'("(?:create_|update_)?org_time"\s*:\s*)([0-9]+)')
_CONDITION = "x-dk-update-org-time"
_ELAPSED = 5_000
"""Milliseconds that may pass between taking a role and looking at it."""


class LiveArranger:
    """Makes and removes data items and roles of one org."""

    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("org", "DK_REGISTRY_ORG", "the org in which items and roles are made and removed"),
        Credential("org_key", "DK_REGISTRY_ORG_KEY", "the org's key"),
    )

    def __init__(self, send: Send, credentials: Mapping[str, str]) -> None:
        """Looks whether the org is empty.

        Raises:
            UsageError: the endpoint does not take the credentials.
        """
        self._send = send
        self._renaming = Renaming({_ORG: credentials["org"], "randomAlphaNumericString": credentials["org_key"]})
        self._begin()
        listed = self._answer(self._request("GET", f"/{_ORG}/"))
        if listed.status != 200:
            raise UsageError(f"The org cannot be listed: {listed.status} {listed.body[:300]!r}")
        self._empty = not json.loads(listed.body)["files"]

    @property
    def provides(self) -> frozenset[str]:
        """Nothing: there is one org, whose key stays, and no clock."""
        return frozenset()

    @property
    def names(self) -> Mapping[str, str]:
        """None: org and key are exchanged on their way."""
        return {}

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Carries out the acts in a new directory, and from now on counts the org's time from there.

        Raises:
            CannotArrangeError: an act is none of the API's, or the service refuses it.
        """
        del names
        self._begin()
        before, after = (self._org_time(method, f"/{_ORG}/probe.data") for method in ("PUT", "DELETE"))
        if before is not None and after is not None:
            self._start, self._step = after, max(after - before, 1)
        for act in given.get("acts", ()):
            self._carry_out(act)
        return {}

    def exchange(self, request: Sent) -> Answer:
        """Sends a request into the case's own directory, and remembers what it has made.

        Raises:
            CannotArrangeError: it would change the org itself, needs another one, or tells of what else is there.
        """
        path = request.target.partition("?")[0]
        if any(other in f"{path} {dict(request.headers)}" for other in _OTHER):
            raise CannotArrangeError("needs another org")
        whole = _WHOLE.match(path) is not None
        if whole and request.method != "GET" and dict(request.headers).get("Authorization") in self._renaming.pairs:
            raise CannotArrangeError("needs an org whose key may change")
        if whole and request.method == "GET" and not self._empty:
            raise CannotArrangeError("needs an org where nothing else is")
        answer = self._answer(request)
        if request.method == "PUT" and answer.status < 300:
            if path.endswith(".data"):
                self._made[path, ""] = None
            elif path.endswith(".role"):
                self._made[path, str(json.loads(request.body)["player_name"])] = None
        return answer

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from ``then`` (``items``, ``roles``, ``absent``)."""
        del names
        return list(self._differences(then))

    def clean(self) -> None:
        """Removes the items, and releases the roles, that were made since the last call.

        Raises:
            KVFakeError: one could not be removed.
        """
        made, left = list(self._made), []
        for path, player in made:
            answer = self._ask("DELETE", path, {"player_name": player} if player else None)
            if answer.status != 200:
                left.append(f"{self._renaming.request(self._inside(self._request('GET', path))).target} of {player!r}")
        self._made.clear()
        if left:
            raise KVFakeError(f"These could not be removed, please do: {', '.join(left)}.")

    def _begin(self) -> None:
        self._directory = f"kvfake{token_hex(4)}"
        self._start, self._step = 0, 1
        self._made: dict[tuple[str, str], None] = {}

    def _carry_out(self, act: Mapping[str, Any]) -> None:
        if "advance" in act:
            raise CannotArrangeError("needs a clock that can be moved")
        if "org" in act or "flag" in act or "rotate" in act:
            raise CannotArrangeError("needs an org that may be given up")
        if "write" in act:
            kind = (("Content-Type", act.get("content_type", "text/plain")),)
            request = self._request("PUT", f"/{_ORG}/{act['write']}.data", act["value"].encode(), kind)
            answer = self.exchange(request)
        elif "delete" in act:
            answer = self._ask("DELETE", f"/{_ORG}/{act['delete']}.data")
        elif "take" in act:
            wishes = {name: act[name] for name in ("playtime_secs", "max_players") if name in act}
            body = {"player_name": act["player"], "client_unix_time_in_msecs": 0, **wishes}
            answer = self._ask("PUT", f"/{_ORG}/{act['take']}.role", body)
        else:
            answer = self._ask("DELETE", f"/{_ORG}/{act['release']}.role", {"player_name": act["player"]})
        if answer.status not in {200, 201}:
            raise CannotArrangeError(f"cannot be arranged: {dict(act)} is answered with {answer.status}")

    def _differences(self, then: Mapping[str, Any]) -> Iterator[str]:
        for path, value in then.get("items", {}).items():
            found = self._ask("GET", f"/{_ORG}/{path}.data")
            if (found.status, found.body) != (200, value.encode()):
                yield f"item {path} is {found!r:.300}, not {value!r}"
        for path, players in then.get("roles", {}).items():
            found = self._ask("GET", f"/{_ORG}/{path}.role")
            left = _remaining(found)
            if left.keys() != players.keys() or any(not 0 <= players[one] - left[one] <= _ELAPSED for one in left):
                yield f"role {path} is {found!r:.300}, not {players!r}"
        for path in then.get("absent", ()):
            for kind in ("data", "role"):
                if self._ask("GET", f"/{_ORG}/{path}.{kind}").status != 404:
                    yield f"{path} is there"

    def _org_time(self, method: str, path: str) -> int | None:
        answer = self.exchange(self._request(method, path, b"", (("Content-Type", "text/plain"),)))
        time = answer.headers.get("x-dk-org-time", "")
        return int(time) if time.isdecimal() else None

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        kind = () if body is None else (("Content-Type", "application/json"),)
        return self.exchange(self._request(method, path, b"" if body is None else json.dumps(body).encode(), kind))

    @staticmethod
    def _request(method: str, target: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> Sent:
        return Sent(method, target, (("Authorization", "randomAlphaNumericString"), *headers), body, chunked=False)

    def _inside(self, request: Sent) -> Sent:
        target = _PATH.sub(rf"\g<org>\g<gap>{self._directory}/\g<path>", request.target)
        headers = [
            (name, self._there(value) if name.lower() == _CONDITION else value) for name, value in request.headers
        ]
        return replace(request, target=target, headers=tuple(headers))

    def _answer(self, request: Sent) -> Answer:
        answer = self._renaming.answer(self._send(self._renaming.request(self._inside(request))))
        headers = {
            name: str(self._here(int(value))) if name.endswith("-org-time") and value.isdecimal() else value
            for name, value in answer.headers.items()
        }
        body = answer.body.replace(f"{self._directory}/".encode(), b"")
        body = _TIME.sub(lambda found: found[1] + str(self._here(int(found[2]))).encode(), body)
        return Answer(answer.status, headers, body)

    def _here(self, time: int) -> int:
        """What a time of the org is in the case's count; as it is, where it is none of the case's."""
        count, rest = divmod(time - self._start, self._step)
        return time if count < 0 or rest else count

    def _there(self, time: str) -> str:
        """A condition of the case in the org's count; 0 has a meaning of its own, and what is no time stays."""
        return str(self._start + self._step * int(time)) if re.fullmatch(r"[1-9][0-9]{0,9}", time) else time


def _remaining(answer: Answer) -> dict[str, int]:
    return json.loads(answer.body)["players_remaining_milliseconds"] if answer.status == 200 else {}
