from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kvfake.engine.messages import Request, Response
from pytest_kvfake.transport.http1 import (
    HEAD_LIMIT,
    Framing,
    RequestParser,
    UnreadableError,
    answer_fields,
    encode_field,
    serialize,
    serialize_head,
    status_text,
)

HOST = b"Host: kv.test\r\n"


def parse(data: bytes) -> tuple[Request, Framing] | None:
    return RequestParser().next_head(data)


def refusal(data: bytes) -> tuple[str, int | None]:
    with pytest.raises(UnreadableError) as caught:
        parse(data)
    return caught.value.kind, caught.value.status


def get(*lines: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1", host: bytes = HOST) -> bytes:
    return b"GET %b %b\r\n%b" % (target, version, host) + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def outcome(pieces: list[bytes]) -> list[object]:
    """All heads and the refusal that a connection with only heads on it comes to."""
    parser, seen = RequestParser(), []
    try:
        for piece in pieces:
            head = parser.next_head(piece)
            while head is not None:
                seen.append(head)
                head = parser.next_head()
    except UnreadableError as error:
        seen.append((error.kind, error.status))
    return seen


# What is read


def test_a_head_gives_method_target_and_fields_as_sent():
    request, framing = parse(
        b"PUT /a%2Fb?x=%20 HTTP/1.1\r\nhOST: kv.test\r\nX-A:  1 \t\r\nX-a: 2\r\nContent-Length: 7\r\n\r\n"
    )
    assert (request.method, request.target) == ("PUT", "/a%2Fb?x=%20")
    assert request.headers.pairs == (("hOST", "kv.test"), ("X-A", "1"), ("X-a", "2"), ("Content-Length", "7"))
    assert framing.length == 7


def test_an_unfinished_head_is_waited_for():
    assert parse(get()[:-1]) is None


def test_a_request_without_body_fields_has_an_empty_body():
    assert parse(get())[1].length == 0


def test_a_chunked_request_has_no_length():
    assert parse(get(b"Transfer-Encoding: Chunked"))[1].length is None


def test_a_repeated_equal_content_length_counts_once():
    assert parse(get(b"Content-Length: 5", b"Content-Length: 5"))[1].length == 5


def test_an_empty_field_value_is_allowed():
    assert parse(get(b"X-Empty:"))[0].headers["x-empty"] == ""


def test_bytes_above_127_in_a_field_are_latin_1():
    assert parse(get(b"X-Name: caf\xe9"))[0].headers["x-name"] == "café"


def test_a_slash_doubled_at_the_front_of_the_target_stays():
    assert parse(get(target=b"//a//b"))[0].target == "//a//b"


@given(st.binary(min_size=1).map(lambda data: b"/" + bytes(byte for byte in data if byte > 0x20 and byte != 0x7F)))
def test_any_target_without_control_characters_comes_back_byte_for_byte(target):
    assert parse(get(target=target))[0].target.encode("latin-1") == target


@pytest.mark.parametrize(
    ("sent", "origin"),
    [
        (b"http://kv.test/a?b", "/a?b"),
        (b"HTTPS://kv.test:8080//a", "//a"),
        (b"http://kv.test", "/"),
        (b"http://kv.test?b", "/?b"),
    ],
)
def test_an_absolute_target_becomes_origin_form(sent, origin):
    assert parse(get(target=sent))[0].target == origin


def test_options_of_the_whole_server_passes():
    assert parse(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")[0].target == "*"


def test_empty_lines_before_a_request_are_skipped():
    assert parse(b"\r\n\r\n\r\n" + get())[0].target == "/"


def test_a_later_minor_version_is_read_as_1_1():
    assert parse(get(version=b"HTTP/1.7"))[1].http10 is False


def test_three_hundred_fields_are_read():
    assert len(parse(get(*(b"X-%d: v" % n for n in range(300))))[0].headers) == 301


def test_expect_is_seen_in_1_1_and_ignored_in_1_0():
    assert parse(get(b"Expect: 100-Continue", b"Content-Length: 1"))[1].expects is True
    assert parse(get(b"Expect: 100-continue", b"Content-Length: 1", version=b"HTTP/1.0"))[1].expects is False


@pytest.mark.parametrize(
    ("version", "connection", "close"),
    [
        (b"HTTP/1.1", b"", False),
        (b"HTTP/1.1", b"Connection: keep-alive", False),
        (b"HTTP/1.1", b"Connection: TE, Close", True),
        (b"HTTP/1.0", b"", True),
        (b"HTTP/1.0", b"Connection: Keep-Alive", False),
    ],
)
def test_who_wants_the_connection_closed(version, connection, close):
    assert parse(get(*([connection] if connection else []), version=version))[1].close is close


def test_http_1_0_needs_no_host():
    assert parse(get(version=b"HTTP/1.0", host=b""))[1].http10 is True


def test_requests_of_a_connection_are_counted():
    parser = RequestParser()
    data = get() + get(b"X-Other: 1") + get()
    assert [parser.next_head(piece)[0].served for piece in (data, b"", b"")] == [0, 1, 2]


def test_repeated_fields_are_not_mixed_up_with_those_before():
    parser = RequestParser()
    data = get(b"Content-Length: 0", b"X: 1") + get(b"Connection: close") + get(b"Connection: close")
    heads = [parser.next_head(piece) for piece in (data, b"", b"")]
    seen = [(framing.close, request.headers.get("x")) for request, framing in heads]
    assert seen == [(False, "1"), (True, None), (True, None)]


def test_an_equal_block_of_fields_is_still_refused_where_the_version_forbids_it():
    parser = RequestParser()
    parser.next_head(get(host=b"", version=b"HTTP/1.0") + get(host=b""))
    with pytest.raises(UnreadableError, match="Host"):
        parser.next_head()


# What is refused


@pytest.mark.parametrize(
    ("lines", "kind", "status"),
    [
        ([b"Content-Length: 3", b"Transfer-Encoding: chunked"], "framing", 400),
        ([b"Content-Length: 3", b"Content-Length: 4"], "length", 400),
        ([b"Content-Length: 3, 4"], "length", 400),
        ([b"Content-Length: +3"], "length", 400),
        ([b"Content-Length: -3"], "length", 400),
        ([b"Content-Length: 0x3"], "length", 400),
        ([b"Content-Length: 1_0"], "length", 400),
        ([b"Content-Length: \xb2"], "length", 400),
        ([b"Content-Length:"], "length", 400),
        ([b"Content-Length: " + b"9" * 5000], "length", 400),
        ([b"Transfer-Encoding: gzip"], "coding", 501),
        ([b"Transfer-Encoding: gzip, chunked"], "coding", 501),
        ([b"Transfer-Encoding: \x0bchunked"], "field", 400),
        ([b"X: a", b" folded"], "folded", 400),
        ([b" X: a"], "folded", 400),
        ([b"X : a"], "colon", 400),
        ([b"Transfer-Encoding : chunked"], "colon", 400),
        ([b"X: a\rb"], "field", 400),
        ([b"X: a\nY: b"], "bare_lf", 400),
        ([b"X: a\0b"], "field", 400),
        ([b"X: a\x1bb"], "field", 400),
        ([b"no colon"], "field", 400),
        ([b": no name"], "field", 400),
        ([b"X(: no token"], "field", 400),
        ([b"Expect: the-unexpected"], "expect", 417),
        ([b"Host: other.test"], "host", 400),
    ],
)
def test_ambiguous_fields_are_refused(lines, kind, status):
    assert refusal(get(*lines)) == (kind, status)


def test_http_1_1_without_host_is_refused():
    assert refusal(get(host=b"")) == ("host", 400)


def test_chunks_in_http_1_0_are_refused():
    assert refusal(get(b"Transfer-Encoding: chunked", version=b"HTTP/1.0")) == ("coding10", 400)


@pytest.mark.parametrize(
    ("line", "kind", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls", None),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", 505),
        (b"GET /\r\n", "http09", 505),
        (b"GET / HTTP/2.0\r\n", "version", 505),
        (b"GET / HTTP/2\r\n", "version", 505),
        (b"GET / HTTP/0.9\r\n", "version", 505),
        (b"GET / http/1.1\r\n", "line", 400),
        (b"GET / HTTP/1.1 \r\n", "line", 400),
        (b"GET  / HTTP/1.1\r\n", "line", 400),
        (b"GET /a b HTTP/1.1\r\n", "line", 400),
        (b"GET\r\n", "line", 400),
        (b" GET / HTTP/1.1\r\n", "method", 400),
        (b"G(T / HTTP/1.1\r\n", "method", 400),
        (b"G" * 33 + b" / HTTP/1.1\r\n", "method", 400),
        (b"\x80\x9e\x01\x03", "method", 400),
        (b"\0\0\0\0", "method", 400),
        (b"GET /\x00 HTTP/1.1\r\n", "control", 400),
        (b"GET /\x7f HTTP/1.1\r\n", "control", 400),
        (b"GET /\rX HTTP/1.1\r\n", "control", 400),
        (b"GET / HTTP/1.1\n", "bare_lf", 400),
    ],
)
def test_a_bad_first_line_is_refused_before_the_head_is_complete(line, kind, status):
    assert refusal(line) == (kind, status)


@pytest.mark.parametrize(
    ("line", "kind"),
    [(b"CONNECT kv.test:443 HTTP/1.1", "connect"), (b"GET a HTTP/1.1", "target"), (b"GET * HTTP/1.1", "target")],
)
def test_a_target_that_is_no_path_is_refused(line, kind):
    assert refusal(line + b"\r\n" + HOST + b"\r\n")[0] == kind


def test_an_endless_request_line_is_too_long():
    assert refusal(b"GET /" + b"a" * HEAD_LIMIT) == ("line_too_long", 414)


def test_an_endless_head_is_too_long():
    assert refusal(get(b"X: " + b"a" * HEAD_LIMIT)) == ("head_too_long", 431)


def test_a_head_of_63_kib_is_read():
    assert parse(get(b"X: " + b"a" * 63 * 1024)) is not None


def test_a_head_that_is_too_long_is_refused_though_its_fields_were_read_before():
    parser, field = RequestParser(), b"X: " + b"a" * 65_000
    assert parser.next_head(get(field)) is not None
    with pytest.raises(UnreadableError, match="more than 65536 bytes"):
        parser.next_head(get(field, target=b"/" + b"t" * 600))


def test_a_refused_head_can_be_shown():
    parser = RequestParser()
    with pytest.raises(UnreadableError):
        parser.next_head(get(b"X : a"))
    assert parser.received == get(b"X : a")


# Properties

HEADS = [
    get(),
    get(b"X: 1", target=b"/a%2f"),
    b"\r\n" + get(b"Connection: close"),
    get(version=b"HTTP/1.0"),
    get(b"X : 1"),
    get(b"X: a\n", b"Y: b"),
    get(b" folded"),
    b"GET / HTTP/2.0\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\x16\x03\x01",
    b"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n",
    b"hello\r\n",
    b"\r\r\n\r\n",
]


@given(st.data(), st.lists(st.sampled_from(HEADS), min_size=1, max_size=4))
def test_any_split_of_the_bytes_gives_the_same_heads(data, heads):
    whole = b"".join(heads)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(pieces) == outcome([whole])


@given(st.lists(st.sampled_from(HEADS), min_size=1, max_size=2))
def test_byte_by_byte_gives_the_same_heads(heads):
    whole = b"".join(heads)
    assert outcome([bytes([byte]) for byte in whole]) == outcome([whole])


@given(st.binary(max_size=300))
def test_garbage_is_read_waited_for_or_refused_and_nothing_else(garbage):
    outcome([garbage])


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 10))
def test_a_damaged_request_is_read_waited_for_or_refused_and_nothing_else(noise, at, gone):
    whole = get(b"X: 1", b"Content-Length: 0")
    outcome([whole[:at] + noise + whole[at + gone :]])


# What is written


def test_an_answer_is_one_object_with_its_length():
    answer = Response(200, (("Content-Type", "text/plain"), ("X-A", "1")), b"body")
    assert serialize(answer, "GET") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody"
    )


def test_an_answer_to_head_has_the_length_and_no_body():
    assert serialize(Response(200, (), b"body"), "HEAD") == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_no_length(status):
    assert b"Content-Length" not in serialize(Response(status, (), b"ignored"), "GET")
    assert serialize(Response(status, (), b"ignored"), "GET").endswith(b"\r\n\r\n")


def test_an_answer_that_ends_the_connection_says_so():
    assert b"\r\nConnection: close\r\n" in serialize(Response(200), "GET", close=True)


def test_http_1_0_is_told_that_the_connection_stays():
    assert b"\r\nConnection: keep-alive\r\n" in serialize(Response(200), "GET", http10=True)


def test_framing_fields_of_the_engine_are_replaced():
    answer = Response(200, (("content-length", "99"), ("Transfer-Encoding", "x"), ("connection", "x")), b"body")
    assert serialize(answer, "GET") == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def test_an_answer_cannot_be_split_by_a_line_break_in_a_value():
    assert serialize(Response(200, (("X", "a\r\nEvil: 1\0"),)), "GET") == (
        b"HTTP/1.1 200 OK\r\nX: a  Evil: 1 \r\nContent-Length: 0\r\n\r\n"
    )


def test_a_value_outside_latin_1_is_sent_as_utf_8():
    assert encode_field("snow \u2603") == "snow \u2603".encode()
    assert encode_field("café") == b"caf\xe9"


def test_a_status_without_a_standard_phrase_has_none():
    assert serialize(Response(524), "GET").startswith(b"HTTP/1.1 524 \r\n")
    assert status_text(507) == "507 Insufficient Storage"


FIELD_NAMES = st.sampled_from(["X-A", "x-b", "Content-Length", "TRANSFER-ENCODING", "connection"])


@given(
    status=st.sampled_from([100, 200, 204, 206, 304, 404, 524]),
    fields=st.lists(st.tuples(FIELD_NAMES, st.text("aé€\t\r\n\0", max_size=3))),
    body=st.binary(max_size=3),
    framing=st.fixed_dictionaries(
        {"close": st.booleans(), "http10": st.booleans(), "length": st.sampled_from([None, 7])}
    ),
)
def test_the_bytes_of_a_head_are_the_fields_that_other_transports_get(status, fields, body, framing):
    answer = Response(status, tuple(fields), body)
    lines = [encode_field(name) + b": " + encode_field(value) for name, value in answer_fields(answer, **framing)]
    first = f"HTTP/1.1 {status_text(status)}".encode()
    assert serialize_head(answer, **framing) == b"\r\n".join([first, *lines, b"", b""])
