"""The committed viewer is what its sources build."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("viewer_build", ROOT / "web/build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["viewer_build"] = module
    spec.loader.exec_module(module)
    return module


def test_the_committed_viewer_equals_a_fresh_build() -> None:
    build = load_build()
    for name, text in (("app.js", build.build_script()), ("app.css", build.build_style())):
        committed = (build.STATIC / name).read_text(encoding="utf-8")
        assert committed == text, "run: python web/build.py"


def test_every_source_is_in_the_build() -> None:
    build = load_build()
    script = build.build_script()
    for path in sorted((ROOT / "web/src").glob("*.js")):
        assert f'modules["{path.name}"]' in script, f"{path.name} is imported by nobody"
    assert set(build.STYLES) == {path.name for path in (ROOT / "web/style").glob("*.css")}


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ({"main.js": 'import { a } from "./b.js";', "b.js": 'import { b } from "./main.js";\n'},
         "does not export"),
        ({"main.js": 'import { a } from "./b.js";\nexport const b = 1;',
          "b.js": 'import { b } from "./main.js";\nexport const a = 1;'}, "circle"),
        ({"main.js": 'import a from "./b.js";', "b.js": ""}, "does not know"),
        ({"main.js": "export default 1;"}, "does not know"),
    ],
)  # fmt: skip
def test_what_the_build_cannot_do_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: dict[str, str], complaint: str
) -> None:
    build = load_build()
    (tmp_path / "src").mkdir()
    for name, text in sources.items():
        (tmp_path / "src" / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(build, "HERE", tmp_path)
    with pytest.raises(SystemExit, match=complaint):
        build.build_script()
