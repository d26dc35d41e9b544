"""A ZIP archive made record by record, so that a large store is never there twice (apify.md 6.7)."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_kvfake.apify.state import Record

__all__ = ["archive_of"]

# Speed before size: nobody keeps these archives.
_LEVEL = 1


class _Window(io.RawIOBase):
    """A file of which only the newest part is kept: what `take` has handed out cannot be changed any more."""

    def __init__(self) -> None:
        self._kept = io.BytesIO()
        self._taken = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._taken + self._kept.tell()

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        base = self._taken if whence == io.SEEK_SET else 0
        return self._taken + self._kept.seek(position - base, whence)

    def write(self, data: object) -> int:
        return self._kept.write(data)  # type: ignore[arg-type] # whatever BytesIO takes

    def take(self) -> bytes:
        """Gives everything that has been written since the last call."""
        data = self._kept.getvalue()
        self._taken += len(data)
        self._kept = io.BytesIO()
        return data


def archive_of(records: Iterable[tuple[str, Record]]) -> Iterator[bytes]:
    """Gives a ZIP archive piece by piece: a file a record, named like its key, with the decoded bytes.

    What does not decode is put in as it is stored. All files have the same date, so equal records give equal bytes.
    """
    window = _Window()
    with zipfile.ZipFile(window, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for key, record in records:
            archive.writestr(_entry(key), record.value, zipfile.ZIP_DEFLATED, _LEVEL)
            yield window.take()
    yield window.take()


def _entry(key: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(key)
    entry.external_attr = 0o644 << 16
    return entry
