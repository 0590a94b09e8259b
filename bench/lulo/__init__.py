"""Reconstructions against the truth: `python -m bench.lulo`."""
