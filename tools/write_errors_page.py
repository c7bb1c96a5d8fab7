"""Write docs/errors.md from the error catalogue."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.catalogue import catalogue_page

if __name__ == "__main__":
    page = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
    page.write_text(catalogue_page(), encoding="utf-8")
