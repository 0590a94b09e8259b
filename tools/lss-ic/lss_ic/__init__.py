"""lss-ic."""
