"""Readers of other programs' halo catalogues."""
