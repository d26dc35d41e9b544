"""The limits of the service that the fake enforces; their numbers stand in ``schemas/apify/openapi.json``."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_kvfake.engine.limits import Limits

__all__ = ["ApifyLimits"]


@dataclass
class ApifyLimits(Limits):
    """What a test may change: ``kv.limits.request_bytes = 100``.

    Attributes:
        request_bytes: largest body of a request, as it comes over the wire.
        record_key_characters: longest record key.
        store_name_characters: longest name of a store.
        list_keys_max: most keys on one page, also where no ``limit`` is given.
        list_stores_max: most stores on one page, also where no ``limit`` is given.
        keys_url_seconds: how long the signature in ``keysPublicUrl`` holds, in seconds.
        requests_per_second: requests to one resource; counted only by a ``rate_limit`` fault.
        record_requests_per_second: the same for the records of one store.
    """

    request_bytes: int
    record_key_characters: int
    store_name_characters: int
    list_keys_max: int
    list_stores_max: int
    keys_url_seconds: int
    requests_per_second: int
    record_requests_per_second: int
