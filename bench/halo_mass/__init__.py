"""What the initial conditions around a particle say of its halo's mass: the figures of docs/halo-mass.md."""
