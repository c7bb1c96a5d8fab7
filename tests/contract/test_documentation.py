"""The manual is true: its code runs, its links lead somewhere, its generated page is fresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_pages_are_found() -> None:
    assert len(PAGES) > 10


@pytest.mark.parametrize(
    "example", list(find_examples(*(str(p) for p in PAGES if p.exists()))), ids=str
)
def test_code_in_the_manual_runs(example: CodeExample, eval_example: EvalExample) -> None:
    if "python" not in example.prefix_tags():
        pytest.skip(f"a block of {example.prefix or 'plain text'}, not Python")
    eval_example.run(example)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_of_errors_is_made_from_the_catalogue() -> None:
    from roboloop.base.catalogue import catalogue_page

    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert page == catalogue_page(), "run: python tools/write_errors_page.py"
