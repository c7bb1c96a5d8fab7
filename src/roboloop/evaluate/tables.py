"""The report as tables: Markdown for reading, CSV for computing, LaTeX for papers.

Made from `report.json` alone. Columns hold one metric each: unlike metrics are never averaged.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roboloop.evaluate.text_tables import aligned_rows, latex_text, markdown_rows

Report = Mapping[str, Any]

_ARROWS = {True: "↑", False: "↓"}
_SIGNS = {"better": "▲", "worse": "▼", "not distinguishable": "≈"}

CSV_TASK = ("task", "num_scored_against", "num_groups")
CSV_RESULT = ("model", "num_answered", "num_unparsed", "num_request_failed", "complete")
CSV_METRIC = ("unit", "primary", "higher_is_better")
CSV_BOUNDS = ("value", "low", "high")
CSV_COLUMNS = (
    *CSV_TASK, *CSV_RESULT, "role", "metric", *CSV_METRIC, *CSV_BOUNDS,
    "baseline", *(f"difference_{name}" for name in CSV_BOUNDS), "verdict",
)  # fmt: skip


def markdown_table(report: Report) -> str:
    """Main metrics first, then every metric of every task."""
    baselines = _baselines(report)
    confidence = f"{report['settings']['confidence']:.0%}"
    lines = markdown_rows(_header(baselines), _main_rows(report, baselines=baselines))
    lines += [
        "",
        f"Brackets: {confidence} intervals, episodes drawn again. ▲ better, ▼ worse, "
        "≈ not distinguishable from the baseline. n: records with a truth (episodes); answers "
        "that could not be read count with the worst value.",
    ]
    if not report["complete"]:
        lines += ["", "† Incomplete: requests failed or truths are missing; see `report.json`."]
    for note in report["notes"]:
        lines += ["", f"Note: {note}."]
    lines += ["", "## Overall", ""]
    lines += markdown_rows(
        ["model", "tasks", "valid", *(f"vs {b}: ▲ ▼ ≈" for b in baselines)],
        _overall_rows(report, baselines=baselines),
    )
    if report["overall"]["by_metric"]:
        lines += ["", "## Tasks with one main metric, each task counting alike", ""]
        lines += markdown_rows(["metric", "tasks", "model", "value"], _shared_rows(report))
    lines += ["", "## Every metric", ""]
    lines += markdown_rows(["task", "metric", "model", "value"], _all_rows(report))
    return "\n".join(lines) + "\n"


def text_table(report: Report) -> str:
    """Main metrics in aligned columns, for a terminal."""
    baselines = _baselines(report)
    rows = [_header(baselines), *_main_rows(report, baselines=baselines)]
    return "\n".join(aligned_rows(rows)) + "\n"


def csv_table(report: Report) -> str:
    """One line per task, model, metric and baseline; the baseline is empty where there is none."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    roles = {model["name"]: model["role"] for model in report["models"]}
    for task, result in _results(report):
        for metric in task["metrics"]:
            if (interval := result["metrics"].get(metric["name"])) is None:
                continue
            row = {
                **{key: task[key] for key in CSV_TASK},
                **{key: result[key] for key in CSV_RESULT},
                **{key: metric[key] for key in CSV_METRIC},
                **{key: interval[key] for key in CSV_BOUNDS},
                "role": roles[result["model"]],
                "metric": metric["name"],
            }
            writer.writerows({**row, **found} for found in _csv_differences(result, metric["name"]))
    return out.getvalue()


def _csv_differences(result: Mapping[str, Any], metric: str) -> list[dict[str, Any]]:
    """The baseline's columns for each baseline; one empty set of them without any."""
    return [
        {
            "baseline": baseline,
            **{f"difference_{key}": differences[metric][key] for key in CSV_BOUNDS},
            "verdict": differences[metric]["verdict"],
        }
        for baseline, differences in result["differences"].items()
    ] or [{}]


def latex_table(report: Report) -> str:
    """Main metrics as a booktabs table."""
    baselines = _baselines(report)
    lines = [
        f"% Brackets and stars: confidence {report['settings']['confidence']:g}",
        r"\begin{tabular}{llr" + "r" * (2 + len(baselines)) + "}",
        r"\toprule",
        " & ".join(["Task", "Model", "Valid", "Metric", "Value", *(f"vs {b}" for b in baselines)])
        + r" \\",
        r"\midrule",
    ]
    for task, result in _results(report):
        primary = task["metrics"][0]
        name = primary["name"]
        if name not in result["metrics"]:
            continue
        cells = [
            latex_text(task["task"]),
            latex_text(result["model"]) + ("" if result["complete"] else r"$^\dagger$"),
            latex_text(percent(result["validity"]["value"])),
            latex_text(name)
            + (r" $\uparrow$" if primary["higher_is_better"] else r" $\downarrow$"),
            latex_text(shown(result["metrics"][name])),
            *(_latex_difference(result, baseline=b, metric=name) for b in baselines),
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _header(baselines: Sequence[str]) -> list[str]:
    return ["task", "n", "model", "valid", "metric", "value", *(f"vs {b}" for b in baselines)]


def _main_rows(report: Report, *, baselines: Sequence[str]) -> Iterator[list[str]]:
    for task, result in _results(report):
        primary = task["metrics"][0]
        name = primary["name"]
        number = f"{task['num_scored_against']} ({task['num_groups']})"
        model = result["model"] + ("" if result["complete"] else " †")
        if name not in result["metrics"]:
            yield [task["task"], number, model, "-", name, "no truth", *("-" for _ in baselines)]
            continue
        yield [
            task["task"],
            number,
            model,
            percent(result["validity"]["value"]),
            f"{name} {_ARROWS[primary['higher_is_better']]}",
            shown(result["metrics"][name]),
            *(_difference(result, baseline=b, metric=name) for b in baselines),
        ]


def _overall_rows(report: Report, *, baselines: Sequence[str]) -> Iterator[list[str]]:
    for model in report["overall"]["models"]:
        versus = [model["versus"].get(baseline, {}) for baseline in baselines]
        yield [
            model["model"] + ("" if model["complete"] else " †"),
            str(model["num_tasks"]),
            percent(model["validity"]["value"]) if model["validity"] else "-",
            *(" ".join(str(n[verdict]) for verdict in _SIGNS if n) for n in versus),
        ]


def _shared_rows(report: Report) -> Iterator[list[str]]:
    for row in report["overall"]["by_metric"]:
        for result in row["results"]:
            tasks = ", ".join(row["tasks"])
            arrow = _ARROWS[row["higher_is_better"]]
            yield [f"{row['metric']} {arrow}", tasks, result["model"], shown(result)]


def _all_rows(report: Report) -> Iterator[list[str]]:
    for task in report["tasks"]:
        for metric in task["metrics"]:
            for result in task["results"]:
                if (interval := result["metrics"].get(metric["name"])) is not None:
                    unit = "" if metric["unit"] == "fraction" else f" ({metric['unit']})"
                    title = f"{metric['name']}{unit} {_ARROWS[metric['higher_is_better']]}"
                    yield [task["task"], title, result["model"], shown(interval)]


def _results(report: Report) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for task in report["tasks"]:
        for result in task["results"]:
            yield task, result


def _baselines(report: Report) -> list[str]:
    return [model["name"] for model in report["models"] if model["role"] != "candidate"]


def _difference(result: Mapping[str, Any], *, baseline: str, metric: str) -> str:
    found = result["differences"].get(baseline, {}).get(metric)
    return "" if found is None else f"{_SIGNS[found['verdict']]} {signed(found['value'])}"


def _latex_difference(result: Mapping[str, Any], *, baseline: str, metric: str) -> str:
    found = result["differences"].get(baseline, {}).get(metric)
    if found is None:
        return ""
    star = "^{*}" if found["verdict"] in ("better", "worse") else ""
    return f"${signed(found['value'])}{star}$"


def shown(interval: Mapping[str, Any]) -> str:
    """A value with its interval, where it has one."""
    value = figure(interval["value"])
    if interval["low"] is None:
        return value
    return f"{value} [{figure(interval['low'])}, {figure(interval['high'])}]"


def figure(value: float) -> str:
    """A measured value: three decimals, one from ten on."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def signed(value: float) -> str:
    """A measured difference with its sign."""
    return ("" if value < 0 else "+") + figure(value)


def percent(value: float) -> str:
    """A share with one decimal."""
    return f"{value:.1%}"
