"""From another trainer's configuration to a recipe: every option mapped, or said why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.pipeline.foreign_options import NOT_NEEDED, NOT_SUPPORTED, USED
from roboloop.pipeline.foreign_phase import phase_of
from roboloop.pipeline.yaml_places import dump_yaml, parse_value, read_yaml

State = Literal["mapped", "not needed", "not supported", "unknown"]
DIALECTS = {"qwen2_vl": "qwen25_vl", "qwen2_5_vl": "qwen25_vl", "qwen3_vl": "qwen3_vl",
            "qwen3_vl_nothink": "qwen3_vl"}  # fmt: skip
OPTION = re.compile(r"--([A-Za-z][\w-]*)(?:[ \t=]+(?!--)(\"[^\"]*\"|'[^']*'|\S+))?")
ASSIGNED = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S+)\s*$", re.MULTILINE
)


class Line(NamedTuple):
    """What became of one option.

    Attributes:
        option: Its name.
        value: As given.
        state: What became of it.
        said: The recipe's key, or the reason.
    """

    option: str
    value: Any
    state: State
    said: str


class Imported(NamedTuple):
    """A recipe made of another trainer's configuration.

    Attributes:
        recipe: As plain values.
        lines: One for each option, in the file's order.
        notes: What to look at before it is run.
    """

    recipe: dict[str, Any]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        """The recipe as YAML, the fate of every option in front of it."""
        head = [
            f"# {line.option}: {line.value} -> {line.state}: {line.said}" for line in self.lines
        ]
        notes = [f"# look at: {note}" for note in self.notes]
        return "\n".join([*head, *notes, dump_yaml(self.recipe)])


def import_config(path: Path, *, num_gpus: int = 1, num_samples: int | None = None) -> Imported:
    """Read a LLaMA-Factory YAML, or a shell script with a trainer's command line.

    Args:
        path: `*.yaml`, `*.yml`, or a script such as `train.sh` or RoboInterVLM's `sft.sh`.
        num_gpus: Processes of that run: batch sizes there are for each.
        num_samples: Training samples of that run; needed for a warm-up given in steps.

    Raises:
        RoboLoopError: E-CFG-004 no such file, E-CFG-001 not readable, E-CFG-003 no option in it.
    """
    if path.suffix in (".yaml", ".yml"):
        given = read_yaml(path, fill_variables=False).value
    else:
        given = _from_script(path)
    if not USED.keys() & given.keys():
        raise RoboLoopError("E-CFG-003", "no option of a known trainer in it", place=Place(path))
    notes: list[str] = []
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", str(given.get("run_name") or path.stem)).strip("-.")
    recipe = {
        "schema": 1,
        "name": name or "imported",
        "description": f"Made of {path.name}.",
        "seed": int(given.get("seed", 42)),
        "model": _model(given, notes=notes),
        "data": {"sources": [_source(given, notes=notes)]},
        "train": [phase_of(given, num_gpus=num_gpus, num_samples=num_samples, notes=notes)],
    }
    lines = tuple(_line(option, value) for option, value in given.items())
    return Imported(recipe, lines, tuple(notes))


def _line(option: str, value: Any) -> Line:
    tables: tuple[tuple[State, Mapping[str, str]], ...] = (
        ("mapped", USED), ("not needed", NOT_NEEDED), ("not supported", NOT_SUPPORTED),
    )  # fmt: skip
    for state, table in tables:
        if option in table:
            return Line(option, value, state, table[option])
    return Line(option, value, "unknown", "no option of RoboLoop's is known to mean this")


def _from_script(path: Path) -> dict[str, Any]:
    """Options of the last command in a script; `$NAME` is filled where the script assigns it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise RoboLoopError("E-CFG-004", "no such file", place=Place(path)) from error
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    names = {name: value.strip("\"'") for name, value in ASSIGNED.findall(text)}

    def filled(value: str) -> str:
        for _ in range(3):  # an assigned value may hold another name
            value = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: names.get(m[1] or m[2], m[0]), value)
        return value

    found: dict[str, Any] = {}
    for option, value in OPTION.findall(filled(text).replace("\\\n", " ")):
        plain = value.strip("\"'")
        found[option] = True if not plain else _value(plain)
    return found


def _value(text: str) -> Any:
    """A number, a yes or no, or the text itself."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
        return float(text)
    return parse_value(text) if text.lower() in ("true", "false") else text


def _model(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    template = given.get("template")
    if template is not None and template not in DIALECTS:
        notes.append(
            f"template {template} is none of {', '.join(DIALECTS)}: model.dialect.kind is a guess"
        )
    dialect: dict[str, Any] = {"kind": DIALECTS.get(str(template), "qwen25_vl")}
    for limit in ("min_pixels", "max_pixels"):
        value = given.get(f"image_{limit}", given.get(limit))
        if value is not None:
            dialect[limit] = int(value)
    path = str(given.get("model_name_or_path", "${MODEL}"))
    return {"kind": "folder", "path": path, "dialect": dialect}


def _source(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    if "dataset_use" in given:
        notes.append("data.sources.path is where RoboInter-VQA lies")
        return {
            "kind": "robointer_vqa", "path": "${ROBOINTER}", "coordinates": "origin",
            "allow_missing": True, "mixture": str(given["dataset_use"]),
        }  # fmt: skip
    source: dict[str, Any] = {
        "kind": "llama_factory",
        "path": str(given.get("dataset_dir", "data")),
    }
    names = given.get("dataset")
    if names is not None:
        listed = names if isinstance(names, list) else str(names).split(",")
        source["subsets"] = [str(name).strip() for name in listed]
    if "max_samples" in given:
        source["limit"] = int(given["max_samples"])
        if len(source.get("subsets", [])) > 1:
            notes.append("max_samples there is for each data set, data.sources.limit for all")
    if "media_dir" in given:
        source["image_folder"] = str(given["media_dir"])
    return source
