"""Simulators with gradients, in torch."""
