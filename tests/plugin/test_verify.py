"""``verify()`` at the end of the call phase."""

import pytest

ARM = 'kv_cloudflare.faults.error("list_namespaces", "rate_limited")'


def test_a_fault_that_did_not_fire_fails_the_test_itself(suite):
    result = suite(f"def test_it(kv_cloudflare): {ARM}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*def test_it(kv_cloudflare)*",
            "E*VerificationError: The fault “error rate_limited on list_namespaces” was to fire 1 time but fired 0.*",
            "test_it.py:*: VerificationError",
        ]
    )


def test_a_test_without_problems_passes(suite):
    suite(
        f"""
        def test_it(kv_cloudflare):
            {ARM}
            assert ask(kv_cloudflare) == 429
        """
    ).assert_outcomes(passed=1)


def test_a_violation_fails_the_test_where_strict_is_error(suite):
    suite(
        """
        def test_it(kv_cloudflare):
            assert ask(kv_cloudflare, "?colour=red") == 200
        """,
        "--kvfake-strict=error",
    ).assert_outcomes(failed=1)


def test_a_violation_is_a_warning_by_default(suite):
    result = suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare, "?colour=red")
        """
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*KVFakeContractWarning: 1 contract violation(s) with cloudflare:*"])


def test_a_violation_fails_the_test_where_warnings_are_errors(suite):
    result = suite(
        """
        def test_it(kv_cloudflare):
            ask(kv_cloudflare, "?colour=red")
        """,
        "-W",
        "error::pytest_kvfake.KVFakeContractWarning",
    )
    result.assert_outcomes(failed=1)


def test_a_bug_of_the_fake_fails_the_test_with_its_traceback(suite):
    result = suite(
        """
        def test_it(kv_cloudflare, monkeypatch):
            def broken(*_, **__):
                raise ZeroDivisionError("a bug")
            monkeypatch.setattr("pytest_kvfake.engine.pipeline.apply", broken)
            assert ask(kv_cloudflare) == 500
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E*VerificationError: A bug in pytest-kvfake, please report it.*", "E*ZeroDivisionError: a bug"]
    )


def test_all_fakes_are_told_of(suite):
    result = suite(
        """
        def test_it(kv_cloudflare, kvfake_factory):
            kv_cloudflare.faults.error("list_namespaces", "rate_limited")
            other = kvfake_factory(FakeCloudflare).start()
            other.faults.error("read_value", "key_not_found")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E*“error rate_limited on list_namespaces”*", "E*“error key_not_found on read_value”*"]
    )


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ('raise ValueError("its own")', "failed"),
        ('pytest.fail("its own")', "failed"),
        ('pytest.skip("its own")', "skipped"),
        ('pytest.xfail("its own")', "xfailed"),
    ],
)
def test_a_test_that_ends_by_itself_hears_nothing_else(suite, body, outcome):
    result = suite(
        f"""
        def test_it(kv_cloudflare):
            {ARM}
            {body}
        """,
        "-rA",
    )
    result.assert_outcomes(**{outcome: 1})
    result.stdout.no_fnmatch_line("*was to fire*")
    result.stdout.fnmatch_lines(["*its own*"])


def test_an_exception_that_the_test_caught_hides_nothing(suite):
    suite(
        f"""
        def test_it(kv_cloudflare):
            {ARM}
            with pytest.raises(ValueError):
                raise ValueError
        """
    ).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("pass", "failed"),
        ('self.fail("its own")', "failed"),
        ('self.skipTest("its own")', "skipped"),
        ('pytest.skip("its own")', "skipped"),
    ],
)
def test_unittest_tests_are_verified_the_same_way(suite, body, outcome):
    result = suite(
        f"""
        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _fake(self, kv_cloudflare):
                self.kv = kv_cloudflare

            def test_it(self):
                self.kv.faults.error("list_namespaces", "rate_limited")
                {body}
        """,
        "-rA",
    )
    result.assert_outcomes(**{outcome: 1})
    told = any("was to fire" in line for line in result.outlines)
    assert told == (body == "pass")


def test_an_expected_failure_of_unittest_stays_one(suite):
    suite(
        """
        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _fake(self, kv_cloudflare):
                self.kv = kv_cloudflare

            @unittest.expectedFailure
            def test_it(self):
                self.kv.faults.error("list_namespaces", "rate_limited")
                self.fail("its own")
        """
    ).assert_outcomes(xfailed=1)


def test_async_tests_are_verified_too(suite):
    pytest.importorskip("pytest_asyncio")
    suite(
        f"""
        @pytest.mark.asyncio
        async def test_it(kv_cloudflare):
            {ARM}
        """,
        alone=True,  # pytest-asyncio leaves an event loop to the garbage collector
    ).assert_outcomes(failed=1)


def test_a_test_with_a_failed_subtest_hears_nothing_else(suite):
    if int(pytest.__version__.split(".")[0]) < 9:
        pytest.skip("subtests came with pytest 9")
    result = suite(
        f"""
        def test_it(kv_cloudflare, subtests):
            {ARM}
            with subtests.test("one"):
                assert False, "its own"
        """
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*was to fire*")


def test_a_fake_that_the_test_opened_itself_is_verified_by_its_own_block(suite):
    result = suite(
        """
        def test_it():
            with FakeCloudflare() as kv:
                kv.faults.error("list_namespaces", "rate_limited")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*VerificationError: The fault*"])


def test_what_was_reported_once_is_not_reported_again(suite):
    suite(
        f"""
        def test_first(kv_cloudflare):
            {ARM}

        def test_second(kv_cloudflare):
            pass
        """,
        ini="kvfake_scope = session",
    ).assert_outcomes(failed=1, passed=1)
