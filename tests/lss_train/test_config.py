import pytest

from lss_train.config import Train


def test_scales_belong_to_smoothings():
    with pytest.raises(ValueError, match="input_scale needs 2 values"):
        Train(input_smoothing=(1.0, 2.0))
    with pytest.raises(ValueError, match=r"count_smoothing \[3\.0\] are not among"):
        Train(count_smoothing=(3.0,))
    with pytest.raises(ValueError, match="at least 1 item"):
        Train(input_smoothing=(), input_scale=(), count_smoothing=())


def test_moments_that_grow_are_refused():
    with pytest.raises(ValueError, match="from 0 to below 1"):
        Train(betas=(0.9, 1.5))
