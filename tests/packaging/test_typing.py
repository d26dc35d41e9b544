"""The public names have types that a user's mypy --strict can work with."""

import shutil
import sys
from pathlib import Path

USER = Path(__file__).with_name("typed_user.py")


def test_a_users_strict_mypy_passes_and_finds_wrong_types(wheel, environment, tmp_path, run):
    environment.install(wheel)
    shutil.copy(USER, tmp_path)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", environment.python)
    assert "Success: no issues found in 1 source file" in run(*mypy, USER.name, cwd=tmp_path)
