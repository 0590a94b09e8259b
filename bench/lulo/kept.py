"""Where results are kept, and what they depend on: configuration, checkpoints, code.

A result lies in a folder named by a hash of all three, so that an interrupted benchmark goes on where it was and one
whose cause has changed begins anew. Of the code counts what the stages and the modules that they import say, without
comments and docstrings. A method of lss-recon is imported by name, and counts where it is the one in use.
"""

import ast
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lss.config import Settings, validate
from lss.nets.checkpoint import resolve
from lss_recon.config import Config
from lss_recon.methods import METHODS

FOLDER = Path("build/lulo")
LATEST = FOLDER / "latest"  # a link for each configuration: to its latest results
_OURS = ("lss", "lss_ic", "lss_sim", "lss_halo", "lss_recon")


def key(*causes: Any) -> str:
    """Twelve hexadecimal digits that stand for JSON values."""
    return hashlib.sha256(json.dumps(causes, sort_keys=True).encode()).hexdigest()[:12]


def linked(folder: Path, name: str) -> Path:
    """The folder, made if it is not there, and found as `build/lulo/latest/NAME` from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    LATEST.mkdir(parents=True, exist_ok=True)
    fresh = LATEST / f".{name}-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("..") / folder.relative_to(FOLDER))
    fresh.replace(LATEST / name)  # whole at any moment: another benchmark may be under way
    return folder


def checkpoint_hashes(settings: Settings) -> dict[str, str]:
    """SHA-256 of every checkpoint that [recon] names."""
    names = sorted({text for name, text in _texts(settings.get("recon", {})) if "checkpoint" in name and text})
    return {name: hashlib.sha256(resolve(name).read_bytes()).hexdigest() for name in names}


def code_of(settings: Settings) -> str:
    """The code that a reconstruction by these settings depends on: method and forward model."""
    recon = validate(Config, settings, "configuration").recon
    stages = (f"lss_{stage}.stage" for stage in recon.forward.stages)
    return code_hash("lss_recon.stage", METHODS[recon.method].module, *stages)


@cache
def code_hash(*modules: str) -> str:
    """SHA-256 of the syntax trees of these modules and of all of ours that they import."""
    digest = hashlib.sha256()
    for name, tree in sorted(_closure(modules).items()):
        digest.update(f"{name} {ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def _texts(table: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(table, dict):
        for key_of, value in table.items():
            yield from _texts(value, key_of)
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _texts(value, name)
    elif isinstance(table, str):
        yield name, table


def _closure(modules: Sequence[str]) -> dict[str, ast.Module]:
    trees: dict[str, ast.Module] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in trees or name.partition(".")[0] not in _OURS:
            continue
        source = _source(name)
        if source is None:
            continue
        trees[name] = _without_docstrings(ast.parse(source.read_text()))
        waiting += _imported(trees[name])
    return trees


def _source(name: str) -> Path | None:
    """The file of a module; None where the name is that of a function, or of nothing."""
    try:
        specification = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # a name within a module that is no package
        return None
    return Path(specification.origin) if specification is not None and specification.origin else None


def _imported(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported, and every name that could be one ("from lss import fourier")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
                node.body = node.body[1:]
    return tree
