"""Posteriors of parameters from simulations: DELFI and ABC."""
