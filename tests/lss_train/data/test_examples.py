from lss_train.data.examples import split
from lss_train.data.universes import read_training_set


def test_partners_are_never_split_between_training_and_validation(pairs):
    universes = read_training_set([pairs])
    for share in (0.01, 0.4, 0.99):
        training, validation = split(universes, share)
        seen = {int(universes.index[i]) for family in training for i in family}
        kept_back = {int(universes.index[i]) for family in validation for i in family}
        assert seen
        assert kept_back
        assert not seen & kept_back
        assert sum(map(len, training + validation)) == len(universes)
