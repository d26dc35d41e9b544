"""How the readers of a request refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RefusedError", "invalid", "one_of"]


class RefusedError(Exception):
    """A reader's way out; `checks` answers with the error that it carries."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.name)
        self.error = error


def invalid(field: str, reason: str) -> RefusedError:
    """Gives the refusal of something that is missing or of the wrong kind."""
    return RefusedError(ServiceError("invalid_argument", {"field": field, "reason": reason}))


def one_of(words: Sequence[str]) -> str:
    """Gives the reason for refusing a word that is none of these."""
    return f"must be one of {', '.join(words)}"
