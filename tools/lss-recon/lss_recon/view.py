"""How a survey sees simulated halos, and what stands in for the halos that it did not see.

Where a survey saw nothing, or a part of the halos only, the observed catalogue says nothing: unseen is not empty. A
network that has never seen a mask takes it for empty, and puts a void there. It is shown a whole sky instead: the
observed halos, and the halos of the simulated universe that the survey would not have seen. These are in both
catalogues of A(d) - A(S(x)), so they say nothing either, and the unseen modes stay what the prior drew them to be.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lss import stages
from lss.config import Box, Settings, merge
from lss.errors import ConfigError
from lss.halos.survey import Survey, completeness, described, only, seen
from lss.universe import Halos

SHOWN = ("position", "velocity", "mass")


@dataclass(frozen=True)
class View:
    """survey : [halo.survey] of the data, none if there is none; completes : is the unseen part simulated"""

    survey: Survey | None
    box: Box
    completes: bool

    @cached_property
    def mask(self) -> np.ndarray | None:
        """The completeness of the survey, read once: every simulation is seen through it."""
        return completeness(self.survey, self.box.n)

    def seen(self, simulated: Halos) -> Halos:
        """The simulated halos that are compared with the observed ones."""
        if self.survey is None or not self.completes:
            return simulated
        return only(simulated, np.flatnonzero(seen(simulated, self.survey, self.box, self.mask)))

    def beside(self, observed: Halos, simulated: Halos) -> Halos:
        """The observed halos, and those of a simulated universe that the survey does not see; without members."""
        if self.survey is None or not self.completes:
            return observed
        unseen = only(simulated, np.flatnonzero(~seen(simulated, self.survey, self.box, self.mask)))
        shown = [name for name in SHOWN if name in observed.columns]
        columns = {name: np.concatenate([observed.columns[name], unseen.columns[name]]) for name in shown}
        return dataclasses.replace(observed, columns=columns, members=None)


def view_of(settings: Settings, box: Box, unseen: str) -> View:
    """The view of [halo.survey]; settings : of the forward model; unseen : "simulated" or "empty"."""
    survey = stages.table("halo", settings).survey
    return View(survey, box, unseen == "simulated" and survey is not None and not survey.is_complete)


def whole_sky(settings: Settings, view: View) -> Settings:
    """Settings of a forward model that leaves every halo in its catalogue, where the unseen part is simulated."""
    if not view.completes:
        return settings
    return merge(settings, {"halo": {"survey": {"mask": "", "selection": []}}})


def refuse_another_survey(observed: Halos, view: View, source: str, differ: bool) -> None:
    """Data and forward model must be of one survey. Raises ConfigError unless they may `differ`."""
    of_data = observed.attrs.get("survey")
    asked = None if view.survey is None else described(view.survey)
    if of_data == asked or differ:
        return
    raise ConfigError(
        f"{source}: the observed halos are {_in_words(of_data)}, those of the forward model would be"
        f" {_in_words(asked)}: set [halo.survey] as for the data (and [halo.catalogue] observed = true for a table that"
        " was observed already), or [recon] survey_may_differ = true"
    )


def _in_words(survey: str | None) -> str:
    return "all halos in real space" if survey is None else f"what a survey sees, {survey}"
