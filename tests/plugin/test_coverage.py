"""--kvfake-coverage: what is counted, shown, written, merged across workers, and failed under."""

import json

import pytest

ONE_OF_FOUR = """
    def test_it(kv_cloudflare):
        assert ask(kv_cloudflare) == 200
        assert ask(kv_cloudflare, "?order=size") == 400
"""

TWO_TESTS = """
    def test_one(kv_cloudflare):
        assert ask(kv_cloudflare) == 200

    def test_two(kv_cloudflare):
        assert ask(kv_cloudflare, "?page=x") == 400
"""


def items(path):
    report = json.loads(path.read_text(encoding="utf-8"))
    return {(item["operation"], item["error"] or item["status"]): item for item in report["items"]}


def met(path):
    return {name for name, item in items(path).items() if item["met"]}


def test_the_table_shows_each_operation_with_what_it_has_met_and_what_not(suite):
    result = suite(ONE_OF_FOUR, "--kvfake-coverage")
    result.stdout.fnmatch_lines(
        [
            "*kvfake contract coverage*",
            "cloudflare, documented",
            "  list_namespaces *1/1 * 1/4  malformed_page, malformed_per_page, invalid_direction",
            "  write_value *0/1 * 0/14  200, *",
            "  any * - * 0/10 *missing_credentials*",
        ]
    )
    assert result.ret == 0


def test_without_the_option_nothing_is_shown(suite):
    result = suite(ONE_OF_FOUR)
    result.stdout.no_fnmatch_line("*contract coverage*")


def test_the_report_is_written_as_json(suite, pytester):
    suite(ONE_OF_FOUR, "--kvfake-coverage-json=out/coverage.json")
    assert met(pytester.path / "out" / "coverage.json") == {
        ("list_namespaces", 200),
        ("list_namespaces", "invalid_order"),
    }


def test_workers_of_xdist_add_up(suite, pytester):
    result = suite(TWO_TESTS, "-n", "2", "--kvfake-coverage", "--kvfake-coverage-json=coverage.json", alone=True)
    assert met(pytester.path / "coverage.json") == {("list_namespaces", 200), ("list_namespaces", "malformed_page")}
    result.stdout.fnmatch_lines(["  list_namespaces *1/1 * 1/4 *"])
    assert str(result.stdout).count("kvfake contract coverage") == 1


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_run_below_the_threshold_fails(suite, workers):
    result = suite(TWO_TESTS, *workers, "--kvfake-coverage-fail-under=50", alone=True)
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["kvfake: contract coverage is 1.43 %, which is below 50 %"])


def test_a_run_above_the_threshold_passes(suite):
    assert suite(TWO_TESTS, "--kvfake-coverage-fail-under=1.4").ret == 0


def test_the_threshold_may_stand_in_the_ini_file(suite):
    assert suite(TWO_TESTS, ini="kvfake_coverage_fail_under = 50").ret == 1


def test_what_the_ignore_list_names_does_not_count(suite, pytester):
    ignored = "kvfake_coverage_ignore =\n    cloudflare/[!l]*\n    cloudflare/list_[!n]*\n    */malformed_per_page"
    suite.write(TWO_TESTS)
    pytester.makefile(".ini", pytest=f"[pytest]\nasyncio_default_fixture_loop_scope = function\n{ignored}\n")
    result = suite.run("--kvfake-coverage")
    result.stdout.fnmatch_lines(["2 of 4 documented answers met: 50.0 %"])


def test_an_ignored_name_that_fits_nothing_is_told(suite):
    result = suite(ONE_OF_FOUR, "--kvfake-coverage", ini="kvfake_coverage_ignore = cloudflare/list_namespces/*")
    result.stdout.fnmatch_lines(["kvfake_coverage_ignore: 'cloudflare/list_namespces/[*]' fits nothing"])


def test_what_only_a_fault_gives_is_not_counted_but_noted(suite, pytester):
    suite(
        """
        def test_it(kv_cloudflare):
            kv_cloudflare.faults.error("list_namespaces", "rate_limited")
            assert ask(kv_cloudflare) == 429
        """,
        "--kvfake-coverage-json=coverage.json",
    )
    item = items(pytester.path / "coverage.json")["any", "rate_limited"]
    assert (item["met"], item["by_itself"]) == (True, False)
    assert item["unreachable"].startswith("Only a fault answers it. The account-wide rate limit is exceeded.")


def test_an_error_that_a_fault_answers_counts_as_met(suite, pytester):
    suite(
        """
        def test_it(kv_cloudflare):
            kv_cloudflare.faults.error("list_namespaces", "invalid_order")
            assert ask(kv_cloudflare) == 400
        """,
        "--kvfake-coverage-json=coverage.json",
    )
    item = items(pytester.path / "coverage.json")["list_namespaces", "invalid_order"]
    assert (item["met"], item["by_itself"], item["unreachable"]) == (True, False, None)


def test_a_run_without_any_fake_does_not_reach_a_threshold(suite):
    result = suite("def test_it(): pass", "--kvfake-coverage", "--kvfake-coverage-fail-under=1")
    result.stdout.fnmatch_lines(["no fake has answered anything"])
    assert result.ret == 1


def test_a_failed_test_stays_the_reason_of_a_failed_run(suite):
    result = suite("def test_it(): raise SystemExit(7)", "--kvfake-coverage-fail-under=1")
    assert result.ret != 0
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("value", ["101", "-1", "much"])
def test_a_threshold_that_is_no_percentage_ends_the_run(suite, value):
    result = suite(ONE_OF_FOUR, f"--kvfake-coverage-fail-under={value}")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*coverage_fail_under must be a number from 0 to 100*"])
