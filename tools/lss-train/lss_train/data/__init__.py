"""The universes and simulations that networks are trained on."""
