"""Sampling of posteriors with gradients: samplers as pure functions, chains that resume, diagnostics."""
