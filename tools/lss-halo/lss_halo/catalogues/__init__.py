"""Readers of other codes' halo catalogues: `[halo.catalogue] format` names one of them.

A reader is a module with

    read(path, catalogue, config) -> lss_halo.catalogues.foreign.Foreign

where `catalogue` is the table [halo.catalogue], and one line below. It converts units and raises DataError for a file
that it cannot read; what all catalogues must satisfy is checked afterwards. The configuration, its reference page and
the tests read this table; a module is imported only when a catalogue of its format is read.
"""

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reader:
    """A line of the table.

    module : dotted path; words : whose files these are, for the help of the key
    length_unit : of the format; None where the configuration must say. takes : the keys of [halo.catalogue] that mean
    something to this format, among those that do not apply to every one
    known_by : names that tell a file of this format from others: columns of a text table in lower case, groups of HDF5
    """

    module: str
    words: str
    length_unit: str | None
    takes: tuple[str, ...] = ()
    known_by: frozenset[str] = frozenset()


_MAPPED = ("length_unit", "mass_unit", "centred", "columns")

READERS = {
    "ahf": Reader(
        "lss_halo.catalogues.ahf",
        "AHF _halos",
        "kpc/h",
        ("length_unit", "members", "subhalos"),
        frozenset({"hosthalo", "npart", "xc"}),
    ),
    "rockstar": Reader(
        "lss_halo.catalogues.rockstar", "Rockstar ASCII", "Mpc/h", ("subhalos",), frozenset({"id", "mvir", "vrms", "x"})
    ),
    "gadget4": Reader(
        "lss_halo.catalogues.gadget_groups",
        "Gadget-4 fof_subhalo_tab",
        "Mpc/h",
        ("length_unit",),
        frozenset({"Header", "Group"}),
    ),
    "csv": Reader("lss_halo.catalogues.mapped", "a table with a map of columns", None, _MAPPED),
    "hdf5": Reader("lss_halo.catalogues.mapped", "datasets with a map of columns", None, _MAPPED),
}


def load(name: str) -> Any:
    """The module of a reader."""
    return importlib.import_module(READERS[name].module)
