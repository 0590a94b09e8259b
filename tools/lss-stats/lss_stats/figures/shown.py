"""What a figure is drawn from: statistics of a universe, of the truth, of an ensemble."""

from dataclasses import dataclass, field

from lss.universe import Group
from lss_stats.measurements import Groups, Measured


@dataclass(frozen=True)
class Shown:
    """own, truth : groups by path below /stats; band : means and deviations of an ensemble's groups;
    members : the ensemble one by one, where it is the subject; label : what the universe is called;
    posteriors : /recon/posterior of the universe and of those it is shown with, by what each is called."""

    own: Groups
    truth: Groups = field(default_factory=dict)
    band: Groups = field(default_factory=dict)
    band_label: str = "ensemble"
    members: list[Measured] = field(default_factory=list)
    label: str = "universe"
    posteriors: dict[str, Group] = field(default_factory=dict)
