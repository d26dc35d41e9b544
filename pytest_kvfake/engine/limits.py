"""What the limits of every service share."""

from __future__ import annotations

from typing import Any, ClassVar

from pytest_kvfake.errors import OptionError, did_you_mean

__all__ = ["Limits"]


class Limits:
    """The base of the dataclasses behind ``kv.limits``: a misspelt limit is an error at the test's own line."""

    __dataclass_fields__: ClassVar[dict[str, Any]]  # those of the service's dataclass

    def __setattr__(self, name: str, value: object) -> None:
        """Raises `OptionError` for a limit that does not exist."""
        known = self.__dataclass_fields__
        if name not in known:
            raise OptionError(f"There is no limit {name!r}.{did_you_mean(name, known)}")
        super().__setattr__(name, value)
