"""`doctor`: what this machine can do, and the command that mends each gap."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter


def doctor(*, as_json: Annotated[bool, Parameter("--json")] = False) -> int:
    """Say what this machine can do: torch, GPU, OpenGL, disk, video, browser. No network is used.

    Ends with status 1 when something needed for training is missing; the rest is optional.

    Args:
        as_json: Machine-readable output.
    """
    from roboloop.pipeline.diagnose import diagnose

    findings = diagnose()
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))  # noqa: T201
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            sign = (
                "[green]✓[/]" if finding.good else "[red]✗[/]" if finding.needed else "[yellow]–[/]"
            )
            mend = "" if finding.good else f"[dim]mend:[/] {finding.mend}"
            table.add_row(sign, f"[bold]{finding.what}[/]", finding.found, mend)
        Console().print(table)
    return 1 if any(finding.needed and not finding.good for finding in findings) else 0
