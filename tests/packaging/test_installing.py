"""However the package is installed, it finds its documents and its fakes answer."""

import zipfile

import pytest


@pytest.mark.parametrize("built", ["wheel", "wheel_of_sdist"])
def test_a_wheel_brings_its_documents(built, request, environment, tmp_path):
    environment.install(request.getfixturevalue(built))
    package = environment.packages / "pytest_kvfake"
    assert environment.probe(tmp_path) == {"package": str(package), "schemas": str(package / "schemas"), "status": 200}


def test_an_editable_install_finds_them_in_the_checkout(checkout, environment, tmp_path):
    environment.install("--editable", checkout)
    found = environment.probe(tmp_path)
    assert found == {"package": str(checkout / "pytest_kvfake"), "schemas": str(checkout / "schemas"), "status": 200}


def test_a_checkout_that_shadows_an_installed_wheel_uses_its_own(checkout, wheel, environment):
    environment.install(wheel)
    found = environment.probe(checkout)
    assert found == {"package": str(checkout / "pytest_kvfake"), "schemas": str(checkout / "schemas"), "status": 200}


def test_an_installed_wheel_is_a_pytest_plugin_and_a_command(wheel, environment, tmp_path, run):
    environment.install(wheel)
    (tmp_path / "test_it.py").write_text(
        "def test_it(kv_cloudflare):\n    assert kv_cloudflare.url.endswith('/client/v4')\n", encoding="utf-8"
    )
    printed = run(environment.python, "-m", "pytest", "-p", "no:asyncio", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "kvfake-0.1.0" in printed
    assert "1 passed" in printed
    assert "cloudflare" in run(environment.python.with_name("kvfake"), "--help", cwd=tmp_path)


def test_a_wheel_holds_the_package_its_documents_and_nothing_else(checkout, wheel):
    def files(folder):
        found = (path for path in (checkout / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {path.relative_to(checkout).as_posix() for path in found}

    documents = {f"pytest_kvfake/{name}" for name in files("schemas")}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"pytest_kvfake/py.typed", "pytest_kvfake/schemas/cloudflare/openapi.json"} <= held
    assert held == files("pytest_kvfake") | documents


def test_a_wheel_names_its_entry_points_licence_and_page(wheel):
    with zipfile.ZipFile(wheel) as archive:
        described = {
            name.partition(".dist-info/")[2]: archive.read(name).decode("utf-8")
            for name in archive.namelist()
            if ".dist-info/" in name
        }
    assert "[pytest11]\nkvfake = pytest_kvfake.plugin" in described["entry_points.txt"]
    assert "kvfake = pytest_kvfake.__main__:main" in described["entry_points.txt"]
    assert described["licenses/LICENSE"].startswith("MIT License")
    assert "\n# pytest-kvfake\n" in described["METADATA"]


def test_a_wheel_of_the_sdist_is_the_same_wheel(wheel, wheel_of_sdist):
    def contents(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    assert contents(wheel) == contents(wheel_of_sdist)


def test_an_sdist_has_what_its_tests_need(unpacked_sdist):
    assert {path.name for path in unpacked_sdist.iterdir()} >= {"tests", "schemas", "examples", "tox.ini", "README.md"}
