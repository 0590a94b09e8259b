"""Neural bias and field-level posteriors: python -m bench.neural_bias [--part NAME ...] [--reference DIR]

The last line printed is JSON. What is measured is kept under build/neural-bias: universes, chains (which go on where
they were, and can be extended) and the figures' numbers of every part. `--make NAME NUMBER ...` runs one chain and
nothing else, so that chains can run at once; `--again` measures anew from the chains that are there.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.neural_bias import bias, calibration, cost, joint, judge, mocks, paper_size, phases
from bench.neural_bias.boxes import FOLDER
from lss.errors import LssError

KEYS = (
    "gain_counts_nbody", "gain_plus_nbody", "gain_counts_lpt", "gain_plus_lpt", "r_mean_k01", "r_mean_k02",
    "r_counts_k02", "r_sample_k01", "prior_power_ok", "r_hat_phases", "mock_variance_worst", "r_hat_joint",
    "judge_variance_error", "judge_c2st", "n_m_delta_chi2", "r_estimator_k01", "r_estimator_k02", "judge_samples",
    "sbc_p_bias", "sbc_p_phases", "grad_rel_error", "ess_per_gradient",
    "paper_size",
)  # fmt: skip
MAKE: dict[str, Callable[..., Any]] = {
    "phases": phases.sample,
    "mock": mocks.sample,
    "joint": joint.sample,
    "paper-size": paper_size.sample,
}


def main() -> None:
    """Print what is found."""
    arguments = _arguments()
    try:
        if arguments.make:
            name, *numbers = arguments.make
            of = (arguments.reference,) if name == "paper-size" else ()
            MAKE[name](*of, *map(int, numbers))
            return
        found: dict[str, Any] = {}
        for name, measure in _parts(arguments.reference).items():
            if not arguments.part or name in arguments.part:
                found |= _kept(name, measure, arguments.again)
    except LssError as error:
        print(f"bench.neural_bias: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(json.dumps({key: _rounded(found[key]) for key in KEYS if key in found}))


def _parts(reference: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    return {
        "bias": lambda: bias.measured(reference),
        "cost": cost.measured,
        "phases": phases.measured,
        "mocks": mocks.measured,
        "judge": judge.measured,
        "calibration": calibration.measured,
        "joint": joint.measured,
        "paper-size": lambda: paper_size.measured(reference),
    }


def _kept(name: str, measure: Callable[[], dict[str, Any]], again: bool) -> dict[str, Any]:
    """What a part found, from its file if that is there."""
    path = FOLDER / f"{name}.json"
    if again or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(measure()))
    return json.loads(path.read_text())


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--part", nargs="+", help="only these parts: bias cost phases mocks judge calibration joint paper-size"
    )
    parser.add_argument(
        "--make",
        nargs="+",
        metavar="NAME",
        help="run one chain: phases BOX CHAIN, mock NUMBER, joint CHAIN, paper-size CHAIN",
    )
    parser.add_argument("--again", action="store_true", help="measure anew, from the chains that are there")
    parser.add_argument("--reference", type=Path, default=Path("../shared/reference"))
    return parser.parse_args()
