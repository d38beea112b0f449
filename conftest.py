"""Registers the grader; everything else is in tests/grading."""

from importlib.util import find_spec

import pytest

for _name in ("numpy", "hypothesis", "rich", "filelock"):
    if find_spec(_name) is None:
        pytest.exit(
            f"{_name} is not installed here: activate the environment (. .venv/bin/activate) and, "
            "once, pip install -e .",
            returncode=4,
        )

pytest_plugins = ("tests.grading.plugin",)
