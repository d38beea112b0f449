"""`python -m exercises`: the desk (hints, self-grading, watching, a mock interview)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.grading.desk import main

main()
