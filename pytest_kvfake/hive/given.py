"""What a contract case takes for given, and what it expects of the state afterwards, in Hive's nouns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.hive import FakeHive
    from pytest_kvfake.hive.state.bucket import Bucket

__all__ = ["arrange", "differences"]


def arrange(fake: FakeHive, given: Mapping[str, Any]) -> dict[str, str]:
    """Makes hives with their keys (``{"value": …, "expireAt": …}``), user tokens and limits.

    Returns:
        Nothing: no name of a case stands for something that the fake makes.
    """
    for name, value in given.get("limits", {}).items():
        setattr(fake.limits, name, value)
    for token in given.get("tokens", ()):
        fake.allow_user_token(token)
    for name, stores in given.get("hives", {}).items():
        fake.create_hive(name)
        for kind, keys in stores.items():
            bucket = _bucket(fake, name, kind)
            for key, item in keys.items():
                bucket.put(key, bucket.loaded(item["value"]), fake.clock.now(), item.get("expireAt"))
    return {}


def differences(fake: FakeHive, then: Mapping[str, Any]) -> Iterator[str]:
    """Says where the state differs from ``then`` (``hives``, ``absent``, ``present``)."""
    now = fake.clock.now()
    hives = list(fake.hives)
    if hives != then.get("hives", hives):
        yield f"the hives are {hives}, not {then['hives']}"
    for place in then.get("absent", ()):
        name, kind, key = place.split("/", 2)
        if _bucket(fake, name, kind).has(key, now):
            yield f"{place} is there"
    for place, item in then.get("present", {}).items():
        name, kind, key = place.split("/", 2)
        bucket = _bucket(fake, name, kind)
        expected = bucket.loaded(item["value"])
        actual = bucket.look(key, now)
        if actual is None:
            yield f"{place} is not there"
        elif bucket.dumped(actual) != bucket.dumped(expected):
            yield f"{place} is {bucket.dumped(actual)!r}, not {item['value']!r}"
        if bucket.expiry(key, now) != item.get("expireAt"):
            yield f"{place} expires at {bucket.expiry(key, now)}, not at {item.get('expireAt')}"


def _bucket(fake: FakeHive, name: str, kind: str) -> Bucket[Any]:
    return fake.world.state.hives[name].stores[kind]
