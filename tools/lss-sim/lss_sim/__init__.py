"""lss-sim."""
