"""The section of a failed test."""

import re
from xml.etree import ElementTree as ET

import pytest

from pytest_kvfake.reporting import MAX_LINES

FAILING = """
@pytest.mark.kvfake(seed=77)
def test_it(kv_cloudflare):
    kv_cloudflare.faults.error("list_namespaces", "rate_limited", times=2)
    ask(kv_cloudflare, "?colour=red", **{"X-Auth-Key": "0123456789"})
    assert False, "on purpose"
"""

TOLD = (
    "<FakeCloudflare at http://127.0.0.1:*, documented, seed 77>",
    "*replay with --kvfake-seed=77; Clock *",
    "*1 exchange:",
    "*#1 list_namespaces → 429 rate_limited fault=error rate_limited on list_namespaces",
    "*> GET /client/v4/accounts/*/storage/kv/namespaces[?]colour=red",
    "*faults still armed:",
    "*error rate_limited on list_namespaces: fired 1 of 2 times, still missing",
    "*outside the contract:",
    "*#1 list_namespaces, request query colour: *",
)


def section(text):
    """The lines of the section, its title included."""
    lines = text.splitlines()
    (start,) = [number for number, line in enumerate(lines) if re.fullmatch(r"-+ kvfake -+", line)]
    ends = [number for number, line in enumerate(lines) if number > start and re.match(r"(=|_|-){3,}", line)]
    return lines[start : ends[0] if ends else None]


@pytest.mark.parametrize("args", [[], ["--show-capture=no"], ["--tb=short"], ["--tb=native"]], ids=str)
def test_it_is_in_the_terminal_whatever_is_captured(suite, args):
    suite(FAILING, *args).stdout.fnmatch_lines(["*- kvfake -*", *TOLD])


def test_it_is_in_the_junit_report(suite):
    suite(FAILING, "--junitxml=out.xml")
    failure = ET.parse(suite.pytester.path / "out.xml").find(".//failure")
    pytest.LineMatcher(failure.text.splitlines()).fnmatch_lines(["*- kvfake -*", *TOLD])


def test_it_travels_from_xdists_workers(suite):
    pytest.importorskip("xdist")
    suite(FAILING, "-n", "2", alone=True).stdout.fnmatch_lines(["*- kvfake -*", *TOLD])


def test_it_is_there_when_the_set_up_failed(suite):
    result = suite(
        """
        @pytest.fixture
        def settings(kv_cloudflare):
            ask(kv_cloudflare)
            raise ValueError("on purpose")

        def test_it(settings): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*- kvfake -*", "*#1 list_namespaces → 200"])


def test_it_is_there_when_only_verify_failed(suite):
    suite(
        """
        def test_it(kv_cloudflare):
            kv_cloudflare.faults.error("list_namespaces", "rate_limited", times=2)
            ask(kv_cloudflare)
        """
    ).stdout.fnmatch_lines(["E*VerificationError*", "*- kvfake -*", "*#1 list_namespaces → 429*"])


def test_an_assertion_that_no_request_has_come_explains_itself(suite):
    suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare)
            assert not kv_cloudflare.journal
        """
    ).stdout.fnmatch_lines(["E*assert not <Journal of 1 exchange>*#1 list_namespaces → 200"])


def test_what_was_drawn_for_a_fault_is_there_with_the_seed(suite):
    suite(
        """
        @pytest.mark.kvfake(seed=77)
        def test_it(kv_cloudflare):
            kv_cloudflare.faults.error("list_namespaces", "rate_limited", probability=1.0)
            assert ask(kv_cloudflare) == 200
        """
    ).stdout.fnmatch_lines(["*- kvfake -*", "*--kvfake-seed=77*", "*#1 list_namespaces → 429 * draw=0.????"])


def test_it_is_there_for_a_failure_without_a_traceback(suite):
    suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare)
            pytest.fail("on purpose", pytrace=False)
        """
    ).stdout.fnmatch_lines(["on purpose", "*- kvfake -*", "*#1 list_namespaces → 200"])


def test_it_is_there_when_another_plugin_has_made_a_text_of_the_failure(suite):
    suite.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            report.longrepr = "all is text" if report.failed else report.longrepr
            return report
        """
    )
    suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare)
            assert False
        """
    ).stdout.fnmatch_lines(["all is text", "--- kvfake ---", "*#1 list_namespaces → 200"])


def test_it_is_there_for_a_unittest_test(suite):
    suite(
        """
        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _fake(self, kv_cloudflare):
                self.kv = kv_cloudflare

            def test_it(self):
                ask(self.kv)
                self.fail("on purpose")
        """
    ).stdout.fnmatch_lines(["*- kvfake -*", "*#1 list_namespaces → 200"])


def test_it_shows_a_fake_that_the_failure_has_stopped(suite):
    suite(
        """
        def test_it(kvfake_factory):
            with kvfake_factory(FakeCloudflare) as kv:
                ask(kv)
                assert False, "on purpose"
        """
    ).stdout.fnmatch_lines(["*- kvfake -*", "<FakeCloudflare not running, *", "*#1 list_namespaces → 200"])


def test_it_says_that_no_request_has_come(suite):
    suite("def test_it(kv_cloudflare): assert False").stdout.fnmatch_lines(["*- kvfake -*", "*no request has come"])


@pytest.mark.parametrize("source", ["def test_it(): assert False", "def test_it(kv_cloudflare): pytest.skip()"])
def test_it_is_not_there_without_a_fake_or_a_failure(suite, source):
    result = suite(source, "-rA")
    result.stdout.no_fnmatch_line("*- kvfake -*")


def test_it_has_a_bounded_number_of_lines(suite):
    result = suite(
        """
        def test_it(kv_cloudflare):
            query = "?" + "&".join(f"p{i}=1" for i in range(20))
            for n in range(100):
                ask(kv_cloudflare, query, **{f"x-{i}": "1" for i in range(30)})
                kv_cloudflare.faults.error("list_namespaces", "rate_limited", after=1000)
            assert False, "on purpose"
        """
    )
    lines = section(result.stdout.str())
    assert MAX_LINES == 60
    assert 20 < len(lines) <= 60
    assert any("100 exchanges, the last 12" in line for line in lines)
    assert any("#100 list_namespaces" in line for line in lines)


@pytest.mark.parametrize("count", [3, 9])
def test_several_fakes_share_its_lines(suite, count):
    result = suite(
        f"""
        def test_it(kvfake_factory):
            for _ in range({count}):
                kv = kvfake_factory(FakeCloudflare).start()
                for n in range(30):
                    ask(kv)
            assert False, "on purpose"
        """
    )
    lines = section(result.stdout.str())
    assert len(lines) <= 60
    assert sum(line.startswith("<FakeCloudflare") for line in lines) == min(count, 4)


def test_credentials_end_after_four_characters(suite):
    result = suite(
        """
        SECRETS = {"Authorization": "Bearer abcdSECRET", "X-Auth-Key": "0123SECRET", "Cookie": "sid=SECRET"}

        def test_it(kv_cloudflare):
            ask(kv_cloudflare, "?token=wxyzSECRET", **SECRETS)
            assert False, "on purpose"
        """
    )
    shown = "\n".join(section(result.stdout.str()))
    assert "SECRET" not in shown
    for kept in ("Authorization: Bearer abcd…", "X-Auth-Key: 0123…", "token=wxyz…", "Cookie: sid=…"):
        assert kept in shown


def test_credentials_in_a_path_end_there_too(suite):
    result = suite(
        """
        import urllib.request

        def test_it(kv_hive):
            kv_hive.create_hive("h")
            urllib.request.urlopen(f"{kv_hive.url}/{kv_hive.app_id}/{kv_hive.api_key}/hive/h/key-value/keys").close()
            assert f"/{kv_hive.api_key}/" in kv_hive.journal.last.request.target
            assert False
        """
    )
    result.stdout.fnmatch_lines(["*> GET /*/0B93…/hive/h/key-value/keys"])


def test_long_values_are_shortened(suite):
    result = suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare, "?cursor=" + "x" * 5000, **{"User-Agent": "y" * 5000})
            assert False, "on purpose"
        """
    )
    assert max(map(len, section(result.stdout.str()))) <= 220


def test_bytes_that_were_no_request_cannot_write_to_the_terminal(suite):
    result = suite(
        r"""
        import socket

        def test_it(kv_cloudflare):
            with socket.create_connection(("127.0.0.1", kv_cloudflare.port), timeout=5) as client:
                client.sendall(b"\x1b[31mGARBAGE\r\n\r\n")
                while client.recv(1024):
                    pass
            assert False, "on purpose"
        """
    )
    shown = "\n".join(section(result.stdout.str()))
    assert "\x1b" not in shown
    assert r"\x1b[31mGARBAGE" in shown
