from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kvfake.contract.router import percent_decoded
from pytest_kvfake.engine.jsontext import parsed, written
from pytest_kvfake.engine.messages import Headers, body_of, is_bodyless
from pytest_kvfake.engine.multipart import boundary_of, fields_of


def test_headers_are_found_without_regard_to_case():
    assert Headers([("Content-Type", "text/plain")])["content-TYPE"] == "text/plain"


def test_a_repeated_header_is_joined_and_still_there_in_pairs():
    headers = Headers([("A", "1"), ("a", "2")])
    assert headers["a"] == "1, 2"
    assert headers.pairs == (("A", "1"), ("a", "2"))


def test_a_body_beyond_the_limit_is_only_counted():
    body = body_of(b"12345")(4)
    assert (body.data, body.size) == (b"", 5)


@pytest.mark.parametrize(
    ("method", "status", "expected"), [("HEAD", 200, True), ("GET", 204, True), ("GET", 200, False)]
)
def test_who_has_no_body_on_the_wire(method, status, expected):
    assert is_bodyless(method, status) is expected


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("a+b", "a+b"),
        ("%E2%82%AC", "€"),
        ("\xe2\x82\xac", "€"),  # raw bytes above 127, as the transport reads them
        ("%3a%3A", "::"),
        ("%zz", None),
        ("%", None),
        ("100%", None),
        ("%E0%A4", None),
        ("%+1", None),
    ],
)
def test_a_segment_is_decoded_exactly_once(raw, decoded):
    assert percent_decoded(raw) == decoded


@given(st.text(st.characters(codec="utf-8")))
def test_whatever_is_escaped_comes_back(text):
    escaped = "".join(f"%{byte:02X}" for byte in text.encode())
    assert percent_decoded(escaped) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"NaN", "invalid literal NaN"),
        (b"\xff", "invalid UTF-8 at byte 0"),
        (b'{"a":1}\x00', "invalid character"),
        (b'"\\ud800"', "half a surrogate pair"),
        (b"[" * 100_000, "nested too deeply"),
        ("{}".encode("utf-16"), "invalid UTF-8"),
    ],
)
def test_what_is_not_json_says_why(text, says):
    with pytest.raises(ValueError, match=says):
        parsed(text)


def test_a_whole_surrogate_pair_is_json():
    assert parsed(b'"\\ud83d\\ude00"') == "😀"


def test_json_is_written_without_blanks():
    assert written({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()


def multipart(*parts: tuple[str, bytes], boundary: bytes = b"x") -> bytes:
    pieces = [
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + data + b"\r\n"
        for name, data in parts
    ]
    return b"".join(pieces) + b"--" + boundary + b"--\r\n"


def test_parts_are_given_by_name():
    assert fields_of(multipart(("metadata", b"{}"), ("value", b"\xff\r\n\x00")), b"x") == {
        "metadata": b"{}",
        "value": b"\xff\r\n\x00",
    }


def test_of_several_namesakes_the_first_counts():
    assert fields_of(multipart(("value", b"1"), ("value", b"2")), b"x")["value"] == b"1"


def test_a_part_larger_than_a_piece_comes_whole():
    data = bytes(range(256)) * 4096
    assert fields_of(multipart(("value", data)), b"x")["value"] == data


@pytest.mark.parametrize("body", [b"", b"no boundary at all", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n"])
def test_a_body_that_its_boundary_does_not_fit_is_a_value_error(body):
    with pytest.raises(ValueError):
        fields_of(body, b"x")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_multipart_decoder(body):
    with suppress(ValueError):
        fields_of(body, b"x")


def test_the_boundary_comes_out_of_the_content_type():
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    assert boundary_of("text/plain") is None
    assert boundary_of("multipart/form-data") is None
