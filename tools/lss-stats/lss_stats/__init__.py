"""lss-stats."""
