"""The command line of lss-train."""

from pathlib import Path

from lss.command.console import command
from lss.command.definition import Option
from lss_train.models import MODELS

main = command(
    "train",
    run="lss_train.train:train",
    help="Train a network on an ensemble of universes, into one checkpoint file with a model card.",
    examples=[
        "lss-train train.toml ensemble/ -o estimator.safetensors",
        "lss-train ensemble/ --export set.h5   # seeds and catalogues only, 26 bytes a halo",
        "lss-train train.toml set.h5 -o estimator.safetensors --resume",
        "lss-train imnn.toml -o compressor.safetensors   # fields simulated in memory",
        "lss-train imnn.toml --observed observed.h5 -o compressor.safetensors",
    ],
    options=[
        Option(
            "--export",
            Path,
            "Write the compact training set here; without -o, nothing else is done.",
            writes="training set",
        ),
        Option(
            "--observed",
            Path,
            "Train an imnn again at the estimate from this universe, until the estimate settles.",
            must_exist=True,
        ),
    ],
    reads="paths",
    writes="file",
    resumable=True,
    choices={"train.model": MODELS},
)
