"""The test vectors of the contract, and what a signature opens."""

import base64

import pytest

from pytest_kvfake.apify.signatures import opens_record, opens_store, record_signature, sign, storage_signature

NOW = 1_750_000_000
STORE = "WkzbQMuFYuamGv3YF"
SECRET = "secret-key-for-testing"


@pytest.mark.parametrize(
    ("secret", "message", "signature"),
    [
        ("hmac-secret-key", "hmac-message-to-be-authenticated", "pcVagAsudj8dFqdlg7mG"),
        ("hmac-same-secret-key", "hmac-same-message-to-be-authenticated", "FYMcmTIm3idXqleF1Sw5"),
        ("hmac-secret-key", "0.0.resource-id", "3TwfEE659ufSNsmS47lR"),
        (SECRET, "a'b", "1ajNtnGNxMfmUZcB9zQWS"),
    ],
)
def test_a_signature_is_the_one_of_the_contract(secret, message, signature):
    assert sign(secret, message) == signature


@pytest.mark.parametrize(
    ("secret", "store", "signature"),
    [
        ("hmac-secret-key", "resource-id", "MC4wLjNUd2ZFRTY1OXVmU05zbVM0N2xS"),
        (SECRET, STORE, "MC4wLjFtb04xdksxQ3ZwazJnYXhoUFpHVw"),
    ],
)
def test_a_signature_of_a_store_is_the_one_of_the_contract(secret, store, signature):
    assert storage_signature(secret, store) == signature


@pytest.mark.parametrize("padding", ["", "=="])
def test_the_padding_of_a_signature_does_not_matter(padding):
    assert opens_store(storage_signature(SECRET, STORE) + padding, SECRET, STORE, NOW)


def test_a_signature_holds_until_its_moment():
    signature = storage_signature(SECRET, STORE, NOW * 1000)
    assert opens_store(signature, SECRET, STORE, NOW - 0.001)
    assert not opens_store(signature, SECRET, STORE, NOW)


def test_a_record_signature_opens_one_record():
    signature = record_signature(SECRET, "k")
    assert opens_record(signature, SECRET, "k")
    assert not opens_record(signature, SECRET, "l")
    assert not opens_record(signature, "another secret", "k")
    assert not opens_store(signature, SECRET, STORE, NOW)


@pytest.mark.parametrize(
    "text",
    [
        f"1.0.{sign(SECRET, f'1.0.{STORE}')}",
        f"0.x.{sign(SECRET, f'0.x.{STORE}')}",
        f"0.-1.{sign(SECRET, f'0.-1.{STORE}')}",
        f"0.{'9' * 5000}.x",
        "0.0",
        "",
    ],
)
def test_what_is_no_signature_opens_nothing(text):
    assert not opens_store(base64.urlsafe_b64encode(text.encode()).decode(), SECRET, STORE, NOW)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "a", "%%%", "MC4w*"])
def test_what_does_not_decode_opens_nothing(signature):
    assert not opens_store(signature, SECRET, STORE, NOW)
    assert not opens_record(signature, SECRET, "k")
