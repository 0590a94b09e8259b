"""The Lagrangian bias against the functions without a network: python -m bench.lagrangian_bias."""
