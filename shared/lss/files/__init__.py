"""Universe files and everything else that is read and written."""
