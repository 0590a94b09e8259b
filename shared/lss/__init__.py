"""The library that all tools stand on: one idea a file."""

__version__ = "0.1.0"
