"""lss-stats: what is measured of a universe (stage.py is the place to start)."""
