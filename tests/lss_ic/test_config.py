import pytest

from lss.config import validate
from lss.errors import ConfigError
from lss_ic.config import Config


def test_the_defaults_are_those_of_the_manual():
    ic = Config().ic
    assert (ic.seed, ic.redshift, ic.partners, ic.order) == (1, 127.0, 0, 2)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"fixed": True, "partners": 1}, r"\[ic\]: fixed = true and partners > 0 exclude each other"),
        ({"seed": -1}, r"\[ic\] seed = -1"),
        ({"seed": 2**32}, r"\[ic\] seed = 4294967296"),
        ({"redshift": -0.5}, r"\[ic\] redshift = -0.5"),
        ({"redshift": float("nan")}, r"\[ic\] redshift = nan"),
        ({"order": 3}, r"\[ic\] order = 3"),
        ({"partners": -1}, r"\[ic\] partners = -1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_naming_table_and_key(table, complaint):
    with pytest.raises(ConfigError, match=complaint):
        validate(Config, {"ic": table}, "u.toml")
