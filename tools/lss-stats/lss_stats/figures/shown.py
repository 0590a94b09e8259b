"""What a figure is drawn from: statistics of a universe, of the truth, of an ensemble."""

from dataclasses import dataclass, field

from lss.universe import Group
from lss_stats.statistic import Groups, Measured

_FORMER_NAMES = {"memory": "initial"}  # of groups in files of earlier versions


@dataclass(frozen=True)
class Result:
    """One statistic, of one field or of the universe: own, of the truth, and mean and scatter over an ensemble."""

    own: Group
    truth: Group | None = None
    band: Group | None = None


@dataclass(frozen=True)
class Shown:
    """own, truth : groups by path below /stats; band : means and deviations of an ensemble's groups;
    members : the ensemble one by one, where it is the subject; label, truth_label : what universe and truth are called;
    posteriors : /recon/posterior of the universe and of those it is shown with, by what each is called."""

    own: Groups
    truth: Groups = field(default_factory=dict)
    band: Groups = field(default_factory=dict)
    band_label: str = "ensemble"
    members: list[Measured] = field(default_factory=list)
    label: str = "universe"
    truth_label: str = "truth"
    posteriors: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("own", "truth", "band"):
            object.__setattr__(self, name, _renamed(getattr(self, name)))

    def result(self, *path: str) -> Result | None:
        """The results of a statistic ("mass_function"), of a field ("power", "matter"), or of a part of those."""
        name = "/".join(path)
        return Result(self.own[name], self.truth.get(name), self.band.get(name)) if name in self.own else None

    def results(self, statistic: str, fields: tuple[str, ...], *part: str) -> dict[str, Result]:
        """Field -> its results, of those fields that have them; the field of an empty catalogue has no power."""
        found = {name: self.result(statistic, name, *part) for name in fields}
        return {name: result for name, result in found.items() if result is not None and _is_of_something(result.own)}

    def of_members(self, *path: str) -> list[Result]:
        """The results of every member that has them."""
        name = "/".join(path)
        return [Result(m.own[name], m.truth.get(name), self.band.get(name)) for m in self.members if name in m.own]


def _is_of_something(group: Group) -> bool:
    power = group.data.get("power", group.data.get("monopole"))
    return power is None or bool((power > 0).any())


def _renamed(groups: Groups) -> Groups:
    found = Groups()
    for path, group in groups.items():
        first, *rest = path.split("/")
        found["/".join([_FORMER_NAMES.get(first, first), *rest])] = group
    return found
