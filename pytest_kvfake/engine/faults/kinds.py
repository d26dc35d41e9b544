"""What a fault does: each kind is a value that says when it acts and what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_kvfake.engine.service import ServiceError

__all__ = ["ErrorKind", "Kind", "Phase"]

Phase = Literal["head", "before", "after"]
"""``head``: before the body is read; ``before``: after the checks, instead of the state step; ``after``: the
state step was carried out."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """The service answers with one of its errors."""

    error: ServiceError
    phase: Phase

    @property
    def name(self) -> str:
        """The kind's word in the fault vocabulary."""
        return "error"

    def __str__(self) -> str:
        what = self.error.name if self.error.name is not None else str(self.error.status)
        return f"error {what}{' applied' if self.phase == 'after' else ''}"


Kind = ErrorKind
