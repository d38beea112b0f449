"""Registers the grader; everything else is in tests/grading."""

pytest_plugins = ("tests.grading.plugin",)
