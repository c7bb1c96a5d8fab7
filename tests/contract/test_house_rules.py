"""The house's rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_FILES = sorted(
    path
    for folder in ("src", "tests", "bench", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path.exists()
)
WEB_FILES = sorted([*(ROOT / "web").rglob("*.js"), *(ROOT / "web").rglob("*.css")])
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 80
EMPTY_NAMES = {"utils.py", "common.py", "helpers.py", "misc.py", "constants.py"}


def test_there_is_something_to_check() -> None:
    assert len(PYTHON_FILES) > 50


@pytest.mark.parametrize("path", PYTHON_FILES + WEB_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert path.name not in EMPTY_NAMES
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


def test_help_is_fast_to_import_and_free_of_torch() -> None:
    program = (
        "import sys; from roboloop.cli.main import run_command; "
        "status = run_command(['--help']); "
        "heavy = {'torch', 'transformers', 'accelerate', 'pyarrow'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy or status else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for verb in ("demo", "run", "plan", "data", "check", "look", "card", "train", "evaluate",
                 "report", "simulate", "unpack", "doctor", "list", "why", "what-if",
                 "diff"):  # fmt: skip
        assert verb in result.stdout


def test_loading_a_recipe_imports_no_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from roboloop.pipeline.load import load_recipe; "
        "load_recipe(Path('demo_cpu')); sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_code_that_is_raised_is_in_the_catalogue_and_the_other_way_round() -> None:
    from roboloop.base.catalogue import CATALOGUE

    used: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        if path.name != "catalogue.py":
            used |= set(re.findall(r"\"(E-[A-Z]{3}-\d{3})\"", path.read_text(encoding="utf-8")))
    assert used == set(CATALOGUE), "raised but not listed, or listed but never raised"


def test_every_row_of_every_table_resolves_and_has_a_page() -> None:
    from roboloop.dialects import DIALECTS
    from roboloop.sources import SOURCES
    from roboloop.tasks import TASKS

    pages = {
        "tasks": ROOT / "docs/tasks.md",
        "dialects": ROOT / "docs/dialects.md",
        "sources": ROOT / "docs/sources",
    }
    for table in (TASKS, DIALECTS, SOURCES):
        page = pages[table.name]
        files = sorted(page.glob("*.md")) if page.is_dir() else [page]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        for kind in table.rows:
            assert table.resolve(kind) is not None
            described = f"`{kind}`" in text or f"kind: {kind}" in text
            assert described, f"{kind} is not described in {page.name}"


def test_no_path_of_one_machine_stands_in_the_project() -> None:
    listed = subprocess.run(
        ["git", "grep", "-nIE", "(/home/[a-z]|/root/|/work/(main|shared))", "--", "src", "docs",
         "tests", "recipes", "bench", "web", "README.md", "README.zh.md", "AGENTS.md"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line for line in listed.stdout.splitlines() if "test_house_rules" not in line]
    assert found == []
