"""How samples are called where people read: in figures, tables and the log."""

LABELS = {
    "initial": "initial field",
    "power_law": "power-law field",
    "lognormal": "lognormal field",
    "normal": "normal numbers",
    "matter": "matter",
    "halos": "halos",
    "halo_mass_weighted": "halos, mass-weighted",
    "halo_count": "halos, counts",
    "momentum": "momentum",
    "velocity": "Lagrangian velocity",
}


def label(name: str) -> str:
    """What a reader sees of a sample's name."""
    return LABELS.get(name, name.replace("_", " "))
