"""Draws and ids by name, not by order: the same seed gives the same bytes, whatever other threads do.

Every value is a hash of the seed and of its own name and count. There is no shared stream that a second
thread could advance, so a failed run replays.
"""

from __future__ import annotations

import hashlib
import random

__all__ = ["ALPHANUMERIC", "draw", "identifier", "random_seed", "seed_of"]

ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_HEX = "0123456789abcdef"


def _digest(seed: int, name: tuple[str | int, ...], size: int) -> bytes:
    text = "\x1f".join(map(str, (seed, *name)))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def draw(seed: int, *name: str | int) -> float:
    """Gives a number in ``[0, 1)`` that depends on the seed and the name alone."""
    return int.from_bytes(_digest(seed, name, 7), "big") / (1 << 56)


def identifier(seed: int, *name: str | int, length: int, alphabet: str = _HEX) -> str:
    """Gives an id of ``length`` characters (at most 32) that depends on the seed and the name alone."""
    digest = _digest(seed, name, 64)
    if alphabet == _HEX:
        return digest.hex()[:length]
    base = len(alphabet)
    return "".join(alphabet[int.from_bytes(digest[2 * i : 2 * i + 2], "big") % base] for i in range(length))


def seed_of(text: str) -> int:
    """Gives the seed that belongs to a text, such as a test's node id."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")


def random_seed() -> int:
    """Gives a seed that differs from run to run."""
    return random.SystemRandom().getrandbits(32)
