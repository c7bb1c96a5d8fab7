"""Real tokens a second of full fine-tuning on one GPU, setting by setting.

    PYTHONPATH=src python bench/gpu_train.py                 # 7B: needs some 120 GiB of GPU memory
    PYTHONPATH=src python bench/gpu_train.py --size 3b
    PYTHONPATH=src python bench/gpu_train.py --tiny          # on a CPU, to see that it runs

Needs torch and transformers and nothing else: no weights, flash-attn, network or pictures. The
model is Qwen2.5-VL of the named size from its configuration with random weights; records have the
length mix that the log of a published fine-tuning implies (a mean of some 755 tokens, a spread of
0.35, 60 % of picture tokens, 10 % trained on). Every rung of the ladder adds one setting to the one
before it, runs in a process of its own with a time limit, and takes the same records. It prints
real tokens a second (filling not counted; data, optimizer and all included), model FLOPs
utilisation, peak memory, and how far the first step's loss is from the first rung's. The limit for
the 7B model on one H200 is 8,000 real tokens a second, the aim 10,000.

Up to `no_recompute` the moments of Adam are in bfloat16 like the weights; `compiled` compiles norms
and MLPs; `fp8` needs torchao and is skipped without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

LADDER = (
    "padded", "packed", "varlen", "chunked_loss", "compiled", "no_recompute", "adam_8bit", "fp8",
)  # fmt: skip
LIMIT_7B, AIM_7B = 8_000, 10_000
MARK = "RESULT "
LOSS_TOLERANCE = 0.02
"""Of the first step's loss, relative: bfloat16 sums in another order."""


def main() -> int:
    """Run the ladder, or one rung when this is its process."""
    options = _options()
    if options.rung is not None:
        from gpu_train_rung import run_rung

        print(MARK + json.dumps(run_rung(options)))
        return 0
    results: list[dict[str, Any]] = []
    rungs = LADDER if options.only is None else tuple(options.only.split(","))
    for rung in rungs:
        result = _in_own_process(rung, options=options)
        results.append(result)
        _say(result, first=results[0])
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return _verdict(results, size=options.size)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", choices=("7b", "3b", "tiny"), default="7b")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny")
    parser.add_argument("--only", help="rungs to run, joined by commas")
    parser.add_argument("--steps", type=int, default=None, help="timed steps of a rung")
    parser.add_argument("--tokens", type=int, default=None, help="real tokens of a step, about")
    parser.add_argument("--limit-seconds", type=float, default=240.0, help="for each rung")
    parser.add_argument("--out", type=Path, default=Path("gpu_train.json"))
    parser.add_argument("--rung", choices=LADDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    tiny = options.size == "tiny"
    options.steps = options.steps or (3 if tiny else 20)
    options.tokens = options.tokens or (512 if tiny else 16_384)
    return options


def _in_own_process(rung: str, *, options: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable, __file__, "--rung", rung, "--size", options.size,
        "--steps", str(options.steps), "--tokens", str(options.tokens),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"rung": rung, "failed": f"not done in {options.limit_seconds:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return {"rung": rung, **json.loads(line.removeprefix(MARK))}
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["no word"]
    return {"rung": rung, "failed": last[0]}


def _say(result: dict[str, Any], *, first: dict[str, Any]) -> None:
    if "skipped" in result or "failed" in result:
        print(f"{result['rung']:>13}: {result.get('skipped') or 'FAILED ' + result['failed']}")
        return
    mfu = "" if result["mfu"] is None else f"  MFU {result['mfu']:.1%}"
    off = ""
    if "loss" in first:
        result["loss_off"] = abs(result["loss"] - first["loss"]) / abs(first["loss"])
        off = f"  loss {result['loss']:.4f} ({result['loss_off']:.1e} off)"
    print(
        f"{result['rung']:>13}: {result['tokens_per_second']:,.0f} real tokens/s{mfu}  "
        f"peak {result['peak_gib']:.1f} GiB  filling {result['padding_fraction']:.0%}{off}",
        flush=True,
    )


def _verdict(results: list[dict[str, Any]], *, size: str) -> int:
    ran = [result for result in results if "tokens_per_second" in result]
    unequal = [r["rung"] for r in ran if r.get("loss_off", 0) > LOSS_TOLERANCE]
    if unequal:
        print(f"losses differ: {', '.join(unequal)}")
    if not ran:
        return 1
    best = max(ran, key=lambda result: result["tokens_per_second"])
    print(
        f"best: {best['rung']}, {best['tokens_per_second']:,.0f} real tokens/s on {best['device']}"
    )
    if size == "7b":
        reached = best["tokens_per_second"] >= LIMIT_7B
        print(f"limit {LIMIT_7B:,}: {'reached' if reached else 'missed'}; aim {AIM_7B:,}")
        return int(bool(unequal) or not reached)
    return int(bool(unequal) or any("failed" in result for result in results))


if __name__ == "__main__":
    sys.exit(main())
