"""lss-recon."""
