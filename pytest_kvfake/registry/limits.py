"""The limits of Registry that the fake enforces; their numbers stand in ``schemas/registry/openapi.json``."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_kvfake.engine.limits import Limits

__all__ = ["RegistryLimits"]


@dataclass
class RegistryLimits(Limits):
    """What a test may change: ``kv.limits.max_allowed_size = 16``.

    Attributes:
        max_allowed_size: largest data item, in bytes.
        default_playtime_secs: playtime of a take that asks for none, in seconds.
        default_max_players: seats of a role whose first take names none.
        generated_key_characters: length of a key that the service makes (at most 32).
        capacity_bytes: most bytes of all data items together; None: there is always room. No number is documented.
    """

    max_allowed_size: int
    default_playtime_secs: int
    default_max_players: int
    generated_key_characters: int
    capacity_bytes: int | None = None
