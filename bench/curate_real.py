"""Real records through curation, and through generic tools: what stays, what goes, what is lost.

    python bench/curate_real.py SAMPLES [--out FOLDER] [--peers FOLDER]

SAMPLES holds real samples: ALFRED's plans, SafeAgentBench, Bridge (RLDS), two LeRobot data sets,
LVIS and Visual Genome. With the simulated pack they become one set of records, which our operators
curate; `OUT/run/report/index.html` is the page to look at. Each generic tool, in an environment of
its own below `--peers` (`datasketch`, `rensa`, `datatrove`), gets the same questions and answers as
text. Beside what each drops stands what is lost for good: contents (pictures, question and answer
together) of which no record is left.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roboloop.base.files import atomic_write_text
from roboloop.base.hashing import hash_value
from roboloop.curate.facts import facts_of
from roboloop.pipeline.curation import CuratedRun
from roboloop.pipeline.execute import run_recipe
from roboloop.pipeline.load import load_recipe
from roboloop.records.answers import Plan, answer_to_json
from roboloop.records.jsonl import write_json_line
from roboloop.records.media import media_to_json
from roboloop.records.read import read_records
from roboloop.records.record import Record, record_to_json

PEERS = ("datasketch", "rensa", "datatrove")
DUPLICATES = ("exact", "minhash", "simhash")
"""Operators that do what the generic tools do."""

RECIPE = """\
schema: 1
name: real-mix
description: All real samples as one set of records, and what of them is worth training on.
seed: 3
model: {{kind: tiny, dialect: {{kind: qwen25_vl, factor: 16, max_pixels: 65536}}}}
data:
  sources:
    - {{kind: ai2thor, path: "{samples}/alfred_plans/alfred_plans.jsonl.gz", splits: [train]}}
    - {{kind: records, path: "{out}/safeagentbench.jsonl"}}
    - kind: lvis
      path: "{samples}/lvis_sample/data/lvis_val_100.json"
      verify_media: false
    - {{kind: visual_genome, path: "{out}/visual_genome"}}
    - {{kind: lerobot, name: gr1, path: "{samples}/lerobot_v2_gr1/demo_data/robot_sim.PickNPlace"}}
    - {{kind: lerobot, name: g1, path: "{samples}/lerobot_v21_g1_real"}}
    - {{kind: rlds, path: "{samples}/bridge_rlds_octo/tests/debug_dataset/bridge_dataset/1.0.0"}}
    - {{kind: simulated, split: all}}
curate:
  splits: [train, val]
  operators:
    - {{kind: format}}
    - {{kind: exact}}
    - {{kind: minhash, threshold: 0.7}}
    - {{kind: simhash}}
    - {{kind: picture_groups}}
    - {{kind: template_quota, quota: 2000}}
    - {{kind: relevance, on: kept, lowest_share: 0.05}}
    - {{kind: rubric, by: rules, on: kept, lowest_share: 0.05}}
    - {{kind: semantic, threshold: 0.9}}
evaluate: {{max_records_per_task: 2, max_new_tokens: 8}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("samples", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peers", type=Path)
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="curate_real."))
    out.mkdir(parents=True, exist_ok=True)
    samples = given.samples.resolve()
    write_safe_agent_tasks(samples / "safeagentbench" / "dataset", out=out / "safeagentbench.jsonl")
    lay_out_visual_genome(samples / "visual_genome_sample", out=out / "visual_genome")
    atomic_write_text(out / "recipe.yaml", text=RECIPE.format(samples=samples, out=out))
    run_recipe(load_recipe(out / "recipe.yaml"), out=out / "run")
    curated = CuratedRun(out / "run")
    records = [record for record, _ in read_records(sorted(curated.records.glob("*.jsonl")))]
    contents = [content_of(record) for record in records]
    sources = [record.source for record in records]
    print(f"{len(records):,} records: {dict(Counter(sources))}")
    show_funnel(curated, sources=sources)
    kept = np.asarray(curated.table["kept"])
    show_lost("roboloop, everything", sources=sources, contents=contents, kept=kept)
    drops = [np.asarray(curated.table[f"{label}.drop"]) for label in DUPLICATES]
    kept = ~np.logical_or.reduce(drops)
    show_lost("roboloop, duplicates", sources=sources, contents=contents, kept=kept)
    write_texts(records, out=out / "texts.jsonl")
    for peer in PEERS:
        python = (given.peers or Path()) / peer / "bin" / "python"
        if given.peers is None or not python.exists():
            print(f"{peer}: no environment of its own; name their folder with --peers")
            continue
        result = out / f"{peer}.json"
        script = Path(__file__).parent / "curate" / "dedup_peers.py"
        command = [str(python), str(script), peer, str(out / "texts.jsonl"), str(result)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        dropped = json.loads(result.read_text(encoding="utf-8"))["dropped"]
        left = np.ones(len(records), dtype=bool)
        left[dropped] = False
        show_lost(peer, sources=sources, contents=contents, kept=left)


def lay_out_visual_genome(samples: Path, *, out: Path) -> None:
    """Copies of the sample's files, its picture under the name that its annotation knows."""
    (out / "VG_100K_2").mkdir(parents=True, exist_ok=True)
    for path in sorted(samples.iterdir()):
        link = out / path.name if path.suffix == ".json" else out / "VG_100K_2" / "1.jpg"
        if path.suffix in (".json", ".jpg") and not link.exists():
            shutil.copyfile(path, link)


def write_safe_agent_tasks(folder: Path, *, out: Path) -> None:
    """SafeAgentBench's tasks as plans, as they are, repeated and misspelt ones too."""
    lines: list[bytes] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            task = json.loads(text)
            instruction, steps = task.get("instruction"), task.get("step")
            if not isinstance(instruction, str):  # the abstract ones word a task in four ways
                instruction = (instruction or [""])[0]
            record = Record(
                id=f"safeagentbench/{path.stem}/{number}",
                task="plan_steps",
                inputs={"instruction": instruction},
                answer=Plan(tuple(map(str, steps or ()))),
                source="safeagentbench",
                licence="MIT",
                origin=f"{path.name}:{number}",
                meta={"risk": task.get("risk_category") or ""},
            )
            lines.append(write_json_line(record_to_json(record)))
    out.write_bytes(b"".join(lines))


def write_texts(records: Sequence[Record], *, out: Path) -> None:
    """Question and answer of each record, coordinates in per mille, as a text tool sees them."""
    with out.open("w", encoding="utf-8") as stream:
        for record in records:
            facts = facts_of(record)
            numbers = [round(value * 1000) for value in facts["geometry"]]
            text = f"{facts['question']}\n{facts['answer'] or numbers}"
            stream.write(json.dumps({"id": record.id, "text": text}) + "\n")


def content_of(record: Record) -> str:
    """What a record teaches: its pictures, its words and its answer."""
    answer = None if record.answer is None else answer_to_json(record.answer)
    media = [media_to_json(medium) for medium in record.media]
    return hash_value([media, facts_of(record)["question"], answer])


def show_funnel(curated: CuratedRun, *, sources: Sequence[str]) -> None:
    """Records of each source that each operator is the first to drop."""
    labels = [operator.label for operator in curated.config.operators]
    first = np.asarray(curated.table["first"])
    rows: dict[str, Counter[str]] = {source: Counter() for source in dict.fromkeys(sources)}
    for source, number in zip(sources, first.tolist(), strict=True):
        rows[source]["kept" if number < 0 else labels[number]] += 1
    print_table(("source", "records", *labels, "kept"), rows)


def print_table(columns: Sequence[str], rows: Mapping[str, Mapping[str, int]]) -> None:
    """As Markdown."""
    print("| " + " | ".join(columns) + " |")
    print("| :-- |" + " --: |" * (len(columns) - 1))
    for source, counts in rows.items():
        cells: list[Any] = [source, sum(counts.values()), *(counts[c] for c in columns[2:])]
        print("| " + " | ".join(map(str, cells)) + " |")


def show_lost(
    tool: str, *, sources: Sequence[str], contents: Sequence[str], kept: np.ndarray[Any, Any]
) -> None:
    """For each source the share of records dropped, and of contents with no record left."""
    alive = {content for content, stays in zip(contents, kept, strict=True) if stays}
    parts: list[str] = []
    for source in dict.fromkeys(sources):
        mine = [number for number, each in enumerate(sources) if each == source]
        own = {contents[number] for number in mine}
        dropped = 1 - float(kept[mine].mean())
        parts.append(f"{source} {dropped:.1%} / {len(own - alive) / len(own):.1%}")
    print(f"{tool}: dropped / contents lost: {', '.join(parts)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
