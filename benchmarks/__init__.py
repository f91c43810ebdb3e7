"""Benchmarks: one file per question; `python -m benchmarks` runs all of them."""
