"""Speed side by side: `python -m tests.benchmarks`. No timing gates a test."""
