"""What the whole suite needs: pytester, our plugin, and every answer of every fake held against the contract."""

import os
from importlib.metadata import entry_points

from pytest_kvfake.engine.conformance import CHECK_ANSWERS_VARIABLE

# an environment variable, so that processes which a test starts check theirs too
os.environ[CHECK_ANSWERS_VARIABLE] = "1"

_installed = any(entry.name == "kvfake" for entry in entry_points(group="pytest11"))

pytest_plugins = ["pytester", *([] if _installed else ["pytest_kvfake.plugin"])]
