"""The background, the linear spectrum, random fields and Lagrangian perturbation theory."""
