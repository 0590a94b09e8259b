"""A statistic is one module and one line of the table."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lss.errors import ConfigError
from lss.files.universe_file import read_universe, write_universe
from lss_stats.config import Config, Statistics
from lss_stats.measures import STATISTICS, every

ROOT = Path(__file__).parents[2]

MODULE = '''
"""The variance of the matter in cells."""

import numpy as np

from lss.universe import Group
from lss_stats.statistic import Figure, Statistic


def measure(subject, name):
    modes = subject.fields.modes(name)
    variance = np.square(np.abs(modes.modes)).mean() / modes.n**3
    return {f"variance/{name}": Group({"r": np.array([modes.box_size / modes.n]), "variance": np.array([variance])})}


def draw(shown):
    import matplotlib.pyplot as plt

    result = shown.result("variance", "matter")
    if result is None:
        return None
    figure, axis = plt.subplots()
    for group in (result.own, result.truth):
        if group is not None:
            axis.plot(group.data["r"], group.data["variance"], "o")
    return figure


def tables(measured):
    group, truth = measured.own["variance/matter"], measured.truth.get("variance/matter")
    row = ("matter", f"{group.data['variance'][0]:.3g}", "-" if truth is None else f"{truth.data['variance'][0]:.3g}")
    return {"Variance": [("variance of", "universe", "truth"), row]}


STATISTIC = Statistic(
    groups=("variance",),
    fields=lambda subject: {"matter": ()} if "matter" in subject.fields else {},
    of_field=measure,
    units={"r": "Mpc/h"},
    abscissae=frozenset({"r"}),
    figures={"variance": Figure("Variance in cells", "toy_variance:draw")},
    tables=tables,
)
'''
LINE = 'STATISTICS["variance"] = Entry("the variance in cells", ("toy_variance",))'


@pytest.fixture
def python(tmp_path):
    """Runs Python where the toy statistic is a module and a line of the table."""
    (tmp_path / "toy_variance.py").write_text(MODULE)

    def run(code: str, *arguments: object) -> subprocess.CompletedProcess:
        code = f"from lss_stats.measures import STATISTICS, Entry\n{LINE}\n{code}"
        environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'docs'}", "COLUMNS": "200"}
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    return run


COMMAND = "from lss_stats.cli import main; main()"


def test_a_statistic_is_added_by_one_module_and_one_line(python, universe, truth, tmp_path):
    assert "variance" in python(COMMAND, "--help").stdout
    assert '"variance"' in python(COMMAND, "--schema").stdout
    assert '`"variance"`' in python("import generate; print(generate.configuration())").stdout
    write_universe(universe, tmp_path / "u.h5")
    write_universe(truth, tmp_path / "truth.h5")
    outputs = ("--figures", tmp_path / "figures", "--report", tmp_path / "r.html", "--tables", tmp_path / "tables")
    arguments = (tmp_path / "u.h5", "--truth", tmp_path / "truth.h5", "--set", 'stats.measure=["variance"]')
    result = python(COMMAND, *arguments, *outputs, "-o", tmp_path / "out.h5")
    assert "variance of  universe  truth" in result.stdout
    written = read_universe(tmp_path / "out.h5")
    own, other = (written.group(f"stats/{place}variance/matter") for place in ("", "truth/"))
    assert own.units["r"] == "Mpc/h"
    assert own.data["variance"] != other.data["variance"]
    assert (tmp_path / "figures/variance.png").exists()
    assert "Variance in cells" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "tables/variance-matter.csv").read_text().splitlines()[1] == "r [Mpc/h],variance"


def test_an_unknown_statistic_is_refused_with_the_known_ones():
    from lss.config import validate

    with pytest.raises(ConfigError, match=r"\[stats\] measure.*two_point.*did you mean 'multipoles'"):
        validate(Config, {"stats": {"measure": ["multipole"]}}, "u.toml")


def test_no_two_statistics_share_a_group_or_a_figure():
    statistics = every()
    for names in ([g for s in statistics for g in s.groups], [f for s in statistics for f in s.figures]):
        assert len(names) == len(set(names))
    assert all(entry.words for entry in STATISTICS.values())


def test_each_field_is_painted_once(universe, monkeypatch):
    from lss.grid.mesh import paint
    from lss_stats import fields
    from lss_stats.measurements import measure

    painted = []
    monkeypatch.setattr(fields, "paint", lambda *args: painted.append(args[0]) or paint(*args))
    measure(universe, Statistics(measure=["all"], triangle=(0.1, 0.3), interlace=False))
    assert len(painted) == 1 + 3 + 1 + 2, "matter, momentum, halos, and both in redshift space"


def test_results_of_earlier_versions_are_drawn(universe):
    from lss_stats.figures.shown import Shown
    from lss_stats.measurements import measure

    own = measure(universe, Statistics()).own
    former = {path.replace("initial/", "memory/") if path.startswith("initial/") else path: own[path] for path in own}
    assert "memory/matter" in former
    assert Shown(former).result("initial", "matter").own is own["initial/matter"]


def test_to_list_a_file_loads_no_kernel(universe, tmp_path):
    write_universe(universe, tmp_path / "u.h5")
    code = """
import sys
from pathlib import Path
from lss.files.universe_file import read_universe
from lss_stats import stage
print(stage.listing(read_universe(sys.argv[1])))
print([name for name in sys.modules if name == "numba" or name.startswith("lss_stats.measures.")])
"""
    listed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "u.h5")], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert listed[-1] == "[]"


def test_points_on_a_coarse_grid_have_the_power_of_a_fine_one(universe):
    """By default; CIC without interlacing adds tens of percent near Nyquist."""
    from lss_stats.fields import Fields
    from lss_stats.measures.power import power

    def measured(**keys) -> np.ndarray:
        config = Statistics(**keys)
        return power(Fields(universe, config).modes("halos"), config).data["power"][:7]  # below Nyquist of 16^3

    fine = measured(mesh=64, assignment="pcs")
    assert np.abs(measured(mesh=16) / fine - 1).max() < 0.01
    assert np.abs(measured(mesh=16, assignment="cic", interlace=False) / fine - 1).max() > 0.1
