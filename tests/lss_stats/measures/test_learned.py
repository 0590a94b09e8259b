"""Learned summaries as a statistic: the estimates of a network whose weights are measured on simulations."""

import numpy as np
import pytest

from lss import stages
from lss.config import Configuration, merge, validate
from lss.errors import DataError
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, write_universe
from lss.universe import Universe
from lss_stats import stage
from lss_stats.config import Config
from lss_train.config import Config as TrainConfig
from lss_train.train import train

SETTINGS = {
    "box": {"n": 16, "size": 16.0},
    "ic": {"field": "power-law", "dimensions": 2, "amplitude": 1.0, "slope": 0.5},
    "train": {"model": "imnn", "imnn": {"updates": 0, "levels": 2, "first_weights": 500, "validation": 200}},
}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("imnn") / "imnn.safetensors"
    train([], validate(TrainConfig, SETTINGS, "test"), path, restart=Restart(None), settings=SETTINGS)
    stats = {"measure": ["summaries"], "checkpoint": str(path)}
    return Config.model_validate({"box": SETTINGS["box"], "stats": stats})


def observed(index=0, **box):
    settings = merge(SETTINGS, {"box": box})
    blank = Universe.create(validate(Configuration, {"box": settings["box"]}, "test"), settings)
    return stages.run("ic", blank, settings, index=index)


def test_estimates_of_many_fields_scatter_about_the_truth_as_they_claim(config, tmp_path):
    for index in range(40):
        write_universe(observed(index), tmp_path / f"fields/{index:06d}.h5")
    paths = sorted((tmp_path / "fields").glob("*.h5"))
    _, text = stage.run_directory(paths, config, figures=tmp_path / "figures")
    rows = [line.split() for line in text.splitlines() if line.startswith("ic.")]
    for (_, _, mean, deviation, error), truth in zip(rows, (1.0, 0.5), strict=True):
        assert float(mean) == pytest.approx(truth, abs=4 * float(error) / np.sqrt(40))
        assert float(deviation) == pytest.approx(float(error), rel=0.4)
    assert (tmp_path / "figures/estimates.png").stat().st_size > 10_000


def test_summaries_are_kept_with_what_they_mean(config):
    group = stage.run(observed(), config).groups["stats/summaries"]
    assert group.attrs["parameters"] == "ic.amplitude ic.slope"
    np.testing.assert_allclose(group.data["error"], np.sqrt(np.diag(np.linalg.inv(group.data["fisher"]))))


def test_the_band_of_an_ensemble_knows_which_field_is_summarised(config, tmp_path):
    settings = merge(SETTINGS, {"ic": {"field": "normal"}})
    blank = Universe.create(validate(Configuration, {"box": settings["box"]}, "test"), settings)
    for index in range(2):
        write_universe(stages.run("ic", blank, settings, index=index), tmp_path / f"{index:06d}.h5")
    config = config.model_copy(update={"inference": config.inference.model_copy(update={"data": "normal"})})
    result = stage.run(read_universe(tmp_path / "000000.h5"), config, ensemble=tmp_path)
    assert result.group("stats/ensemble/summaries").attrs["members"] == 2


def test_a_field_of_another_size_is_refused(config):
    with pytest.raises(DataError, match="trained on fields of shape"):
        stage.run(observed(n=32), config)


def test_a_box_of_another_size_is_refused(config):
    with pytest.raises(DataError, match=r"box of 64 Mpc/h, but .*imnn.safetensors was trained on 16$"):
        stage.run(observed(size=64.0), config)


def test_a_random_field_is_drawn_with_its_spectrum(tmp_path):
    result = stage.run(observed(), Config.model_validate({"box": SETTINGS["box"]}), figures=tmp_path)
    assert result.group("stats/power/power_law").units["power"] == "(Mpc/h)^2"
    assert (tmp_path / "random-field.png").stat().st_size > 10_000
