"""Figures of the statistics."""

from lss.process.caches import settle_fonts

settle_fonts()
