"""The fixtures in tests of every kind."""

import pytest


def test_a_plain_test_gets_a_running_fake(suite):
    suite(
        """
        def test_it(kv_cloudflare):
            assert isinstance(kv_cloudflare, FakeCloudflare)
            assert ask(kv_cloudflare) == 200
        """
    ).assert_outcomes(passed=1)


def test_each_parameter_set_has_a_fake_of_its_own(suite):
    suite(
        """
        ports = set()

        @pytest.mark.parametrize("n", range(3))
        def test_it(kv_cloudflare, n):
            kv_cloudflare.create_namespace("settings")
            ports.add(kv_cloudflare.port)
            assert len(ports) == n + 1
        """
    ).assert_outcomes(passed=3)


def test_a_fake_is_stopped_after_its_test(suite):
    suite(
        """
        kept = []

        def test_first(kv_cloudflare):
            kept.append(kv_cloudflare)

        def test_second():
            assert not kept[0].running
        """
    ).assert_outcomes(passed=2)


def test_an_asyncio_test_gets_a_running_fake(suite):
    pytest.importorskip("pytest_asyncio")
    suite(
        """
        import asyncio

        @pytest.mark.asyncio
        async def test_it(kv_cloudflare):
            assert await asyncio.to_thread(ask, kv_cloudflare) == 200
            assert len(await kv_cloudflare.journal.wait_for_async("list_namespaces")) == 1
        """,
        alone=True,  # pytest-asyncio leaves an event loop to the garbage collector
    ).assert_outcomes(passed=1)


def test_an_anyio_test_gets_a_running_fake(suite):
    pytest.importorskip("anyio")
    suite(
        """
        import anyio.to_thread

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_it(kv_cloudflare):
            assert await anyio.to_thread.run_sync(ask, kv_cloudflare) == 200
        """
    ).assert_outcomes(passed=1)


def test_a_unittest_test_gets_a_running_fake(suite):
    suite(
        """
        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _fake(self, kv_cloudflare):
                self.kv = kv_cloudflare

            def test_it(self):
                self.assertEqual(ask(self.kv), 200)
        """
    ).assert_outcomes(passed=1)


def test_xdist_workers_have_their_own_fakes(suite):
    pytest.importorskip("xdist")
    suite(
        """
        @pytest.mark.parametrize("n", range(6))
        def test_it(kv_cloudflare, n):
            assert ask(kv_cloudflare) == 200
            assert len(kv_cloudflare.journal) == 1
        """,
        "-n",
        "2",
        alone=True,
    ).assert_outcomes(passed=6)


def test_the_factory_makes_as_many_fakes_as_a_test_wants(suite):
    suite(
        """
        def test_it(kvfake_factory):
            with kvfake_factory(FakeCloudflare) as one, kvfake_factory(FakeCloudflare, dialect="observed") as other:
                assert (one.dialect, other.dialect) == ("documented", "observed")
                assert one.port != other.port
        """
    ).assert_outcomes(passed=1)


def test_the_factory_can_be_used_by_a_fixture_of_the_whole_run(suite):
    suite(
        """
        @pytest.fixture(scope="session")
        def kv(kvfake_factory):
            with kvfake_factory(FakeCloudflare) as kv:
                yield kv

        def test_first(kv):
            kv.create_namespace("settings")

        def test_second(kv):
            assert len(kv.namespaces) == 1
        """
    ).assert_outcomes(passed=2)


def test_explicit_options_of_the_factory_go_before_configured_ones(suite):
    suite(
        """
        def test_it(kvfake_factory):
            fake = kvfake_factory(FakeCloudflare, seed=3)
            assert (fake.seed, fake.dialect) == (3, "observed")
        """,
        "--kvfake-seed=2",
        "--kvfake-dialect=observed",
    ).assert_outcomes(passed=1)


def test_a_fake_that_the_factory_made_and_nobody_stopped_is_stopped_after_the_run(suite):
    suite(
        """
        import atexit

        def test_it(kvfake_factory):
            fake = kvfake_factory(FakeCloudflare).start()
            atexit.register(lambda: print("running at exit:", fake.running))
        """,
        alone=True,
    ).stdout.fnmatch_lines(["running at exit: False"])


def test_a_misspelt_option_of_the_factory_is_told_at_the_line_of_the_call(suite):
    result = suite(
        """
        def test_it(kvfake_factory):
            kvfake_factory(FakeCloudflare, dialcet="observed")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>*kvfake_factory(FakeCloudflare, dialcet="observed")',
            "E*OptionError: kvfake_factory(FakeCloudflare, …): there is no option 'dialcet'. Did you mean 'dialect'?",
            "test_it.py:*: OptionError",
        ]
    )
