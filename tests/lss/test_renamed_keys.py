"""Old names of keys: refused where they are written, read where a file was made with them."""

import pytest

from lss.config import RENAMED, Configuration, merge, parse_assignment, read_toml, validate, with_current_names
from lss.errors import ConfigError
from lss.files.universe_file import read_universe, write_universe
from lss.universe import Universe
from lss_recon.config import Config

# Made with every key that has another name now.
OLD = {
    "k_max": 1.1,
    "k_hold": 0.3,
    "pull": 0.2,
    "place": 1.0,
    "margin": 1.08,
    "turn": True,
    "noise": [0.1, 0.9],
    "power_limit": False,
    "power_share": [0.9, 1.0],
    "one_point_limit": False,
    "loss_smoothing": 0.0,
    "mean_counts": "own",
    "early": {"simulations": 2, "sim": {"method": "2lpt"}},
}


def test_every_renamed_key_is_one_of_the_configuration_now():
    assert {f"recon.{key}" for key in OLD} == RENAMED.keys()
    now = with_current_names({"recon": OLD})["recon"]
    validate(Config, {"recon": now}, "test")


@pytest.mark.parametrize(("old", "new"), [item for item in RENAMED.items() if item[0] != "recon.early"])
def test_an_old_key_is_refused_with_the_new_name(tmp_path, old, new):
    key = old.removeprefix("recon.")
    (tmp_path / "u.toml").write_text(f"[recon]\n{key} = 1.0\n")
    with pytest.raises(ConfigError, match=rf"u.toml: \[recon\] {key} = 1.0: renamed; use {new}$"):
        read_toml(tmp_path / "u.toml")
    with pytest.raises(ConfigError, match=rf"--set: \[recon\] {key} = 1.0: renamed; use {new}$"):
        parse_assignment(f"{old}=1.0")


def test_an_old_table_is_refused_with_the_new_name():
    with pytest.raises(ConfigError, match=r"--set: \[recon.early\]: renamed; use \[recon.cheap\]$"):
        parse_assignment("recon.early.simulations=2")


def test_a_universe_made_with_old_names_is_read_with_the_new_ones(tmp_path):
    settings = {"recon": {**OLD, "max_simulations": 8, "line_search": {"beta": 0.5}}, "sim": {"method": "pm"}}
    universe = Universe.create(validate(Configuration, {}, "test"), settings)
    write_universe(universe, tmp_path / "old.h5")
    read = read_universe(tmp_path / "old.h5").config
    recon = validate(Config, read, "old.h5").recon
    assert read["sim"] == {"method": "pm"}
    assert not OLD.keys() & (read["recon"].keys() - {"loss"})
    assert (recon.update.k_max, recon.update.hold_below, recon.update.pull_to_estimate) == (1.1, 0.3, 0.2)
    assert (recon.update.match_halos, recon.update.mass_margin, recon.update.rotate) == (1.0, 1.08, True)
    assert (recon.update.noise, recon.loss.smoothing, recon.loss.mean_counts) == ((0.1, 0.9), 0.0, "own")
    assert (recon.limits.power, recon.limits.power_fraction, recon.limits.one_point) == (False, (0.9, 1.0), False)
    assert (recon.cheap.simulations, recon.cheap.sim) == (2, {"method": "2lpt"})
    assert (recon.max_simulations, recon.line_search.beta) == (8, 0.5)


def test_settings_over_those_of_an_old_universe_win(tmp_path):
    write_universe(Universe.create(validate(Configuration, {}, "test"), {"recon": OLD}), tmp_path / "old.h5")
    settings = merge(read_universe(tmp_path / "old.h5").config, parse_assignment("recon.update.match_halos=2.0"))
    update = validate(Config, settings, "test").recon.update
    assert (update.match_halos, update.pull_to_estimate) == (2.0, 0.2)
