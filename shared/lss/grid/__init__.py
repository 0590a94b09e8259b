"""Fields on a periodic grid: transforms, assignment of particles, spectra, comparisons."""
