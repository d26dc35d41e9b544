"""``multipart/form-data`` bodies, decoded by werkzeug's sans-I/O decoder without its limits for forms."""

from __future__ import annotations

__all__ = ["boundary_of", "fields_of"]

# Pieces keep the decoder's buffer small, so that a large value is copied once and not once a step.
_PIECE = 256 * 1024


def boundary_of(content_type: str) -> bytes | None:
    """Gives the boundary that a ``Content-Type`` names, or None."""
    from werkzeug.http import parse_options_header

    media_type, options = parse_options_header(content_type)
    boundary = options.get("boundary") if media_type.lower() == "multipart/form-data" else None
    return boundary.encode("latin-1", "replace") if boundary else None


def fields_of(body: bytes, boundary: bytes) -> dict[str, bytes]:
    """Gives the parts of a body by their name; of several namesakes the first.

    Raises:
        ValueError: the body is not what its boundary promises.
    """
    from werkzeug.exceptions import HTTPException
    from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

    decoder = MultipartDecoder(boundary)
    parts: dict[str, bytes] = {}
    name = ""
    pieces: list[bytes] = []
    view = memoryview(body)
    position = 0
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                piece = view[position : position + _PIECE]
                position += len(piece)
                decoder.receive_data(piece or None)  # type: ignore[arg-type] # it only extends a bytearray
            elif isinstance(event, Field | File):
                name, pieces = event.name or "", []
            elif isinstance(event, Data):
                pieces.append(event.data)
                if not event.more_data:
                    parts.setdefault(name, b"".join(pieces) if len(pieces) > 1 else pieces[0])
                    pieces = []
            elif isinstance(event, Epilogue):
                return parts
    except (HTTPException, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
