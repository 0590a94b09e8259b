"""Every TOML of the examples and the manual, held against the one schema, and its keys misspelt one by one."""

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema

from lss import stages
from lss.config import Configuration, Settings, validate
from lss.errors import ConfigError

ROOT = Path(__file__).parents[2]
TOOLS = ("ic", "sim", "halo", "train", "recon", "stats")


def texts() -> dict[str, str]:
    """Where it stands -> the text of a configuration."""
    found = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob("examples/*/*.toml"))}
    del found["examples/own-stage/pyproject.toml"]
    for page in sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"), ROOT / "README.md"]):
        for number, block in enumerate(re.findall(r"(?:^    [^\n]*\n|^ *\n)+", page.read_text(), re.MULTILINE)):
            text = "\n".join(line[4:] for line in block.splitlines())
            head = re.search(r"^\[[a-z_.]+\] *(#.*)?$", text, re.MULTILINE)
            if head:
                toml = re.split(r"^(?:lss-|\$ )", text[head.start() :], flags=re.MULTILINE)[0]  # commands may follow
                found[f"{page.relative_to(ROOT)}:{number}"] = toml
    return found


def validator() -> Any:
    """Of the schema, which is checked itself."""
    found = stages.schema(Configuration)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def misspelt(settings: Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Settings]]:
    """Every key and table in turn with a letter too many: the path to it, and the settings."""
    for key, value in settings.items():
        rest = {name: other for name, other in settings.items() if name != key}
        yield (*path, key), {**rest, f"{key}x": value}
        if isinstance(value, dict):
            for below, changed in misspelt(value, (*path, key)):
                yield below, {**rest, key: changed}


def every_misspelling() -> Iterator[tuple[str, tuple[str, ...], Settings]]:
    """Each key once: where it stands, its path, the settings with a letter too many in it."""
    seen = set()
    for name, text in texts().items():
        for path, settings in misspelt(tomllib.loads(text)):
            if path not in seen:
                seen.add(path)
                yield name, path, settings


def is_refused(settings: Settings, source: str, tool: str) -> bool:
    """Whether a command refuses a key as unknown, by what it does before anything else."""
    model = import_module(f"lss_{tool}.config").Config
    try:
        validate(model, settings, source)
        stages.check_tables(settings, settings, source, model)
    except ConfigError as error:
        return "unknown key" in str(error) or "unknown table" in str(error)
    return False


def counts() -> dict[str, int]:
    """What the benchmark says of them."""
    schema, every = validator(), texts()
    valid = sum(schema.is_valid(tomllib.loads(text)) for text in every.values())
    tried = accepted = 0
    for name, _, settings in every_misspelling():
        for tool in TOOLS:
            tried += 1
            accepted += schema.is_valid(settings) or not is_refused(settings, name, tool)
    return {"schema_files": len(every), "schema_valid": valid, "misspelt_tried": tried, "misspelt_accepted": accepted}
