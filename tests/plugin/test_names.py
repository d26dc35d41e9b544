"""What importing the package costs, and what it offers."""

import subprocess
import sys

import pytest

import pytest_kvfake
from pytest_kvfake import errors
from pytest_kvfake.contract.document import services

HEAVY = ("werkzeug", "jsonschema", "referencing", "brotli", "sortedcontainers", "asyncio", "http.server")


def loaded_after(statement):
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_all_is_sorted():
    assert pytest_kvfake.__all__ == sorted(pytest_kvfake.__all__)


@pytest.mark.parametrize("name", pytest_kvfake.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(pytest_kvfake, name) is not None


def test_dir_lists_every_public_name():
    assert set(pytest_kvfake.__all__) <= set(dir(pytest_kvfake))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="FakeNothing"):
        pytest_kvfake.FakeNothing  # noqa: B018 - looking it up is the test


def test_every_error_class_is_public():
    classes = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert classes <= set(pytest_kvfake.__all__)


def test_the_fake_of_every_service_that_has_one_is_public():
    fakes = {name for name in pytest_kvfake.__all__ if name.startswith("Fake")}
    assert {name.removeprefix("Fake").lower() for name in fakes} <= set(services())
    assert {getattr(pytest_kvfake, name).service.name for name in fakes} == {
        name.removeprefix("Fake").lower() for name in fakes
    }


def test_importing_the_package_imports_none_of_its_modules():
    ours = {name for name in loaded_after("import pytest_kvfake") if name.startswith("pytest_kvfake.")}
    assert ours == set()


def test_importing_the_plugin_imports_no_engine_and_no_library():
    loaded = loaded_after("import pytest_kvfake.plugin") - loaded_after("import pytest")
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]
    assert {name for name in loaded if name.startswith("pytest_kvfake")} == {
        "pytest_kvfake",
        "pytest_kvfake.options",
        "pytest_kvfake.plugin",
        "pytest_kvfake.settings",
    }


def test_a_run_that_uses_no_fixture_loads_no_engine_and_no_library(suite):
    suite.write(
        f"""
        def test_nothing():
            import sys
            ours = {{name.partition(".")[2] for name in sys.modules if name.startswith("pytest_kvfake")}}
            assert ours == {{"", "options", "plugin", "settings"}}
            assert not [name for name in sys.modules if name.split(".")[0] in {HEAVY[:5]!r}]
        """
    )
    path = suite.pytester.path / "test_it.py"
    path.write_text(path.read_text().replace("from pytest_kvfake import FakeCloudflare\n", ""))
    # other plugins import some of these libraries: pytest-httpserver's werkzeug, Hypothesis' sortedcontainers
    suite.monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = suite.run("-p", "pytest_kvfake.plugin", alone=True)
    result.assert_outcomes(passed=1)
