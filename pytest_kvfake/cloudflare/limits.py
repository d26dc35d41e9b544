"""The limits of Workers KV that the fake enforces; their numbers stand in ``schemas/cloudflare/openapi.json``."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_kvfake.engine.limits import Limits

__all__ = ["CloudflareLimits"]


@dataclass
class CloudflareLimits(Limits):
    """What a test may change: ``kv.limits.value_bytes = 100``.

    Attributes:
        key_bytes: longest key or list prefix, as UTF-8.
        value_bytes: largest value, after base64 decoding.
        metadata_bytes: longest metadata, as the JSON text received.
        min_expiration_ttl: smallest ``expiration_ttl``, in seconds.
        min_expiration_lead: how far ahead ``expiration`` must be, in seconds.
        bulk_write_pairs: most pairs of one bulk write.
        bulk_request_bytes: largest body of a bulk request.
        bulk_delete_keys: most keys of one bulk delete.
        bulk_get_keys: most keys of one bulk get.
        bulk_get_bytes: most bytes of values in one bulk get.
        list_keys_min: smallest ``limit`` of a key listing.
        list_keys_max: largest ``limit`` of a key listing.
        list_keys_default: the ``limit`` where none is given.
        list_namespaces_max: largest ``per_page`` of a namespace listing.
        list_namespaces_default: the ``per_page`` where none is given.
        namespaces_per_account: most namespaces of one account.
        title_characters: longest namespace title.
        requests_per_five_minutes: of one user; only ``faults.rate_limit`` enforces it, as those below.
        requests_per_second: from one address.
        writes_per_key: writes to one key in a second.
        free_reads_per_day: of a free account.
        free_writes_per_day: of a free account.
        free_deletes_per_day: of a free account.
        free_lists_per_day: of a free account.
    """

    key_bytes: int
    value_bytes: int
    metadata_bytes: int
    min_expiration_ttl: int
    min_expiration_lead: int
    bulk_write_pairs: int
    bulk_request_bytes: int
    bulk_delete_keys: int
    bulk_get_keys: int
    bulk_get_bytes: int
    list_keys_min: int
    list_keys_max: int
    list_keys_default: int
    list_namespaces_max: int
    list_namespaces_default: int
    namespaces_per_account: int
    title_characters: int
    requests_per_five_minutes: int
    requests_per_second: int
    writes_per_key: int
    free_reads_per_day: int
    free_writes_per_day: int
    free_deletes_per_day: int
    free_lists_per_day: int
