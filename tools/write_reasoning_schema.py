"""Write docs/reasoning.schema.json from the models of a record's reasoning."""

from __future__ import annotations

from pathlib import Path

from roboloop.records.reasoning import schema_page

if __name__ == "__main__":
    page = Path(__file__).resolve().parents[1] / "docs" / "reasoning.schema.json"
    page.write_text(schema_page(), encoding="utf-8")
