"""How fast lgrun is: `python -m tests.benchmarks` (see `__main__`)."""
