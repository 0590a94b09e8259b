"""`python -m bench.halo_mass`."""

from bench.halo_mass.benchmark import main

main()
