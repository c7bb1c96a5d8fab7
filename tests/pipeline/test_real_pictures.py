"""Real photographs through the whole loop: the Qwen fine-tune demo and the RoboBrain samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.cli.main import run_command

pytestmark = pytest.mark.slow

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
QWEN = DATA / "qwen3vl_finetune_demo" / "qwen-vl-finetune"
ROBOBRAIN = DATA / "robobrain2_demo" / "assets" / "demo"

# Published model answers, in pixels of the pictures (README of RoboBrain 2.0).
ANSWERS = [
    ("affordance.jpg", "contact_box", "hold the cup", "[577, 224, 638, 310]"),
    ("grounding.jpg", "object_box", "the person wearing a red hat", "[0, 193, 226, 640]"),
    (
        "trajectory.jpg",
        "traj_wo_init_pos",
        "reach for the banana on the plate",
        "[(137, 116), (169, 94), (208, 84), (228, 80)]",
    ),
]


def recipe(folder: Path, sources: list[dict[str, str]]) -> Path:
    listed = "\n".join(f"    - {json.dumps(source)}" for source in sources)
    path = folder / "real.yaml"
    path.write_text(
        "schema: 1\nname: real\n"
        "model: {kind: tiny, dialect: {kind: qwen25_vl, factor: 16, max_pixels: 65536}}\n"
        f"data:\n  sources:\n{listed}\n"
        "train:\n  - {name: sft, num_steps: 4, pictures_per_step: 2, questions_per_picture: 2,"
        " learning_rate: 1.0e-3}\n"
        "evaluate: {split: train, baselines: [untrained], num_bootstrap: 100,"
        " max_new_tokens: 32}\n"
    )
    return path


@pytest.mark.skipif(not QWEN.is_dir(), reason="the Qwen fine-tune demo is not beside the checkout")
@pytest.mark.skipif(not ROBOBRAIN.is_dir(), reason="the RoboBrain demo is not beside the checkout")
def test_photographs_run_through_training_evaluation_and_report(tmp_path: Path) -> None:
    sources = [
        {
            "kind": "llava_json", "name": "qwen-demo",
            "path": str(QWEN / "demo" / "single_images.json"), "image_folder": str(QWEN),
        }
    ]  # fmt: skip
    for file, task, asked, answer in ANSWERS:
        entry = {
            "id": file,
            "image": file,
            "conversations": [
                {"from": "human", "value": f"<image>\n{asked}"},
                {"from": "gpt", "value": answer},
            ],
        }
        path = tmp_path / f"{task}.json"
        path.write_text(json.dumps([entry]))
        sources.append(
            {
                "kind": "llava_json", "name": f"robobrain-{task}", "path": str(path),
                "image_folder": str(ROBOBRAIN), "task": task, "coordinates": "plain",
            }
        )  # fmt: skip
    out = tmp_path / "run"
    assert run_command(["run", str(recipe(tmp_path, sources)), "--out", str(out)]) == 0

    (items_file,) = out.glob("stages/evaluate-*/items.jsonl")
    items = {item["id"]: item for item in map(json.loads, items_file.read_text().splitlines())}
    by_task = {item["task"] for item in items.values()}
    assert by_task == {"vqa", "contact_box", "object_box", "traj_wo_init_pos"}
    cup = next(item for item in items.values() if item["task"] == "contact_box")
    assert cup["truth"]["answer"]["box_px"] == [577, 224, 638, 310]
    assert (cup["pictures"][0]["width"], cup["pictures"][0]["height"]) == (640, 426)
    # What the model is taught is in its own frame: the picture shrinks to fit 65,536 pixels.
    taught = json.loads(cup["truth"]["text"])["contact_bbox"]
    assert taught[2] < 330, taught
    assert set(cup["predictions"]) == {"trained", "untrained"}

    report = out / "report"
    pictures = [path for path in (report / "media").rglob("*") if path.is_file()]
    assert len(pictures) >= 5, "the photographs are in the report"
    assert (report / "index.html").is_file()
