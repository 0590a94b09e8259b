"""Reconstruction of initial conditions by a loop over full simulations."""
