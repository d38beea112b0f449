"""Hypothesis strategies that all exercises share. `vectors` needs numpy alone; `networks` torch."""
