"""lss from Python: `lss.read`, `write`, `run` a stage, `paint`, `power_spectrum`, `load_network` (lss.notebook).

Below, the library that all tools stand on, a room for each kind of thing. From the top down; imports point down only.

command         the command line: what a tool declares, its options, input, output, resuming
learned         a trained network, loaded and applied: estimators, compressors, densities, bias models
nets            architectures, and the checkpoints they are kept in
differentiable  simulations with gradients, in torch
halos           what catalogues give: halo fields, redshift space, the halos of particles
files           everything that is read and written: universes, Gadget, pipes, provenance, restarts
physics         cosmology, linear power, LPT, random fields, units
grid            fields on a periodic grid: FFT, painting, spectra, comparison
process         cores, compiled kernels, progress, interruption
checkpoints     the networks that ship

Flat, because every room uses them: errors, config, universe, inference, stages.
"""

import importlib

__version__ = "0.1.0"

_OFFERED = ("load_network", "paint", "power_spectrum", "read", "run", "write")


def __getattr__(name: str) -> object:
    """What lss.notebook offers, imported when it is asked for: commands answer sooner without."""
    if name not in _OFFERED:
        raise AttributeError(f"module 'lss' has no attribute '{name}'; it offers {', '.join(_OFFERED)}")
    return getattr(importlib.import_module("lss.notebook"), name)


def __dir__() -> list[str]:
    return [*_OFFERED, "__version__"]
