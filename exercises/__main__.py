"""`python -m exercises`: the desk (hints, self-grading, watching, a mock interview)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from tests.grading.desk import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"{missing.name} is not installed here: activate the environment (. .venv/bin/activate) "
        "and, once, pip install -e ."
    )

main()
