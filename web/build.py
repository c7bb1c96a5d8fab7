"""Build the viewer: web/src/*.js -> one classic script, web/style/*.css -> one stylesheet.

    python web/build.py

The sources are ES modules, so that editors and people understand them. A page opened from disk may
not load modules, so each becomes a function in one script, in the order of their imports:

    import { h } from "./dom.js";   ->   const { h } = modules["dom.js"];
    export function h() {}          ->   function h() {} ... return { h };

It knows only these two forms and says so when it meets another. The result is committed; a test
compares it with a fresh build.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "src/roboloop/report/static"
ENTRY = "main.js"
STYLES = (
    "tokens.css", "frame.css", "overview.css", "records.css", "detail.css", "charts.css",
    "funnel.css", "curation.css", "scores.css",
)  # fmt: skip

IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./([a-z]+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def build_script() -> str:
    """The whole viewer as the text of one classic script."""
    order: list[str] = []
    _visit(ENTRY, order=order, trail=())
    head = "// Built by web/build.py from web/src; change those files, not this one.\n"
    body = "\n".join(_module(name) for name in order)
    return f'{head}(() => {{\n"use strict";\nconst modules = {{}};\n\n{body}}})();\n'


def _module(name: str) -> str:
    """One file as a function that returns what it exports."""
    text = _source(name)
    exported = ", ".join(found for _, found in EXPORT.findall(text))
    body = IMPORT.sub(r'const { \1 } = modules["\2"];', EXPORT.sub(r"\1", text)).rstrip()
    if odd := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
        raise SystemExit(f"{name}: this build does not know {odd.group()!r}")
    end = f"\nreturn {{ {exported} }};" if exported else ""
    return f'modules["{name}"] = (() => {{\n{body}\n{end}\n}})();\n'


def build_style() -> str:
    """The whole stylesheet."""
    head = "/* Built by web/build.py from web/style; change those files, not this one. */\n"
    parts = [(HERE / "style" / name).read_text(encoding="utf-8").strip() for name in STYLES]
    return head + "\n\n".join(parts) + "\n"


def _visit(name: str, *, order: list[str], trail: tuple[str, ...]) -> None:
    """Put `name` into `order` after everything it imports."""
    if name in trail:
        raise SystemExit(f"imports in a circle: {' > '.join([*trail, name])}")
    if name in order:
        return
    for names, source in IMPORT.findall(_source(name)):
        exported = {found for _, found in EXPORT.findall(_source(source))}
        if missing := set(names.split(", ")) - exported:
            raise SystemExit(f"{name}: {source} does not export {', '.join(sorted(missing))}")
        _visit(source, order=order, trail=(*trail, name))
    order.append(name)


def _source(name: str) -> str:
    return (HERE / "src" / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, text in (("app.js", build_script()), ("app.css", build_style())):
        (STATIC / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{STATIC / name}\n")
