"""Trained networks, loaded and applied."""
