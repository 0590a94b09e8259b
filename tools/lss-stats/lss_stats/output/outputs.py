"""What a run writes beside the universe itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lss.errors import ConfigError
from lss.universe import Universe

if TYPE_CHECKING:
    from lss_stats.figures.shown import Shown

FIGURE_FORMATS = (".png", ".pdf", ".svg")
TABLE_FORMATS = (".csv", ".tsv", ".txt", ".dat", ".fits", ".json")  # of single tables, which none is written as


@dataclass(frozen=True)
class Outputs:
    """plot : one figure; figures : a folder of all; tables : a folder of CSV files, or an HDF5 file; report : HTML.
    Raises ConfigError for a name that promises something else."""

    plot: Path | None = None
    figures: Path | None = None
    tables: Path | None = None
    report: Path | None = None

    def __post_init__(self) -> None:
        if self.plot is not None and self.plot.suffix not in FIGURE_FORMATS:
            raise ConfigError(f"--plot {self.plot}: a figure ends in {', '.join(FIGURE_FORMATS)}")
        if self.figures is not None and self.figures.suffix in FIGURE_FORMATS:
            raise ConfigError(f"--figures {self.figures}: expected a folder for all figures; --plot writes one of them")
        if self.tables is not None and self.tables.suffix in TABLE_FORMATS:
            wanted = f"a folder for CSV files (--tables {self.tables.stem}/) or one HDF5 file (.h5)"
            raise ConfigError(f"--tables {self.tables}: expected {wanted}")
        if self.report is not None and self.report.suffix not in (".html", ".htm"):
            raise ConfigError(f"--report {self.report}: a report is HTML; its name ends in .html")

    def write(self, shown: "Shown", result: Universe) -> None:
        """Write what was asked for; matplotlib is imported only for a figure."""
        if self.tables is not None:
            from lss_stats.output.tables import save_tables

            save_tables(result, self.tables)
        if self.plot is not None or self.figures is not None:
            from lss_stats.figures.catalogue import save_all, save_overview

            if self.plot is not None:
                save_overview(shown, self.plot)
            if self.figures is not None:
                save_all(shown, self.figures)
        if self.report is not None:
            from lss_stats.output.report import save_report

            save_report(shown, result, self.report)
