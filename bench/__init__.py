"""Benchmarks: each prints one JSON line of figures that can be followed over time; RESULTS.md keeps them."""
