"""The training loop of an information-maximising network at one fiducial."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lss.errors import DataError, LssError
from lss.files.restart import Restart
from lss.learned.compression import log_det
from lss.nets.compressor_net import CompressorNet
from lss.process import interrupt
from lss.universe import Group
from lss_train.config import Train
from lss_train.data.field_batches import FIRST_WEIGHTS, TRAINING, VALIDATION, FieldSource, moments
from lss_train.training.fisher_loss import fisher_loss
from lss_train.training.imnn_settings import Settings
from lss_train.training.journal import Journal
from lss_train.training.state import Weights, as_arrays, restore, weights_of


@dataclass
class Run:
    """Where a training stands, beside the weights and Adam's moments."""

    update: int = 0
    loss_sum: float = 0.0  # since the last validation
    seconds: float = 0.0
    waited: int = 0  # validations since the best
    best_information: float = -math.inf  # ln det F of the validation simulations
    best_update: int = 0
    best: Weights = field(default_factory=dict)


def prepare(network: CompressorNet, source: FieldSource, count: int) -> None:
    """Measure the first weights on `count` simulations of their own.

    Raises DataError for parameters that they cannot tell apart.
    """
    pieces = source.batches(FIRST_WEIGHTS, 0, min(count, 100))
    network.prepare(torch.cat([batch.fiducial for batch in pieces]))
    found = moments(network.features, source.batches(FIRST_WEIGHTS, 1, count))
    try:
        network.start_from(*(torch.from_numpy(array) for array in (found.mean, found.covariance, found.derivative)))
    except ValueError as error:
        raise DataError(f"the summaries are degenerate: {error}") from None


def fit_imnn(
    network: CompressorNet,
    source: FieldSource,
    train: Train,
    settings: "Settings",
    restart: Restart,
    name: str,
    journal_path: Path | None,
) -> Run:
    """Train the network and return the run, with the weights of the most information on the validation simulations.

    settings : [train.imnn]; name : of the restart state. The simulations of an update follow from its number: a run
    that is stopped and resumed makes the same updates as one that is not.
    Raises Stopped, with everything saved, when the program was asked to end; LssError if the loss is not finite.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=train.learning_rate)
    state = restart.load(name)
    if state is None:
        prepare(network, source, settings.first_weights)
        run = Run()
        validate(run, network, source, settings.validation)
    else:
        run = _load(state, network, optimizer)
    with Journal(journal_path, run.update, settings.updates, run.seconds) as journal:
        while run.update < settings.updates and run.waited < settings.patience:
            rate = train.learning_rate * 0.5 * (1 + math.cos(math.pi * run.update / settings.updates))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _loss(network, source, settings, run.update)
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), train.gradient_limit)
            optimizer.step()
            run.update, run.loss_sum = run.update + 1, run.loss_sum + loss.item()
            if not math.isfinite(run.loss_sum):
                raise LssError(f"the loss is not finite at update {run.update}; lower [train] learning_rate")
            since = (run.update - 1) % settings.every + 1
            epoch, mean_loss = math.ceil(run.update / settings.every), run.loss_sum / since
            journal.update(epoch, run.update, loss.item(), mean_loss, rate, norm.item())
            if since == settings.every or run.update == settings.updates:
                information = validate(run, network, source, settings.validation)
                journal.epoch(epoch, run.update, mean_loss, -information, f"ln det F {information:.3f}", rate)
                run.loss_sum = 0.0
            run.seconds = journal.seconds
            if run.loss_sum == 0.0 or interrupt.requested():
                restart.save(name, _state(run, network, optimizer))
            if interrupt.requested():
                raise restart.stopped(f"stopped at update {run.update} of {settings.updates}")
    return run


def _loss(network: CompressorNet, source: FieldSource, settings: "Settings", update: int) -> torch.Tensor:
    """The loss of the simulations that belong to an update."""
    parts = [batch.apply(network) for batch in source.batches(TRAINING, update, settings.simulations)]
    summaries, derivatives = torch.cat([x for x, _ in parts]), torch.cat([d for _, d in parts], 1)
    return fisher_loss(summaries, derivatives.mean(1), settings.strength, settings.closeness)[0]


def validate(run: Run, network: CompressorNet, source: FieldSource, count: int) -> float:
    """ln det F of the validation simulations; the weights are kept if it is the largest yet."""
    information = log_det(moments(network, source.batches(VALIDATION, 0, count)).fisher())
    run.waited += 1
    if information > run.best_information or not run.best:
        run.best_information, run.best_update, run.waited = information, run.update, 0
        run.best = weights_of(network)
    return information


def _state(run: Run, network: CompressorNet, optimizer: torch.optim.Adam) -> Group:
    """Everything that the next update depends on."""
    attrs = {key: value for key, value in vars(run).items() if isinstance(value, int | float)}
    return Group(as_arrays(network, optimizer, run.best), attrs)


def _load(state: Group, network: CompressorNet, optimizer: torch.optim.Adam) -> Run:
    """The run that `_state` kept, with the network and the optimizer brought to where it stood."""
    run = Run(**state.attrs)
    run.best = restore(state.data, network, optimizer, run.update)
    return run
