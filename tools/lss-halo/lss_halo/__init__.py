"""lss-halo."""
