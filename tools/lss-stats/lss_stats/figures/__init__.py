"""Figures of the statistics."""
