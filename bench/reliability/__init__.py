"""Reliability: nothing lost, nothing run, nothing wrong accepted."""
