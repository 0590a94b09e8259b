"""Imports that the contracts of import-linter let pass close no circle: each module there can be the first imported.

Every other circle, also one through an import within a function, is refused by `make lint`.
"""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Of each module a process of its own; what others wrote is imported once, before the processes part.
PROGRAM = """
import gc, importlib, os, sys, traceback
import h5py, numba, numpy, pydantic, scipy.stats, tomli, torch

class Warm(pydantic.BaseModel): ...  # pydantic imports most of itself when it is used

assert not any(name.split(".")[0].startswith("lss") for name in sys.modules)
gc.collect()
gc.freeze()  # or the processes would copy what they share
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(", ".join(failed) or 0)
"""


def let_pass():
    """The modules on both sides of each import that a contract ignores; all of a room."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    ignored = {one for contract in contracts for one in contract.get("ignore_imports", ())}
    for side in sorted({name for one in ignored for name in one.split(" -> ")}):
        yield side
        found = importlib.util.find_spec(side)
        for folder in found.submodule_search_locations or ():
            yield from (f"{side}.{path.stem}" for path in sorted(Path(folder).glob("[!_]*.py")))


def test_every_module_that_a_contract_lets_pass_can_be_imported_alone():
    names = list(let_pass())
    assert {"lss_stats.config", "lss_stats.measures", "lss_stats.measures.power"} <= set(names)
    done = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
