"""The benchmarks keep the options and the keys that recorded results and scripts rely on."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

OPTIONS = {
    "bench.gravity.benchmark": ("--quick", "--reference-dir", "--initial", "--reference"),
    "bench.halos": ("--quick", "--reference-dir", "--snapshot", "--groups", "--ahf", "--ahf-fine"),
    "bench.lulo.benchmark": (
        *("--config", "--ensemble", "--truths", "--truth-config", "--catalogue", "--truth", "--reference", "--against"),
        *("--set", "--processes"),
    ),
    "bench.quickstart": ("--no-setup",),
    "bench.imnn": ("--folder", "--targets", "--fields", "--compression-only"),
}
# Of the last line, as literals in the source; keys that are put together from names of fields are left out.
KEYS = {
    "bench/gravity": (
        *("p_error_k1", "p_error_k3", "r_k1", "hmf_error", "force_median", "force_p99", "convergence", "growth_error"),
        *("energy_error", "pancake_error", "momentum_error", "cpu_s_64", "cpu_s_128", "rss_gb_128"),
        *("gpair_per_s_core", "same_bits_any_threads"),
    ),
    "bench/halos.py": (
        *(
            "fof_equal",
            "m200c_equal",
            "matched",
            "matched_back",
            "mass_bias",
            "mass_scatter",
            "mass_within_10_below_100",
        ),
        *("hmf_error_100", "hmf_error_150", "hmf_error_200", "hmf_in_span_20", "velocity_error", "dispersion_error"),
        *("vmax_bias", "tinker_error", "ahf_equal_about_its_centres", "rss_gb_128"),
    ),
    "bench/lulo": (
        *("config", "truths", "k80", "k80_error", "k80_default", "k80_mean", "k80_estimate", "k80_halo_field"),
        *("cos_raw", "cos_smoothed", "q_error", "calibration", "calibration_worst", "external_equal"),
        *("n_halos_ratio_20", "n_halos_ratio_130", "simulations", "wall_s", "universes_cpu_h", "train_cpu_h"),
    ),
    "bench/quickstart.py": (
        *("seconds", "setup_seconds", "simulations", "k80_ic", "k80_matter", "k80_halo_field", "k80_estimate"),
        *("k80_start", "k80_default", "r_ic"),
    ),
    "bench/statistics.py": (
        *("pk_rel_error", "pk_speedup", "bk_rel_error", "bk_speedup", "bytes_per_s_share", "pk_seconds", "bk_seconds"),
        *("parallel_efficiency", "aliases_interlaced", "aliases_plain"),
    ),
    "bench/imnn.py": ("fisher_ratio_first", "retrained_fiducial", "rounds", "posterior_cpu_seconds"),
}
TARGETS = ("setup", "demo", "test", "test-all", "test-slurm", "peers", "docs", "lint")


@pytest.mark.parametrize("module", OPTIONS)
def test_a_benchmark_keeps_its_options(module, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main()
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert [option for option in OPTIONS[module] if option not in text] == []


@pytest.mark.parametrize("name", ["bench.gravity", "bench.lulo"])
def test_a_folder_of_a_benchmark_is_run_by_its_name(name):
    source = (ROOT / name.replace(".", "/") / "__main__.py").read_text()
    assert f"from {name}.benchmark import main" in source


@pytest.mark.parametrize("place", KEYS)
def test_a_benchmark_keeps_the_keys_of_its_last_line(place):
    path = ROOT / place
    literals = {
        node.value
        for file in ([path] if path.is_file() else path.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
    }
    assert [key for key in KEYS[place] if key not in literals] == []


def test_the_makefile_keeps_its_targets():
    rules = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    assert set(TARGETS) <= rules
