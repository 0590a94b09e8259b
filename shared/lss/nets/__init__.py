"""Networks on periodic fields, and the files that hold them."""
