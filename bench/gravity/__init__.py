"""lss-sim against Gadget-4, exact forces and analytic solutions: `python -m bench.gravity`."""
