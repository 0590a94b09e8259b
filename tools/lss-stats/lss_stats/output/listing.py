"""What a universe file, or a directory of them, holds: groups, shapes, units, and where it came from."""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np

from lss.errors import LssError
from lss.files.universe_file import read_universe
from lss.universe import HALO_UNITS, Group, Universe
from lss_stats.output.text import Row, as_text

_SHOWN_ATTRS = 6
_SHOWN_MEMBERS = 20


def listing(universe: Universe | None, paths: Sequence[Path] = (), *, json: bool = False) -> str:
    """The table, or JSON: of one universe, or of the members of a directory."""
    if json:
        members = {"members": [_described_file(path) for path in paths]}
        return dumps(members if universe is None else described(universe), indent=2, ensure_ascii=False)
    return _ensemble_listing(paths) if universe is None else universe_listing(universe)


def described(universe: Universe) -> dict[str, Any]:
    """What a universe holds, as JSON has it: cosmology, box, groups with their attributes and datasets, stages."""
    groups: dict[str, Any] = {}
    for path, group in sorted(universe.groups.items()):
        if path.split("/")[0] != "provenance":
            datasets = {name: _dataset(name, array, group) for name, array in sorted(group.data.items())}
            attributes = {key: _plain(value) for key, value in group.attrs.items()}
            groups[f"/{path}"] = {"attributes": attributes, "datasets": datasets}
    return {
        "source": universe.source,
        "box": universe.box.model_dump(),
        "cosmology": universe.cosmology.model_dump(mode="json"),
        "groups": groups,
        "provenance": [
            {"stage": path.removeprefix("provenance/")} | {key: _plain(value) for key, value in group.attrs.items()}
            for path, group in sorted(universe.groups.items())
            if path.split("/")[0] == "provenance"
        ],
    }


def _described_file(path: Path) -> dict[str, Any]:
    try:
        return described(read_universe(path))
    except LssError as error:
        return {"source": str(path), "error": str(error)}


def _dataset(name: str, array: np.ndarray, group: Group) -> dict[str, Any]:
    found: dict[str, Any] = {"shape": list(array.shape), "type": str(array.dtype), "unit": _unit(name, group)}
    if array.size and array.dtype.kind in "iuf":
        found |= {"least": array.min().item(), "greatest": array.max().item()}
    return found


def _unit(name: str, group: Group) -> str:
    return group.units.get(name) or HALO_UNITS.get(name, "")


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def universe_listing(universe: Universe) -> str:
    """Cosmology and box, then a line per dataset, then a line per stage it went through."""
    c, box = universe.cosmology, universe.box
    lines = [
        f"{universe.source}: box of {box.size:g} Mpc/h, {box.n}^3",
        "cosmology: " + ", ".join(f"{key} {c.shown(key)}" for key in ("omega_m", "omega_b", "h", "n_s", "sigma8")),
        "",
    ]
    rows: list[Row] = [("dataset", "shape", "type", "unit", "range or attributes")]
    for path, group in sorted(universe.groups.items()):
        if path.split("/")[0] == "provenance":
            continue
        rows.append((f"/{path}", "", "", "", _attributes(group)))
        rows += [_dataset_row(name, array, group) for name, array in sorted(group.data.items())]
    lines.append(as_text(rows))
    chain = provenance_rows(universe)
    if chain:
        lines += ["", "provenance", as_text(chain)]
    return "\n".join(lines)


def provenance_rows(universe: Universe) -> list[Row]:
    """A row for each stage: its name, version, time of start, host, cost, command."""
    return [
        _provenance_row(path, group)
        for path, group in sorted(universe.groups.items())
        if path.split("/")[0] == "provenance"
    ]


def _ensemble_listing(paths: Sequence[Path]) -> str:
    rows: list[Row] = [("member", "size", "box", "n", "seed", "index", "partner", "groups")]
    for path in paths[:_SHOWN_MEMBERS]:
        try:
            member = read_universe(path)
        except LssError as error:
            rows.append((path.name, _bytes(path.stat().st_size), "", "", "", "", "", f"unreadable: {error}"))
            continue
        attrs = member.groups["ic"].attrs if "ic" in member.groups else {}
        top = sorted({p.split("/")[0] for p in member.groups} - {"provenance"})
        drawn = tuple(str(attrs.get(name, "-")) for name in ("seed", "index", "partner"))
        size = f"{member.box.size:g} Mpc/h"
        rows.append((path.name, _bytes(path.stat().st_size), size, str(member.box.n), *drawn, " ".join(top)))
    total = sum(path.stat().st_size for path in paths)
    lines = [f"{paths[0].parent}: {len(paths)} universes, {_bytes(total)}", "", as_text(rows)]
    if len(paths) > _SHOWN_MEMBERS:
        lines.append(f"... and {len(paths) - _SHOWN_MEMBERS} more")
    return "\n".join(lines)


def _dataset_row(name: str, array: np.ndarray, group: Group) -> Row:
    shape = " x ".join(map(str, array.shape)) or "scalar"
    extent = ""
    if array.size and array.dtype.kind in "iuf":
        extent = f"{array.min():.4g} .. {array.max():.4g}"
    return (f"  {name}", shape, str(array.dtype), _unit(name, group), extent)


def _attributes(group: Group) -> str:
    shown = [f"{name} {_short(value)}" for name, value in list(group.attrs.items())[:_SHOWN_ATTRS]]
    return ", ".join(shown)


def _short(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _provenance_row(path: str, group: Group) -> Row:
    a = group.attrs
    cost = f"{float(a.get('wall_seconds', 0)):.1f} s, {float(a.get('peak_memory_bytes', 0)) / 1e9:.2f} GB"
    started, host = str(a.get("started", "")), str(a.get("host", ""))
    return (path.removeprefix("provenance/"), str(a.get("version", "")), started, host, cost, str(a.get("command", "")))


def _bytes(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000  # type: ignore[assignment]
    return f"{count:.1f} GB"
