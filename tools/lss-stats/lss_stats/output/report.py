"""A report in one HTML file: figures embedded, tables, provenance and configuration; opens without a network."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

from lss import __version__, stages
from lss.files.ownership import MARK, replaceable
from lss.toml import as_toml
from lss.universe import Universe
from lss_stats.figures.catalogue import OVERVIEW, draw_all, style
from lss_stats.figures.overview import overview
from lss_stats.figures.shown import Shown
from lss_stats.output.listing import provenance_rows
from lss_stats.output.summary import tables
from lss_stats.output.text import Row
from lss_stats.statistic import Figure

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{mark}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
h1 {{ font-size: 1.5rem; margin-bottom: 0; }}
h2 {{ font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }}
figure {{ margin: 1.5rem 0; }}
figure img {{ max-width: 100%; height: auto; display: block; margin: 0 auto; }}
figcaption {{ font-size: .9rem; color: #555; max-width: 46rem; margin: .4rem auto 0; }}
table {{ border-collapse: collapse; font-size: .9rem; margin: .8rem 0; }}
th, td {{ text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e5e5e5; vertical-align: top; }}
td {{ font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
pre {{ background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .8rem; }}
.wide {{ overflow-x: auto; }}
.lead {{ color: #555; margin-top: .2rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="lead">{lead}</p>
{body}
</body>
</html>
"""


_LEGEND = (
    '<p class="lead">Pale bands: one standard deviation of a Gaussian field, from the number of modes. '
    "Curves end at the Nyquist frequency. Below each figure: the keys that it depends on, as they were.</p>"
)


def save_report(shown: Shown, universe: Universe, path: Path) -> None:
    """Write the report of a universe, or of the ensemble that `shown` holds."""
    parts = [_table(title, rows) for title, rows in tables(shown).items()]
    parts.append(f"<h2>Figures</h2>\n{_LEGEND}")
    used = _settings(universe)
    with style.styled():
        if not shown.members:
            drawn = overview(shown)
            parts += [_embedded(drawn, OVERVIEW, used)] if drawn is not None else []
        parts += [_embedded(drawn, figure, used) for _, figure, drawn in draw_all(shown)]
    heads = ("stage", "version", "started", "host", "cost", "command")
    chain = provenance_rows(universe)
    parts.append(_table("Provenance", [heads, *chain] if chain else []))
    parts.append(f"<h2>Configuration</h2>\n<pre>{html.escape(as_toml(universe.config))}</pre>")
    c = universe.cosmology
    lead = (
        f"Box of {universe.box.size:g} Mpc/h, {universe.box.n}³; flat ΛCDM, Ωm = {c.omega_m:g}, "
        f"Ωb = {c.shown('omega_b')}, h = {c.shown('h')}, ns = {c.shown('n_s')}, σ8 = {c.shown('sigma8')}. "
        "Lengths in comoving Mpc/h, k in h/Mpc, masses in Msun/h, "
        "velocities in peculiar km/s. Shot noise is shown, never subtracted."
    )
    title = html.escape(f"Statistics of {universe.source}")
    with replaceable(path, "report") as temporary:
        temporary.write_text(
            _PAGE.format(mark=f"{MARK} {__version__}", title=title, lead=lead, body="\n".join(filter(None, parts))),
            encoding="utf-8",
        )


def _settings(universe: Universe) -> dict[str, str]:
    """The keys of [stats] and their values, in words; the mesh as it was."""
    used = stages.table("stats", universe.config)
    values = json.loads(used.model_dump_json()) | {"mesh": used.mesh or universe.box.n}
    units = {key: (field.json_schema_extra or {}).get("unit", "") for key, field in type(used).model_fields.items()}
    return {key: f"{key} = {_value(value)} {units[key]}".strip() for key, value in values.items() if value is not None}


def _value(value: object) -> str:
    """A value of a key as a reader sees it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value).strip('"')


def _embedded(drawn: style.Figure, figure: Figure, used: dict[str, str]) -> str:
    image = io.BytesIO()
    drawn.savefig(image, format="png", dpi=150)
    width = round(drawn.get_figwidth() * 130)
    style.plt.close(drawn)
    data = base64.b64encode(image.getvalue()).decode()
    title, seen = html.escape(figure.caption), html.escape(figure.seen)
    settings = ", ".join(used[key] for key in figure.settings if key in used)
    made = f"<br>[stats] {html.escape(settings)}" if settings else ""
    return (
        f'<figure><img src="data:image/png;base64,{data}" width="{width}" alt="{title}">'
        f"<figcaption><b>{title}.</b> {seen}{made}</figcaption></figure>"
    )


def _table(title: str, rows: Sequence[Row]) -> str:
    if len(rows) < 2:
        return ""
    cells = ["".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])]
    cells += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows[1:]]
    body = "\n".join(f"<tr>{row}</tr>" for row in cells)
    return f'<h2>{html.escape(title)}</h2>\n<div class="wide"><table>\n{body}\n</table></div>'
