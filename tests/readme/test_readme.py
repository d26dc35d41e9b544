"""README.md is held to what it says: its examples run, its tables list what the code has."""

import importlib
import inspect
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import pytest_kvfake
from pytest_kvfake import plugin
from pytest_kvfake.contract.document import load, services
from pytest_kvfake.engine.faults.vocabulary import Faults
from pytest_kvfake.fake import Fake
from pytest_kvfake.options import OPTIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE = 60


def blocks(language):
    found = re.finditer(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [pytest.param(one[1], id=f"line-{README.count(chr(10), 0, one.start()) + 1}") for one in found]


def commands():
    return [line for block in blocks("sh") for line in block.values[0].splitlines()]


def tables():
    """The tables of the page, each as a list of rows, each row as a list of cells."""
    found = re.findall(r"(?:^\|.*\n)+", README, re.MULTILINE)
    return [[re.split(r"(?<!\\) ?\| ?", line.strip())[1:-1] for line in table.splitlines()] for table in found]


def run(arguments, folder):
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.fixture
def run_pytest(pytester, monkeypatch):
    """Runs pytest in an empty folder and a process of its own, with the plugins that a user of this page has."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("pytest_kvfake.plugin", "pytest_httpserver.pytest_plugin", "anyio")

    def run_pytest(*arguments):
        loaded = (argument for plugin in plugins for argument in ("-p", plugin))
        return pytester.runpytest_subprocess(*loaded, "-W", "error", "-p", "no:cacheprovider", *arguments)

    return run_pytest


@pytest.mark.parametrize("source", [block for block in blocks("python") if "def test_" in block.values[0]])
def test_a_block_of_tests_passes(source, pytester, run_pytest):
    if "min_delay_between_retries=" in source:
        pytest.importorskip("apify_client", minversion="3", reason="apify-client 3 needs Python 3.11")
    pytester.makepyfile(test_block=source)
    run_pytest().assert_outcomes(passed=source.count("def test_"))


@pytest.mark.parametrize("source", [block for block in blocks("python") if "def test_" not in block.values[0]])
def test_a_block_of_statements_runs(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(source, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("source", blocks("ini"))
def test_an_ini_block_is_accepted(source, pytester, run_pytest):
    pytester.makefile(".ini", pytest=source)
    pytester.makepyfile("def test_it(): pass")
    result = run_pytest("--strict-config")
    result.stdout.fnmatch_lines("configfile: pytest.ini")
    result.assert_outcomes(passed=1)


def test_the_demo_prints_what_the_page_shows(tmp_path):
    done = run([str(ROOT / "examples" / "cloudflare_demo.py")], tmp_path)
    assert done.returncode == 0, done.stderr
    (shown,) = (block.values[0] for block in blocks("text"))
    assert without_digits(done.stdout) == without_digits(shown)


def without_digits(text):
    """A text in which what differs from run to run looks the same: the port, times."""
    return re.sub(r"\b\d+\.\d seconds|:\d{4,5}\b|\b\d{10}\b", "…", text)


def test_the_fake_on_the_command_line_answers_at_the_printed_url(tmp_path):
    (line,) = (line for line in commands() if "-m pytest_kvfake " in line)
    _, *arguments = shlex.split(line.replace("8787", "0"))
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            printed = "".join(iter(process.stdout.readline, "Press Ctrl+C to stop.\n"))
            exported = dict(re.findall(r"^export (\w+)='(.*)'$", printed, re.MULTILINE))
            answer = httpx.get(
                f"{exported['CLOUDFLARE_BASE_URL']}/user/tokens/verify",
                headers={"Authorization": f"Bearer {exported['CLOUDFLARE_API_TOKEN']}"},
            )
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert answer.status_code == 200


def test_both_commands_stand_alone_on_a_line():
    first, second = (line for line in commands() if line.startswith("python3 -m venv"))
    assert first.endswith("examples/cloudflare_demo.py")
    assert second.endswith("-m pytest -n 2")
    assert (ROOT / "examples" / "cloudflare_demo.py").is_file()


def test_the_options_table_lists_all_options():
    (table,) = (table for table in tables() if table[0][0] == "marker")
    rows = [[cell.replace("\\|", "|").replace("`", "") for cell in row] for row in table[2:]]
    assert rows == [
        [
            f"{option.name}=…" if option.of_fakes else "",
            "" if option.ini_only else f"{option.flag}={option.metavar}" if option.metavar else option.flag,
            "" if option.ini_only else option.variable,
            option.key,
            option.help,
        ]
        for option in OPTIONS.values()
    ]


def test_every_option_that_the_page_names_exists():
    named = set(re.findall(r"--kvfake-[a-z-]+|KVFAKE_[A-Z_]+|kvfake_[a-z_]+(?= =)", README))
    known = {name for option in OPTIONS.values() for name in (option.flag, option.variable, option.key)}
    assert named <= known


def test_every_fake_has_a_table_with_its_fixture_and_all_its_operations():
    fakes = {name for name in pytest_kvfake.__all__ if name.startswith("Fake")}
    faked = {table[0][0].strip("`"): table for table in tables() if table[0][0].startswith("`Fake")}
    assert set(faked) == fakes
    for name, (head, _, *rows) in faked.items():
        service = getattr(pytest_kvfake, name).service.name
        assert head[1] == f"`kv_{service}`"
        operations = " ".join(said for title, said in rows if title.startswith("operations"))
        assert re.findall("`(.*?)`", operations) == list(load(service).operations)


def test_the_table_of_fault_kinds_lists_all_kinds():
    (table,) = (table for table in tables() if table[0][0] == "kind")
    methods = (one for one in vars(Faults).items() if inspect.isfunction(one[1]) and not one[0].startswith("_"))
    kinds = {name for name, method in methods if method.__annotations__.get("return") == "Fault"}
    assert {row[0].strip("`") for row in table[2:]} == kinds


def test_every_fixture_is_in_the_table_of_fixtures():
    (table,) = (table for table in tables() if table[0][0] == "fixture")
    fixtures = {name for name in vars(plugin) if name.startswith("kv_")} | {"kvfake_factory"}
    assert set(re.findall("`(.*?)`", " ".join(row[0] for row in table))) == fixtures


def test_every_service_with_a_fake_is_public():
    found = set()
    for service in services():
        if importlib.util.find_spec(f"pytest_kvfake.{service}") is not None:
            package = importlib.import_module(f"pytest_kvfake.{service}")
            public = (getattr(package, name) for name in package.__all__)
            found |= {one.__name__ for one in public if inspect.isclass(one) and issubclass(one, Fake)}
    assert found <= set(pytest_kvfake.__all__)


def test_every_link_and_path_on_the_page_exists():
    linked = re.findall(r"\]\(([^)#:]+)\)", README)
    paths = re.findall(r"(?<![\w./-])(?:tests|examples|schemas)/[\w./-]*[\w]", README)
    assert [path for path in {*linked, *paths} if not (ROOT / path).exists()] == []
