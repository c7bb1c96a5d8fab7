"""De-duplication by other tools; run by `bench/curate_dedup.py` in each one's own environment.

    <environment>/bin/python bench/curate/dedup_peers.py NAME texts.jsonl out.json

Each is used as its documentation says: 128 hash functions, n-grams of 5 words, similarity 0.7; of
each cluster the first record stays. The clock starts before the texts are read.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

NUM_HASHES, WIDTH, THRESHOLD = 128, 5, 0.7


def read_texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)["text"]


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + WIDTH]) for at in range(max(1, len(words) - WIDTH + 1))]


def datasketch(path: Path) -> set[int]:
    """datasketch: MinHash and MinHashLSH, as in its documentation."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_HASHES)
    sets = [[word.encode() for word in shingles(text)] for text in read_texts(path)]
    hashes = MinHash.bulk(sets, num_perm=NUM_HASHES)
    with lsh.insertion_session() as session:
        for number, minhash in enumerate(hashes):
            session.insert(number, minhash)
    return not_first(len(hashes), (lsh.query(minhash) for minhash in hashes))


def rensa(path: Path) -> set[int]:
    """rensa: RMinHash and RMinHashLSH with 16 bands."""
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found]

    lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=NUM_HASHES, num_bands=16)
    hashes: list[Any] = []
    for number, text in enumerate(read_texts(path)):
        minhash = RMinHash(num_perm=NUM_HASHES, seed=42)
        minhash.update(shingles(text))
        lsh.insert(number, minhash)
        hashes.append(minhash)
    return not_first(len(hashes), (lsh.query(minhash) for minhash in hashes))


def text_dedup(path: Path) -> set[int]:
    """text-dedup: its command `text_dedup.minhash` with 2 processes and the faster hash."""
    from datasets import load_from_disk  # type: ignore[import-not-found]
    from text_dedup.minhash import main as command  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        options = {
            "path": "json", "data_files": path, "split": "train", "column": "text",
            "output": f"{folder}/out", "cache_dir": f"{folder}/cache", "ngram": WIDTH,
            "num_perm": NUM_HASHES, "threshold": THRESHOLD, "num_proc": 2, "hash_func": "xxh3",
            "min_length": 1,
        }  # fmt: skip
        arguments = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        command(arguments, standalone_mode=False)
        kept = set(load_from_disk(f"{folder}/out")["id"])
    return not_among(kept, path=path)


def datatrove(path: Path) -> set[int]:
    """datatrove: its four stages with 2 workers and its own normalisation of texts."""
    from datatrove.executor.local import LocalPipelineExecutor  # type: ignore[import-not-found]
    from datatrove.pipeline.dedup import minhash  # type: ignore[import-not-found]
    from datatrove.pipeline.readers import JsonlReader  # type: ignore[import-not-found]
    from datatrove.pipeline.writers.jsonl import JsonlWriter  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = path.read_bytes().splitlines(keepends=True)
        (folder / "in").mkdir()
        for part in range(2):
            lines = texts[part * len(texts) // 2 : (part + 1) * len(texts) // 2]
            (folder / "in" / f"{part}.jsonl").write_bytes(b"".join(lines))
        config = minhash.MinhashConfig(n_grams=WIDTH)
        reader = JsonlReader(str(folder / "in"))
        stages = [
            ([reader, minhash.MinhashDedupSignature(f"{name}/signatures", config=config)], 2),
            (
                [
                    minhash.MinhashDedupBuckets(
                        f"{name}/signatures", f"{name}/buckets", config=config
                    )
                ],
                config.num_buckets,
            ),
            ([minhash.MinhashDedupCluster(f"{name}/buckets", f"{name}/remove", config=config)], 1),
            (
                [reader, minhash.MinhashDedupFilter(f"{name}/remove"), JsonlWriter(f"{name}/out")],
                2,
            ),
        ]
        for number, (pipeline, tasks) in enumerate(stages):
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=2, logging_dir=f"{name}/logs{number}"
            ).run()
        kept = set[str]()
        for file in (folder / "out").glob("*.gz"):
            with gzip.open(file, "rt", encoding="utf-8") as stream:
                kept.update(json.loads(line)["id"] for line in stream)
    return not_among(kept, path=path)


def not_among(kept: set[str], *, path: Path) -> set[int]:
    """Places of the texts that are not among the kept ids."""
    with path.open(encoding="utf-8") as stream:
        return {place for place, line in enumerate(stream) if json.loads(line)["id"] not in kept}


def not_first(num_records: int, found: Iterable[Iterable[int]]) -> set[int]:
    """All but the first record of each cluster; the clusters are what the pairs connect."""
    parent = list(range(num_records))

    def root(record: int) -> int:
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for number, others in enumerate(found):
        for other in others:
            one, two = root(number), root(other)
            parent[max(one, two)] = min(one, two)
    return {number for number in range(num_records) if root(number) != number}


PEERS: dict[str, Callable[[Path], set[int]]] = {
    "datasketch": datasketch,
    "rensa": rensa,
    "datatrove": datatrove,
    "text-dedup": text_dedup,
}


def main() -> int:
    name, texts, out = sys.argv[1:]
    start = time.perf_counter()
    dropped = PEERS[name](Path(texts))
    seconds = time.perf_counter() - start
    result = {"seconds": seconds, "dropped": sorted(dropped)}
    Path(out).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
