"""Prints every exchange as it is decided: the logger ``pytest_kvfake``, at the level ``INFO``."""

from __future__ import annotations

import logging
from typing import TextIO

__all__ = ["LOGGER", "start", "stop"]

LOGGER = logging.getLogger("pytest_kvfake")


def start(stream: TextIO) -> logging.StreamHandler[TextIO]:
    """Prints the exchanges of all fakes to a stream from now on, until the handler is removed."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("kvfake: %(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    return handler


def stop(handler: logging.StreamHandler[TextIO]) -> None:
    """Ends what `start` has begun, and closes the stream."""
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)
    handler.stream.close()
