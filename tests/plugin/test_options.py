"""Options: four places with one precedence, and what a wrong one says."""

import pytest

from pytest_kvfake.engine.seed import seed_of
from pytest_kvfake.errors import OptionError
from pytest_kvfake.fake import Fake
from pytest_kvfake.options import OPTIONS, checked, from_text

SHOW = """
def test_it(kv_cloudflare):
    print("seed is", kv_cloudflare.seed)
"""


PLACES = ["marker", "command line", "environment", "ini", "default"]


@pytest.mark.parametrize("first", range(5), ids=PLACES)
def test_the_first_place_that_has_a_value_wins(suite, first):
    if first <= 2:
        suite.monkeypatch.setenv("KVFAKE_SEED", "2")
    marker = "@pytest.mark.kvfake(seed=0)" if first == 0 else ""
    suite.write(f"{marker}{SHOW}", ini="kvfake_seed = 3" if first <= 3 else "")
    result = suite.run("-s", *(["--kvfake-seed=1"] if first <= 1 else []))
    seed = first if first < 4 else seed_of("test_it.py::test_it")
    result.stdout.fnmatch_lines([f"*seed is {seed}"])


EVERYWHERE = [option for option in OPTIONS.values() if not option.ini_only]

# those that take any text have nothing to refuse
CHOOSY = [option for option in EVERYWHERE if not option.kind.fits("-")]


@pytest.mark.parametrize("option", CHOOSY, ids=lambda option: option.name)
def test_every_option_is_read_from_the_environment(option, suite):
    suite.write("def test_it(): pass")
    suite.monkeypatch.setenv(option.variable, "-")
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {option.variable}=-: {option.name} must be *"])


def test_help_lists_every_option(suite):
    shown = suite.run("--help").stdout.str()
    assert [option.flag for option in EVERYWHERE if option.flag + ("=" if option.metavar else " ") not in shown] == []
    assert [option.key for option in OPTIONS.values() if f"{option.key} (string)" not in shown] == []


def test_what_every_fake_takes_is_in_the_table():
    assert set(Fake.__init__.__kwdefaults__) == {option.name for option in OPTIONS.values() if option.of_fakes}


def test_the_nearest_marker_wins_and_others_add_to_it(suite):
    suite(
        """
        pytestmark = pytest.mark.kvfake(seed=1, dialect="observed", strict="off")

        @pytest.mark.kvfake(seed=2, strict="error")
        class TestIt:
            @pytest.mark.kvfake(seed=3)
            def test_it(self, kv_cloudflare):
                kv = kv_cloudflare
                assert (kv.seed, kv.conformance.strict, kv.dialect) == (3, "error", "observed")
        """
    ).assert_outcomes(passed=1)


def test_of_two_markers_at_one_place_the_one_that_names_the_service_wins(suite):
    suite(
        """
        @pytest.mark.kvfake(seed=1)
        @pytest.mark.kvfake("cloudflare", seed=2)
        def test_one_order(kv_cloudflare):
            assert kv_cloudflare.seed == 2

        @pytest.mark.kvfake("cloudflare", seed=2)
        @pytest.mark.kvfake(seed=1)
        def test_other_order(kv_cloudflare):
            assert kv_cloudflare.seed == 2
        """
    ).assert_outcomes(passed=2)


def test_a_marker_takes_what_only_the_class_of_the_service_knows(suite):
    suite(
        """
        from pytest_kvfake import plugin

        class FakeWithUser(FakeCloudflare):
            def __init__(self, *, user="nobody", **options):
                super().__init__(**options)
                self.user = user

        @pytest.fixture
        def kv(request):
            yield from plugin._running(request, FakeWithUser)

        @pytest.mark.kvfake("cloudflare", user="demo")
        def test_it(kv):
            assert kv.user == "demo"

        @pytest.mark.kvfake(user="demo")
        def test_not_all_services_know_it(kv):
            pass
        """
    ).assert_outcomes(passed=1, errors=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('dialcet="observed"', "*there is no option 'dialcet'. Did you mean 'dialect'?"),
        ('"cloudflare", dialcet="observed"', "*there is no option 'dialcet'. Did you mean 'dialect'?"),
        (
            'dialect="observd"',
            "*dialect must be one of 'documented', 'observed', not 'observd'. Did you mean 'observed'?",
        ),
        ('seed="7"', "*seed must be a whole number from 0, *not '7'."),
        ("wait_limit=0", "*wait_limit must be a number of seconds above 0, not 0."),
        ("journal_entries=True", "*journal_entries must be a whole number from 1, not True."),
        ("port=65536", "*port must be a whole number from 0 to 65535, not 65536."),
        ('"cloudfalre"', "*there is no service 'cloudfalre'. Did you mean 'cloudflare'?"),
        ('"cloudflare", "apify"', "*a marker names one service; write one for each."),
        ('scope="module"', "*there is no option 'scope'.*"),
    ],
)
def test_a_wrong_marker_is_an_option_error_at_the_line_of_the_test(suite, marker, message):
    result = suite(
        f"""
        @pytest.mark.kvfake({marker})
        def test_it(kv_cloudflare):
            raise AssertionError("it must not run")
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [">*@pytest.mark.kvfake(*", f"E*OptionError: @pytest.mark.kvfake({message}", "test_it.py:*: OptionError"]
    )


def test_a_wrong_marker_of_a_module_is_told_at_the_line_of_the_test(suite):
    result = suite(
        """
        pytestmark = pytest.mark.kvfake(dialcet="observed")

        def test_it(kv_cloudflare):
            pass
        """,
        ini="kvfake_scope = module",
    )
    result.stdout.fnmatch_lines([">*def test_it(kv_cloudflare):", "E*OptionError: *Did you mean 'dialect'?"])


@pytest.mark.parametrize(
    ("args", "env", "ini", "message"),
    [
        (["--kvfake-sede=1"], {}, "", "There is no command-line option --kvfake-sede. Did you mean '--kvfake-seed'?"),
        ([], {"KVFAKE_DIALCET": "x"}, "", "There is no environment variable 'KVFAKE_DIALCET'.*'KVFAKE_DIALECT'?"),
        ([], {}, "kvfake_dialcet = x", "There is no ini value 'kvfake_dialcet'. Did you mean 'kvfake_dialect'?"),
        (["-o", "kvfake_dialcet=x"], {}, "", "There is no ini value 'kvfake_dialcet'. Did you mean 'kvfake_dialect'?"),
        (["--kvfake-seed=x"], {}, "", "--kvfake-seed=x: seed must be a whole number from 0, or 'random', not 'x'."),
        ([], {"KVFAKE_STRICT": "eror"}, "", "KVFAKE_STRICT=eror: strict must be one of*Did you mean 'error'?"),
        ([], {}, "kvfake_port = -1", "kvfake_port = -1 in pytest.ini: port must be a whole number from 0 to 65535*"),
    ],
)
def test_a_wrong_option_of_the_run_ends_it_before_any_test(suite, args, env, ini, message):
    for variable, value in env.items():
        suite.monkeypatch.setenv(variable, value)
    suite.write("def test_it(): pass", ini=ini)
    result = suite.run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_other_peoples_variables_may_begin_like_ours(suite):
    suite.monkeypatch.setenv("KVFAKE_URL", "http://localhost")
    suite(SHOW).assert_outcomes(passed=1)


def test_an_empty_variable_is_not_set(suite):
    suite.monkeypatch.setenv("KVFAKE_DIALECT", "")
    suite("def test_it(kv_cloudflare): assert kv_cloudflare.dialect == 'documented'").assert_outcomes(passed=1)


def test_the_marker_is_registered(suite):
    suite(
        """
        @pytest.mark.kvfake(seed=1)
        def test_it(): pass
        """,
        "--strict-markers",
    ).assert_outcomes(passed=1)


def test_the_default_seed_is_the_same_in_every_run(suite):
    suite.write(SHOW)
    first, second = suite.run("-s"), suite.run("-s")
    (seed,) = {line for run in (first, second) for line in run.outlines if "seed is" in line}
    assert seed.endswith(f"seed is {seed_of('test_it.py::test_it')}")


def test_a_random_seed_is_one_for_the_run_and_printed(suite):
    suite.write("def test_a(kv_cloudflare): print('seed is', kv_cloudflare.seed)")
    suite.write(SHOW, name="test_b")
    result = suite.run("-s", "--kvfake-seed=random")
    (seed,) = {line.split("seed is ")[1] for line in result.outlines if "seed is" in line}
    result.stdout.fnmatch_lines([f"kvfake: seed {seed}, replay with --kvfake-seed={seed}"])


def test_a_random_seed_is_the_same_for_all_workers(suite):
    pytest.importorskip("xdist")
    result = suite(
        """
        @pytest.mark.parametrize("n", range(4))
        def test_it(kv_cloudflare, n, record_property):
            record_property("seed", kv_cloudflare.seed)
        """,
        "-n",
        "2",
        "--junitxml=out.xml",
        alone=True,
        ini="kvfake_seed = random",
    )
    result.assert_outcomes(passed=4)
    seeds = {part.split('"')[0] for part in (suite.pytester.path / "out.xml").read_text().split('value="')[1:]}
    assert len(seeds) == 1


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("TRUE", True), ("0", False), ("no", False)])
def test_a_switch_takes_what_people_write(text, value):
    assert from_text(OPTIONS["log"], text) is value


def test_none_is_an_option_that_is_not_set():
    assert checked({"host": None, "seed": 1}, where="") == {"seed": 1}


def test_an_option_error_lists_all_where_none_is_near():
    with pytest.raises(OptionError, match=r"Known: .*dialect, .*wait_limit\."):
        checked({"zzz": 1}, where="f()")
