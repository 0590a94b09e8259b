"""One process: its cores, its compiled kernels, its progress, and how it is stopped."""
