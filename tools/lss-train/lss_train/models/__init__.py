"""One module for each network that can be trained."""
