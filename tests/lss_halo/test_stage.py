"""lss-halo as a stage: what it adds to a universe, and what it refuses."""

import numpy as np
import pytest

from lss.config import Settings, validate
from lss.errors import ConfigError, DataError
from lss.files.universe_file import read_universe, write_universe
from lss.physics.units import particle_mass
from lss.universe import Halos, Particles, Universe
from lss_halo import stage

N, BOX = 32, 62.5
PARTICLE_MASS = particle_mass(0.3175, BOX, N**3)


def configuration(**halo):
    settings: Settings = {"box": {"n": N, "size": BOX}, "halo": halo}
    return validate(stage.Config, settings, "test.toml")


def clumps(seed=1, clumps=40):
    """Half of the particles in balls of 150 about random points, the others anywhere; velocities of 100 km/s."""
    rng = np.random.default_rng(seed)
    centre = rng.random((clumps, 3)) * BOX
    radius = 0.5 * (PARTICLE_MASS * 150 / 1e14) ** (1 / 3)
    position = rng.random((N**3, 3)) * BOX
    row = rng.permutation(N**3)[: 150 * clumps]
    position[row] = np.repeat(centre, 150, axis=0) + rng.normal(0, radius / 2, (150 * clumps, 3))
    position = (position % BOX).astype(np.float32)
    position[position >= np.float32(BOX)] = 0.0
    return Particles(position, rng.normal(0, 100, (N**3, 3)).astype(np.float32), 0.0)


def universe(particles=None):
    empty = Universe.create(configuration())
    return empty.with_particles([particles if particles is not None else clumps()])


@pytest.mark.parametrize("definition", ["fof", "200c", "500c", "vir", "200m"])
def test_each_definition_gives_a_sorted_catalogue_with_members_and_fields(definition):
    result = stage.run(universe(), configuration(mass_definition=definition))
    halos = result.halos
    assert len(halos) > 2
    assert halos.mass_definition == definition
    assert (np.diff(halos.mass) <= 0).all()
    assert np.allclose(halos.mass, halos.n_particles * PARTICLE_MASS, rtol=1e-5)
    assert np.array_equal(np.diff(halos.members.offset), halos.n_particles)
    assert all(np.isfinite(column).all() for column in halos.columns.values())
    assert result.field_names == ["halo_count", "halo_mass_weighted"]


def test_stricter_definitions_give_smaller_masses():
    masses = [
        stage.run(universe(), configuration(mass_definition=d)).halos.mass for d in ("500c", "200c", "vir", "200m")
    ]
    assert np.all(np.diff([mass[0] for mass in masses]) >= 0)


def test_no_halo_at_all_gives_an_empty_catalogue_and_zero_fields():
    lattice = np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (BOX / N)
    particles = Particles(lattice.astype(np.float32), np.zeros((N**3, 3), np.float32), 0.0)
    for definition in ("fof", "200c"):
        result = stage.run(universe(particles), configuration(mass_definition=definition))
        assert len(result.halos) == 0
        assert not result.field("halo_mass_weighted").value.any()


def test_same_bits_for_any_number_of_threads(threads):
    for definition in ("fof", "200c"):
        results = []
        for count in (1, 3):
            threads(count)
            results.append(stage.run(universe(), configuration(mass_definition=definition, bound=True)))
        for path, group in results[0].groups.items():
            for name, data in group.data.items():
                assert np.array_equal(data, results[1].groups[path].data[name]), (definition, path, name)


def test_particles_that_are_not_finite_or_outside_are_counted():
    for index, value, message in (
        (0, np.nan, "1 of 32768 positions are not finite"),
        (0, 70.0, "1 of 32768 lie outside the box of 62.5"),
        (1, np.inf, "1 of 32768 velocities are not finite"),
    ):
        particles = clumps()
        (particles.position, particles.velocity)[index][77, 1] = value
        with pytest.raises(DataError, match=message):
            stage.run(universe(particles), configuration(mass_definition="fof"))


def test_a_universe_without_particles_or_with_other_halos_is_refused():
    empty = Universe.create(configuration())
    with pytest.raises(DataError, match="neither particles nor halos"):
        stage.run(empty, configuration())
    columns = {"position": np.ones((1, 3)), "velocity": np.ones((1, 3)), "mass": np.array([2e13])}
    with pytest.raises(ConfigError, match='the halos are "fof"'):
        stage.run(empty.with_halos(Halos(columns, "fof", "someone", 0.0)), configuration(mass_definition="200c"))


def test_particle_masses_label_the_members():
    result = stage.run(universe(), configuration(mass_definition="fof", particle_masses=True, bound=True))
    label = result.group("fields/halo_particle_mass").data["value"]
    assert label.shape == (N, N, N)
    assert np.count_nonzero(label) == len(result.halos.members.index)
    assert label.max() == result.halos.mass[0]


def test_survey_shows_halos_in_redshift_space_and_keeps_where_they_are():
    real = stage.run(universe(), configuration(mass_definition="fof")).halos
    seen = stage.run(universe(), configuration(mass_definition="fof", survey={"redshift_space": "y"})).halos
    assert np.array_equal(seen.columns["position_real"], real.position)
    assert np.array_equal(seen.position[:, [0, 2]], real.position[:, [0, 2]])
    moved = (seen.position[:, 1] - real.position[:, 1] + BOX / 2) % BOX - BOX / 2
    assert np.allclose(moved, real.velocity[:, 1] / 100, atol=1e-4)


def test_survey_is_applied_once_however_often_the_stage_runs():
    config = configuration(mass_definition="fof", survey={"redshift_space": "y", "selection": [(1e13, 0.5)]})
    once = stage.run(universe(), config).without("PartType1")
    assert np.array_equal(stage.run(once, config).halos.position, once.halos.position)


def test_halos_that_a_survey_has_seen_are_not_taken_for_those_of_another(tmp_path):
    first, second = (configuration(mass_definition="fof", survey={"redshift_space": axis}) for axis in "yz")
    seen = stage.run(universe(), first)
    write_universe(seen.without("PartType1"), tmp_path / "seen.h5")
    halos = read_universe(tmp_path / "seen.h5")
    assert np.array_equal(stage.run(halos, first).halos.position, seen.halos.position)
    with pytest.raises(ConfigError, match=r'what a survey sees.*"redshift_space":"y".*halo\.survey\] is .*space":"z"'):
        stage.run(halos, second)
    assert stage.run(seen, second).halos.attrs["redshift_space"] == "z"


def test_mask_and_selection_leave_only_what_is_seen(tmp_path):
    mask = np.zeros((N, N, N))
    mask[: N // 2] = 1
    np.save(tmp_path / "mask.npy", mask)
    survey = {"mask": str(tmp_path / "mask.npy"), "selection": [(1e12, 0.0), (PARTICLE_MASS * 90, 0.0), (1e16, 1.0)]}
    every = stage.run(universe(), configuration(mass_definition="fof")).halos
    result = stage.run(universe(), configuration(mass_definition="fof", survey=survey))
    halos = result.halos
    assert 0 < len(halos) < len(every)
    assert ((halos.position[:, 0] < BOX / 2) | (halos.position[:, 0] > BOX * (1 - 0.5 / N))).all()
    assert (halos.mass >= 90 * PARTICLE_MASS).all()
    assert np.array_equal(np.diff(halos.members.offset), halos.n_particles)
    assert abs(result.field("halo_count").value.mean()) < 1e-4


@pytest.mark.parametrize(
    ("content", "message"),
    [(np.ones((4, 4, 4)), r"the mask has shape \(4, 4, 4\)"), (np.full((N, N, N), 2.0), "between 0 and 1")],
)
def test_masks_that_do_not_fit_are_refused(tmp_path, content, message):
    np.save(tmp_path / "mask.npy", content)
    with pytest.raises(DataError, match=message):
        stage.run(universe(), configuration(mass_definition="fof", survey={"mask": str(tmp_path / "mask.npy")}))
    with pytest.raises(ConfigError, match="no such file"):
        stage.run(universe(), configuration(mass_definition="fof", survey={"mask": str(tmp_path / "none.npy")}))


@pytest.mark.parametrize(
    ("halo", "message"),
    [
        ({"mass_definiton": "fof"}, "did you mean 'mass_definition'"),
        ({"mass_definition": "m200"}, "'fof', '200c'"),
        ({"mass_range": [2e15, 1e13]}, "two ascending positive masses"),
        ({"fields": ["mass_weigthed"]}, "mass_weighted"),
        ({"survey": {"selection": [(1e14, 0.5), (1e13, 0.2)]}}, "ascending"),
        ({"survey": {"selection": [(1e14, 1.5)]}}, "between 0 and 1"),
    ],
)
def test_wrong_keys_are_named(halo, message):
    with pytest.raises(ConfigError, match=message):
        configuration(**halo)


def test_plan_names_the_steps_and_grows_with_the_particles():
    small, large = (stage.plan(None, validate(stage.Config, {"box": {"n": n}}, "test")) for n in (64, 128))
    assert small.steps[0] == "200c halos of at least 20 of 64^3 particles"
    assert large.memory_bytes - small.memory_bytes == 80 * (128**3 - 64**3)


def test_a_configuration_with_a_foreign_catalogue_serves_universes_too(tmp_path):
    path = tmp_path / "u.h5"
    write_universe(universe(), path)
    config = configuration(mass_definition="fof", catalogue={"format": "ahf"})
    assert len(stage.run(stage.read_foreign(path, config), config).halos) > 10
