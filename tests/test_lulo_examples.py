"""examples/lulo is valid and says what the paper says; the figures of bench.lulo mean what they say."""

import importlib.util
import multiprocessing
import os
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from bench.lulo import benchmark as lulo
from bench.lulo import kept as lulo_kept
from bench.lulo import reconstructions as lulo_reconstructions
from bench.lulo import truths as lulo_truths
from bench.lulo.calibration import Errors, errors, ratios, worst
from bench.lulo.figures import BANDS, Figures, compare, figures, median, median_error, ratio_of_sums, reaches_together
from bench.lulo.kept import checkpoint_hashes, code_hash, code_of
from bench.lulo.measured import processes
from bench.lulo.reconstructions import method, name_of, settings_of

from lss import stages
from lss.config import Box, Configuration, read_toml, validate
from lss.errors import Stopped
from lss.halos.six_fields import NAMES
from lss.nets.checkpoint import read_card
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Group, Halos, Particles, Universe, WhiteNoise
from lss_recon.methods import METHODS
from lss_train.config import Config as Training
from lss_train.data.universes import read_training_set
from lss_train.train import plan
from lss_train.training.cost import Extent

EXAMPLES = Path(__file__).parent.parent / "examples" / "lulo"
TOMLS = sorted(EXAMPLES.glob("*.toml"))
RECONSTRUCTIONS = [path for path in TOMLS if "recon" in read_toml(path)]


@pytest.mark.parametrize("path", TOMLS, ids=lambda path: path.name)
def test_every_table_is_valid(path):
    settings = read_toml(path)
    for table, model in {name: stages.find(name).Config for name in ("ic", "sim", "halo", "recon", "stats")}.items():
        if table in settings:
            validate(model, settings, path.name)
    validate(Training, settings, path.name)


@pytest.mark.parametrize("name", ["paper.toml", "paper-64.toml"])
def test_the_papers_algorithm_has_the_papers_numbers(name):
    settings = settings_of(EXAMPLES / name, [])
    recon, halo = settings["recon"], settings["halo"]
    assert (recon["direction"], recon["start"], recon["step"]) == ("pairs", "zero", "line_search")
    assert (recon["update"]["noise"], recon["loss"]["smoothing"]) == ([0.1, 0.9], 0.0)
    assert not recon["limits"]["power"]
    assert not recon["limits"]["one_point"]
    assert recon["line_search"]["beta"] == 0.7
    assert recon["line_search"]["accept"] == "published"
    assert recon["max_simulations"] == 96
    assert (halo["mass_range"], halo["mass_bins"]) == ([1e13, 2e15], 10)
    assert (halo["fields"], halo["assignment"]) == (["mass_weighted", "count"], "cic")
    assert (halo["mass_definition"], halo["min_particles"]) == ("200c", 20)


def test_the_papers_network_fits_into_what_its_job_asks_for(monkeypatch):
    config = validate(Training, read_toml(EXAMPLES / "paper.toml"), "paper.toml")
    monkeypatch.setattr(
        "lss_train.training.cost.Extent.of",
        lambda inputs: Extent(6000, config.box.n, {"halo": {"fields": ["mass_weighted", "count"]}}),
    )
    memory = plan([EXAMPLES], config).memory_bytes
    asked = re.search(r"--gpus=1 --mem=(\d+)G", (EXAMPLES / "Makefile").read_text())
    assert memory < int(asked[1]) * 1e9
    assert memory < 40e9  # a card of the paper's
    assert config.train.batch * config.box.n**3 == 16 * 64**3


def test_no_truth_was_trained_on():
    seeds = {path.name: read_toml(path).get("ic", {}).get("seed") for path in TOMLS}
    trained_on = {seeds[name] for name in ("universes-64.toml", "universes-64-z49.toml", "paper.toml")} | {1001, 5001}
    assert seeds["truth.toml"] not in trained_on


def test_a_truth_is_simulated_better_than_the_universes_of_the_loop():
    truth = read_toml(EXAMPLES / "truth.toml")
    loop = read_toml(EXAMPLES / "best.toml")
    model = stages.find("sim").Config
    finest, coarse = (validate(model, {"sim": settings["sim"]}, "sim").sim for settings in (truth, loop))
    assert truth["sim"] == {"method": "p3m"}
    assert finest.mesh_steps > coarse.mesh_steps
    assert truth["ic"]["redshift"] == 127


# What ships was made when `eta` stood for another criterion: 24 steps then, 32 of a finer eta now.
OF_THE_SET_THAT_SHIPS = {"steps": 24, "eta": 0.05}


def test_the_shipped_network_learned_from_the_shipped_set():
    universes, data = read_training_set([EXAMPLES / "estimator-64-set.h5"]), read_card("estimator-64")["data"]
    assert data["hash"] == universes.hash()
    assert data["universes"] == len(universes)
    for table in ("cosmology", "box"):
        assert data[table] == universes.settings[table]
    assert data["simulator"] == {table: universes.settings[table] for table in ("ic", "sim", "halo")}


def test_the_shipped_set_is_the_first_96_families_of_its_configuration_but_for_the_time_steps():
    asked, universes = read_toml(EXAMPLES / "universes-64.toml"), read_training_set([EXAMPLES / "estimator-64-set.h5"])
    assert universes.settings["sim"] == asked["sim"] | OF_THE_SET_THAT_SHIPS
    for table in ("cosmology", "box", "ic", "halo"):
        assert universes.settings[table].items() >= asked[table].items()
    assert set(universes.seed.tolist()) == {asked["ic"]["seed"]}
    families = [(x_a, partner) for x_a in range(96) for partner in range(asked["ic"]["partners"] + 1)]
    assert list(zip(universes.index.tolist(), universes.partner.tolist(), strict=True)) == families


@pytest.mark.parametrize("path", RECONSTRUCTIONS, ids=lambda path: path.name)
def test_the_loop_simulates_what_the_network_was_trained_on(path):
    settings, trained_on = read_toml(path), read_card("estimator-64")["data"]["simulator"]
    if settings["box"]["n"] == 64:
        assert settings["sim"] | OF_THE_SET_THAT_SHIPS == trained_on["sim"]
        assert settings["sim"] == read_toml(EXAMPLES / "universes-64.toml")["sim"]
        earliest = {"best.toml": 127}  # begins between the two on purpose: its halos are then closer to the truth's
        begin = trained_on["ic"]["redshift"]
        assert begin <= settings["ic"]["redshift"] <= earliest.get(path.name, begin)
        definition = ("mass_definition", "min_particles")
        assert [settings["halo"][key] for key in definition] == [trained_on["halo"][key] for key in definition]


@pytest.mark.parametrize("path", RECONSTRUCTIONS, ids=lambda path: path.name)
def test_the_network_of_every_reconstruction_but_the_clusters_ships_and_suits_it(path):
    if path.name != "paper.toml":
        settings = settings_of(path, [])
        config = validate(stages.find("recon").Config, settings, path.name)
        assert stages.find("recon").plan(None, config).cpu_seconds > 0


def test_the_papers_network_that_ships_is_that_of_its_configuration():
    card, asked = read_card("pairs-64"), read_toml(EXAMPLES / "paper-64-train.toml")["train"]
    assert {key: card["training"][key] for key in asked} == asked
    assert card["data"]["hash"] == read_training_set([EXAMPLES / "estimator-64-set.h5"]).hash()


def test_universes_of_the_next_training_are_those_that_the_best_loop_simulates():
    universes, loop = (read_toml(EXAMPLES / name) for name in ("universes-64-z49.toml", "best.toml"))
    for table in ("cosmology", "box", "sim", "halo"):
        assert universes[table] == loop[table]
    assert universes["ic"]["redshift"] == loop["ic"]["redshift"]
    kept = read_training_set([EXAMPLES / "universes-64-z49-set.h5"])
    assert kept.index.tolist() == [*range(120), *range(121, 136, 2)]
    for table in ("cosmology", "box", "ic", "sim", "halo"):
        assert kept.settings[table].items() >= universes[table].items()
    assert set(kept.seed.tolist()) == {universes["ic"]["seed"]}


# --- the figures -----------------------------------------------------------------------------------------------------


def would_run(target, out, **variables):
    """What `make TARGET` would run with its files below `out`, where there is nothing yet."""
    given = [f"{name}={value}" for name, value in {"OUT": out, **variables}.items()]
    makefile = ["make", "--dry-run", "--file", "examples/lulo/Makefile"]
    return subprocess.run(
        [*makefile, target, *given], cwd=EXAMPLES.parent.parent, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("method", ["best", "best-128", "paper-64"])
def test_what_the_loop_had_found_by_then_is_asked_after_its_early_simulations(method, tmp_path):
    commands = would_run("fig-c1", tmp_path, METHOD=method)
    early = set(re.findall(r"recon\.max_simulations=\d+", commands))
    assert len(early) == 2
    for assignment in early:
        settings_of(EXAMPLES / f"{method}.toml", [assignment])


def test_a_comparison_runs_the_papers_algorithm_first(tmp_path):
    commands = would_run("compare", tmp_path, METHOD="best", TRUTHS=3)
    steps = [r"--config \S+paper-64\.toml --truths 3", r"best\.toml --truths 3 --against \S+paper-64"]
    found = [re.search(step, commands) for step in steps]
    assert None not in found
    assert [match.start() for match in found] == sorted(match.start() for match in found)


def example(name):
    """A script of examples/lulo as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def history(*losses):
    return Group({"simulation": np.arange(len(losses)) + 1, "update": np.arange(len(losses)), "loss": np.array(losses)})


def test_the_curve_of_the_loss_begins_with_the_early_simulations():
    universe = Universe.create(Configuration()).with_group("recon/early", history(6.0, 3.0, 4.0))
    universe = universe.with_group("recon", history(5.0, 7.0, 2.0))
    axis = plt.figure().subplots()
    example("figure_history").draw_loss(axis, universe)
    best = {tuple(line.get_xdata()): line.get_ydata().tolist() for line in axis.lines[1::2]}
    assert best == {(1, 2, 3): [6, 3, 3], (4, 5, 6): [5, 5, 2]}
    assert axis.get_xlabel() == "simulations (4 updates)"
    plt.close()


# --- the benchmark ---------------------------------------------------------------------------------------------------

N, SIZE = 16, 31.25


def evolved(seed, amplitude=1):
    """A universe by 2LPT, every 20th particle a halo, as a reconstruction leaves it."""
    config = Configuration(box=Box(size=SIZE, n=N))
    noise = amplitude * white_noise(seed, 0, N)
    linear = linear_overdensity(noise, config.cosmology, SIZE)
    position, velocity = lpt_particles(linear, SIZE, config.cosmology.omega_m, 0.0)
    columns = {"position": position[::20], "velocity": velocity[::20]}
    columns |= {"mass": np.geomspace(8e14, 1.4e13, len(position[::20])), "n_particles": np.arange(len(position[::20]))}
    universe = Universe.create(config).with_noise(WhiteNoise(noise, seed))
    universe = universe.with_particles([Particles(position, velocity, 0.0)]).with_halos(
        Halos(columns, "200c", "t", 0.0)
    )
    universe = universe.with_group("recon", Group({}, {"simulations": 3, "seconds": np.array([1.0, 2.0, 3.0])}))
    return universe.with_group("bench", Group({}, {"cpu_s": 5.0}))


def test_the_truth_itself_is_recovered_without_error():
    truth = evolved(1)
    recovered = compare(truth, truth)
    found, shells = figures(truth, truth, recovered), recovered["ic"]
    assert {found[f"k80_{name}"] for name in NAMES} == {shells.k[-1]}
    assert {found[band] for band in BANDS} == {shells.k[shells.n_modes >= 50][-1]}
    assert found["q_error"] == 0
    assert (found["n_20"], found["n_130"]) == (found["n_20_true"], found["n_130_true"]) == (205, 114)
    assert (found["simulations"], found["wall_s"], found["cpu_s"]) == (3, 6, 5)


def test_another_universe_is_no_reconstruction():
    universe, truth = evolved(2), evolved(1)
    found = figures(universe, truth, compare(universe, truth))
    assert all(found[f"k80_{name}"] == 0 for name in NAMES)
    assert found["q_error"] > 0.1


def test_bispectrum_of_a_reconstruction_at_rest_is_no_figure():
    truth, at_rest = evolved(1), evolved(1, amplitude=0)
    assert np.isnan(figures(at_rest, truth, compare(truth, truth))["q_error"])


def test_transfer_functions_of_several_truths_are_ratios_of_summed_powers():
    truth = evolved(1)
    one = compare(truth, truth)
    louder, quieter = (
        {name: replace(field, power=factor * field.power) for name, field in one.items()} for factor in (1.3, 0.7)
    )
    assert reaches_together([louder]) == dict.fromkeys(BANDS, 0.0)
    assert min(reaches_together([louder, quieter]).values()) > 2


def gaussian_universe(noise):
    return Universe.create(Configuration(box=Box(size=SIZE, n=N))).with_noise(WhiteNoise(noise.astype(np.float32), -1))


def gaussian_posterior(truths, samples, scale=1.0):
    """The truth and the samples share a mean, half of their power; the samples scatter `scale` times as far."""
    found = []
    for truth in range(truths):
        mean, true, *others = (white_noise(7, truth, N, partner) for partner in range(samples + 2))
        draws = [gaussian_universe((mean + scale * other) / np.sqrt(2)) for other in others]
        found.append(errors(draws, gaussian_universe((mean + true) / np.sqrt(2))))
    return ratios(found)


def test_samples_of_the_posterior_are_calibrated_in_every_shell():
    found = gaussian_posterior(truths=6, samples=8)
    assert all(abs(ratio - 1) < 0.35 for k, ratio in found[:3])
    assert all(abs(ratio - 1) < 0.15 for k, ratio in found[3:8])  # beyond, corners of few modes


def test_too_narrow_samples_are_overconfident_by_the_ratio_of_variances():
    # The truth scatters by 1 and the mean of eight samples by 1/8 of theirs: (1 + s^2/8) / ((1 + 1/8) s^2).
    found = dict(gaussian_posterior(truths=6, samples=8, scale=0.5))
    expected = (1 + 0.25 / 8) / (1.125 * 0.25)
    assert np.median(list(found.values())) == pytest.approx(expected, rel=0.1)


def test_ratios_are_of_sums_over_truths():
    k = np.array([0.1, 0.2])
    one = Errors(k, np.array([1.0, 1.0]), np.array([1.0, 0.0]), 4)
    other = Errors(k, np.array([3.0, 2.0]), np.array([3.0, 1.0]), 4)
    assert ratios([one, other]) == [[0.1, 4 / 5], [0.2, 3 / 1.25]]
    assert worst([[0.1, 0.5], [0.3, 1.5], [0.6, 9.0]]) == 2.0
    assert worst([]) is None


def test_medians_leave_out_what_was_not_measured():
    rows: list[Figures] = [{"a": 1.0, "cpu_s": np.nan}, {"a": 3.0, "cpu_s": 5.0}, {"a": 8.0}]
    assert median(rows, "a") == 3.0
    assert median(rows, "cpu_s") == 5.0
    assert median(rows, "b") is None
    assert median_error(rows[:1], "a") is None
    assert median_error(rows, "a") == pytest.approx(1.2533 * np.std([1, 3, 8], ddof=1) / np.sqrt(3))
    assert ratio_of_sums([{"n": 1.0, "n_true": 2.0}, {"n": 5.0, "n_true": 4.0}], "n") == 1.0


def test_results_depend_on_code_but_not_on_its_comments(tmp_path, monkeypatch):
    module = tmp_path / "lss_toy.py"

    def hash_of(text):
        module.write_text(text)
        importlib.invalidate_caches()
        code_hash.cache_clear()
        return code_hash("lss_toy")

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("bench.lulo.kept._OURS", ("lss_toy",))
    first = hash_of('"""Doc."""\n\n\ndef f():\n    """Doc."""\n    return 1\n')
    assert hash_of('"""Other."""\n\n\ndef f():\n    """Doc."""\n    return 1  # one\n') == first
    assert hash_of('"""Doc."""\n\n\ndef f():\n    """Doc."""\n    return 2\n') != first
    code_hash.cache_clear()


def test_the_hash_of_a_stage_covers_what_it_imports():
    assert code_hash("lss_sim.stage") != code_hash("lss_sim.stage", "lss_halo.stage")


def test_results_depend_on_the_method_in_use_and_on_no_other(monkeypatch):
    """A method is imported by its name, so its code is not found by following imports."""
    settings = {"recon": {"method": "lulo"}}
    lulo = code_of(settings)
    assert code_of({"recon": {"method": "delfi"}}) != lulo
    monkeypatch.setitem(METHODS, "abc", METHODS["delfi"])
    assert code_of(settings) == lulo
    monkeypatch.setitem(METHODS, "lulo", METHODS["delfi"])
    assert code_of(settings) != lulo


@pytest.fixture
def kept_in(tmp_path, monkeypatch):
    """A folder of its own for what the benchmark keeps."""
    for module in (lulo_kept, lulo_reconstructions, lulo_truths):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(lulo_kept, "LATEST", tmp_path / "latest")
    return tmp_path


def test_a_variant_does_not_take_the_place_of_its_configuration(kept_in):
    config = EXAMPLES / "ensemble.toml"
    plain = method(config, [], "truths")
    variant = method(config, ["recon.step=bisection"], "truths")
    found = {link.name: link.resolve() for link in (kept_in / "latest").iterdir()}
    assert found == {"ensemble": plain.folder, "ensemble-recon.step=bisection": variant.folder}
    assert name_of(config, ["recon.checkpoint=build/a.safetensors"]) == "ensemble-recon.checkpoint=build-a.safetensors"


def test_a_configuration_to_compare_with_is_asked_for_before_the_work(kept_in, monkeypatch, capsys):
    monkeypatch.setattr("bench.lulo.benchmark.processes", lambda count: pytest.fail("work has begun"))
    for other, message in (("best-128", "nothing is kept of these truths; run it with --"), ("none", "none.toml")):
        monkeypatch.setattr("sys.argv", ["bench.lulo", "--against", str(EXAMPLES / f"{other}.toml")])
        with pytest.raises(SystemExit) as ended:
            lulo.main()
        assert ended.value.code == 2
        assert message in capsys.readouterr().err


def test_every_checkpoint_of_the_loop_counts():
    hashes = checkpoint_hashes({"recon": {"checkpoint": "estimator-64", "direction": "estimate"}})
    assert list(hashes) == ["estimator-64"]
    assert len(hashes["estimator-64"]) == 64


def test_a_stopped_benchmark_leaves_no_process_at_work(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # set by it, and put back

    def stopped():
        with processes(1) as submit:
            submit(os.getpid).result()
            submit(time.sleep, 60)
            raise Stopped

    with pytest.raises(Stopped):
        stopped()
    for worker in multiprocessing.active_children():
        worker.join(10)
    assert not multiprocessing.active_children()
