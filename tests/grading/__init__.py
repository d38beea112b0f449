"""The judge: what a test of an exercise imports.

A test asks for the fixture `submission`, says with `@part` which part it judges, and states
what must hold with the functions of `expect`. Everything else (isolation, verdicts, the
scoreboard) happens in the pytest plugin beside this file.
"""

import pytest

from tests.grading.expect import (
    Impure,
    Wrong,
    expect,
    expect_close,
    expect_mask,
    expect_number,
    expect_refusal,
    expect_same_dtype,
    expect_shape,
)
from tests.grading.mistakes import mistake
from tests.grading.show import show

part = pytest.mark.part

__all__ = [
    "Impure",
    "Wrong",
    "expect",
    "expect_close",
    "expect_mask",
    "expect_number",
    "expect_refusal",
    "expect_same_dtype",
    "expect_shape",
    "mistake",
    "part",
    "show",
]
