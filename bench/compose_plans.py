"""Plans and preference pairs from all of ALFRED: how many, how sure, how fast.

    python bench/compose_plans.py ../shared/data/alfred_plans/alfred_plans.jsonl.gz

Reads the distilled plans and prints four figures with their bars: episodes in three to five steps,
gold plans that the checker passes, checked pairs, and pairs whose chosen answer scores no better.
Then how well a reader who sees only the answers, not the questions, can tell which one is worse.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.compose.base import ComposeContext
from roboloop.compose.plan_checker import find_violation
from roboloop.compose.plan_compress import compress
from roboloop.compose.preference_plans import PreferencePlans
from roboloop.records.answers import Plan
from roboloop.records.episode import Episode, episode_of
from roboloop.records.record import Record
from roboloop.sources.ai2thor import Ai2thorSource
from roboloop.sources.base import SourceContext
from roboloop.tasks import load_task

PUBLISHED = Path("../shared/data/alfred_plans/alfred_plans.jsonl.gz")
PUBLIC = ("train", "valid_seen", "valid_unseen")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=PUBLISHED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time-only", action="store_true", help="leave the other figures out")
    options = parser.parse_args()
    if not options.path.exists():
        print(f"nothing measured: ALFRED's plans do not lie at {options.path}; name their file")
        return
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        source = Ai2thorSource.model_validate(
            {"kind": "ai2thor", "path": options.path, "splits": PUBLIC, "questions": ["plan"]}
        )
        read = source.read(SourceContext(Path(folder), options.seed))
        records = [item for item in read if isinstance(item, Record)]
        seconds_to_read = time.perf_counter() - started
        started = time.perf_counter()
        context = ComposeContext(options.seed, Path(folder))
        train = [record for record in records if record.split == "train"]
        made = list(PreferencePlans().compose(train, context))
        seconds_to_pair = time.perf_counter() - started
    pairs = [item for item in made if isinstance(item, Record)]
    if not options.time_only:
        episodes = {episode.id: episode for record in records if (episode := episode_of(record))}
        tell_plans(list(episodes.values()))
        tell_pairs(pairs)
        refused = Counter(item.error.code for item in made if not isinstance(item, Record))
        print(f"refused: {dict(refused)}")
    print(f"{len(pairs)} pairs")
    print(
        f"train: {len(train)} tellings read in {seconds_to_read:.1f} s (with the other splits), "
        f"pairs made in {seconds_to_pair:.1f} s; together {seconds_to_read + seconds_to_pair:.1f} s"
        " (bar: under 60)"
    )


def tell_plans(episodes: Sequence[Episode]) -> None:
    """How many episodes end in three to five steps, and how many the checker passes."""
    lengths: Counter[str] = Counter()
    num_pass = num_short_pass = 0
    for episode in episodes:
        num_pass += find_violation(episode, episode.steps) is None
        try:
            steps = compress(episode.steps)
        except RoboLoopError as error:
            lengths[error.code] += 1
            continue
        lengths[f"{len(steps)} steps"] += 1
        num_short_pass += find_violation(episode, steps) is None
    num_short = sum(count for name, count in lengths.items() if name.endswith("steps"))
    total = len(episodes)
    print(f"{total} episodes with a public plan: {dict(sorted(lengths.items()))}")
    print(f"in three to five steps: {num_short / total:.3%} (bar: 99.9 %)")
    print(f"gold plans that pass: {num_pass / total:.3%}; short ones {num_short_pass / total:.3%}")
    print("  (bar: 99.5 %)")


def tell_pairs(pairs: Sequence[Record]) -> None:
    """How many pairs there are, whether the metric agrees, and what gives them away."""
    task = load_task("short_plan")
    main_metric = task.metrics[0].name
    num_no_better = 0
    for pair in pairs:
        assert pair.answer is not None and pair.rejected is not None
        scores = [
            task.score(answer, truth=pair.answer, size=None)[main_metric]
            for answer in (pair.answer, pair.rejected)
        ]
        num_no_better += scores[0] <= scores[1]
    kinds = Counter(pair.meta["evidence"]["what"] for pair in pairs)
    distinct = {(pair.meta["episode"], sentences(pair.rejected)) for pair in pairs}
    print(f"checked pairs: {len(pairs)} (bar: 20,000), {len(distinct)} of them distinct by episode")
    print(f"  {dict(kinds.most_common())}")
    print(f"chosen scores no better: {num_no_better} (bar: 0)")
    blind = blind_reader(pairs)
    print(f"a blind reader of words and lengths is right in {blind:.1%} of pairs (chance: 50 %)")


def blind_reader(pairs: Sequence[Record]) -> float:
    """Accuracy of a linear reader of the two answers alone, on episodes it has not seen.

    It counts words, steps and characters, not their order, and is fitted by ridge regression on the
    difference of chosen and rejected.
    """
    words = Counter(word for pair in pairs for word in set(words_of(pair.answer)))
    index = {word: place for place, (word, _) in enumerate(words.most_common(300))}
    features = np.zeros((len(pairs), len(index) + 2))
    for row, pair in enumerate(pairs):
        for sign, answer in ((1, pair.answer), (-1, pair.rejected)):
            for word in words_of(answer):
                if word in index:
                    features[row, index[word]] += sign
            features[row, -2] += sign * len(sentences(answer))
            features[row, -1] += sign * sum(map(len, sentences(answer))) / 30
    names = sorted({pair.meta["episode"] for pair in pairs})
    held_out = set(names[::5])
    is_test = np.array([pair.meta["episode"] in held_out for pair in pairs])
    train = features[~is_test]
    gram = train.T @ train + np.eye(features.shape[1])
    weights = np.linalg.solve(gram, train.sum(axis=0))
    margins = features[is_test] @ weights
    return float(np.mean((margins > 1e-9) + 0.5 * (np.abs(margins) <= 1e-9)))


def sentences(answer: object) -> tuple[str, ...]:
    """The steps of a plan."""
    assert isinstance(answer, Plan)
    return answer.steps


def words_of(answer: object) -> Iterable[str]:
    """The words of a plan."""
    return " ".join(sentences(answer)).split()


if __name__ == "__main__":
    main()
