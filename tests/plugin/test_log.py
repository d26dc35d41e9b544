"""``--kvfake-log``: the exchanges as they are decided."""

import pytest

ASKING = """
def test_it(kv_cloudflare):
    ask(kv_cloudflare)
"""


def test_nothing_is_printed_by_default(suite):
    result = suite(ASKING, "-s", alone=True)
    assert "list_namespaces" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_each_exchange_is_printed_whatever_is_captured(suite, capture):
    result = suite(ASKING, "--kvfake-log", f"--capture={capture}", alone=True)
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(["kvfake: cloudflare #1 list_namespaces → 200"])


def test_an_ini_value_and_a_variable_switch_it_on_too(suite):
    result = suite(ASKING, ini="kvfake_log = yes", alone=True)
    result.stderr.fnmatch_lines(["kvfake: cloudflare #1 list_namespaces → 200"])
    suite.monkeypatch.setenv("KVFAKE_LOG", "0")
    assert "list_namespaces" not in suite.run(alone=True).stderr.str()


def test_it_is_an_ordinary_logger(suite):
    suite(
        """
        def test_it(kv_cloudflare, caplog):
            caplog.set_level("INFO", logger="pytest_kvfake")
            ask(kv_cloudflare)
            assert caplog.messages == ["cloudflare #1 list_namespaces → 200"]
        """
    ).assert_outcomes(passed=1)


def test_the_log_ends_with_the_run(suite):
    import logging

    from pytest_kvfake.log import LOGGER

    before = list(LOGGER.handlers), LOGGER.level
    suite(ASKING, "--kvfake-log")
    assert (list(LOGGER.handlers), LOGGER.level) == before
    assert not LOGGER.isEnabledFor(logging.INFO)
