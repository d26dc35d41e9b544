"""``kvfake_scope``: how long the fixtures' fakes live."""

import pytest

MODULE = """
class TestOne:
    def test_a(self, kv_cloudflare, record): record(kv_cloudflare)
    def test_b(self, kv_cloudflare, record): record(kv_cloudflare)

class TestTwo:
    def test_c(self, kv_cloudflare, record): record(kv_cloudflare)
"""

CONFTEST = """
import pytest
seen = []

@pytest.fixture
def record():
    return lambda kv: seen.append(kv.opened)

def pytest_sessionfinish():
    print("fakes:", len(set(seen)), "of", len(seen), "tests")
"""

# two packages, of two and one modules, of two classes each, of two tests and one
FAKES = {"function": 9, "class": 6, "module": 3, "package": 2, "session": 1}


@pytest.mark.parametrize(("scope", "fakes"), FAKES.items())
def test_a_scope_has_one_fake_for_each_of_its_nodes(suite, scope, fakes):
    files = {"conftest.py": CONFTEST, "p/__init__.py": "", "p/test_1.py": MODULE, "p/test_2.py": MODULE}
    files |= {"q/__init__.py": "", "q/test_3.py": MODULE}
    for name, text in files.items():
        path = suite.pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    result = suite.run("-s", "-o", f"kvfake_scope={scope}")
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines([f"*fakes: {fakes} of 9 tests"])


def test_a_scope_that_does_not_exist_ends_the_run_and_names_those_that_do(suite):
    result = suite("def test_it(): pass", ini="kvfake_scope = modul")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: kvfake_scope = modul in pytest.ini: scope must be one of 'function',*Did you mean 'module'?"]
    )


def test_state_is_kept_between_the_tests_of_a_wider_scope(suite):
    suite(
        """
        def test_first(kv_cloudflare):
            kv_cloudflare.create_namespace("settings")

        def test_second(kv_cloudflare):
            assert len(kv_cloudflare.namespaces) == 1
        """,
        ini="kvfake_scope = module",
    ).assert_outcomes(passed=2)


def test_the_seed_of_a_wider_scope_comes_from_its_node(suite):
    suite(
        """
        from pytest_kvfake.engine.seed import seed_of

        def test_it(kv_cloudflare):
            assert kv_cloudflare.seed == seed_of("test_it.py")
        """,
        ini="kvfake_scope = module",
    ).assert_outcomes(passed=1)


def test_markers_of_a_wider_scope_come_from_its_node(suite):
    suite(
        """
        pytestmark = pytest.mark.kvfake(dialect="observed")

        @pytest.mark.kvfake(dialect="documented")
        def test_it(kv_cloudflare):
            assert kv_cloudflare.dialect == "observed"
        """,
        ini="kvfake_scope = module",
    ).assert_outcomes(passed=1)


def test_a_fault_that_one_test_left_behind_does_not_fail_the_next(suite):
    suite(
        """
        def test_first(kv_cloudflare):
            kv_cloudflare.faults.error("list_namespaces", "rate_limited")
            assert False, "on purpose"

        def test_second(kv_cloudflare):
            assert ask(kv_cloudflare) == 200
        """,
        ini="kvfake_scope = session",
    ).assert_outcomes(failed=1, passed=1)


def test_the_report_of_a_wider_scope_shows_what_came_since_the_test_began(suite):
    result = suite(
        """
        def test_first(kv_cloudflare):
            ask(kv_cloudflare, "?page=2")

        def test_second(kv_cloudflare):
            ask(kv_cloudflare, "?page=3")
            assert False
        """,
        ini="kvfake_scope = session",
    )
    result.stdout.fnmatch_lines(["*1 exchange:", "*#2 list_namespaces*", "*namespaces[?]page=3"])
    result.stdout.no_fnmatch_line("*#1 list_namespaces*")


def test_waits_end_with_the_test_that_they_began_in(suite):
    suite(
        """
        import threading
        ends = []

        def test_first(kv_cloudflare):
            waiting = threading.Event()
            def wait():
                waiting.set()
                ends.append(kv_cloudflare._waits.wait(None))
            global thread
            thread = threading.Thread(target=wait)
            thread.start()
            waiting.wait()

        def test_second(kv_cloudflare):
            thread.join(5)
            assert ends == ["released"]
            assert kv_cloudflare._waits.wait(0.001) == "over"
        """,
        ini="kvfake_scope = session",
    ).assert_outcomes(passed=2)
