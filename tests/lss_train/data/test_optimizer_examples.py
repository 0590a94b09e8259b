import numpy as np
import pytest

from lss.errors import ConfigError, DataError
from lss_train.config import Train
from lss_train.data.examples import Examples
from lss_train.data.optimizer_examples import OptimizerModel
from lss_train.data.universes import read_training_set


def test_independent_pairs_are_of_different_families(pairs):
    universes = read_training_set([pairs])
    model = OptimizerModel(universes, Train(pairs="independent"), {})
    assert model.examples(universes.families()) == [(0, 3), (3, 6), (6, 0)]
    with pytest.raises(DataError, match=r"raise \[train\] validation"):
        model.examples(universes.families()[:1])


def test_own_mean_counts_hide_a_lack_of_halos_that_those_of_x_a_show(pairs):
    universes = read_training_set([pairs])
    own, first = (OptimizerModel(universes, Train(mean_counts=mean), {}).fields(1, 0)[1] for mean in ("own", "data"))
    partner, x_a = (np.count_nonzero(universes.halos(i)[1] <= 2e15) for i in (1, 0))
    np.testing.assert_allclose(first, own * (partner / x_a), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cache", [0.0, 1e9])
def test_both_halves_of_an_independent_pair_are_normalised_by_its_first(ensemble, cache):
    universes = read_training_set([ensemble])
    settings = {"pairs": "independent", "validation": 0.5}
    model = OptimizerModel(universes, Train(**settings), {"fields": ["count"]})
    shown = model.examples(universes.families())
    own = OptimizerModel(universes, Train(**settings, mean_counts="own"), {"fields": ["count"]})
    examples, (a, b, c) = Examples(model, shown, 16, cache), (own.fields(i, i)[0] for i in range(3))
    count = [np.count_nonzero(universes.halos(i)[1] <= 2e15) for i in range(3)]
    np.testing.assert_allclose(examples[0, 1][0], a - b * (count[1] / count[0]), rtol=1e-3, atol=0.02)
    np.testing.assert_allclose(examples[1, 2][0], b - c * (count[2] / count[1]), rtol=1e-3, atol=0.02)
    assert examples.bytes == 2 * 12 * 16**3 * 2


def test_components_of_momentum_are_no_fields_of_an_optimizer(pairs):
    with pytest.raises(ConfigError, match="momentum_x, momentum_z: components of a vector"):
        OptimizerModel(read_training_set([pairs]), Train(), {"fields": ["count", "momentum_x", "momentum_z"]})


def test_a_pair_is_the_difference_of_x_a_and_its_partner(pairs):
    universes = read_training_set([pairs])
    model = OptimizerModel(universes, Train(), {})
    assert model.examples(universes.families()[1:2]) == [(3, 4), (3, 5)]
    pair = Examples(model, [(3, 4), (3, 5)], 16, 0.0)[(3, 5)]
    assert pair.shape == (3, 16, 16, 16)
    np.testing.assert_allclose(pair[-1], universes.noise(3) - universes.noise(5), atol=4e-3)
