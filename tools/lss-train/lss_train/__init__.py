"""lss-train."""
