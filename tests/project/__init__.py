"""The project's own tests: `pytest tests/project`."""
