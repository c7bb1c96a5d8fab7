"""De-duplication by other tools; run by `bench/curate_dedup.py` in each one's own environment.

    <environment>/bin/python bench/curate/dedup_peers.py NAME texts.jsonl out.json

Each is used as its documentation says: 128 hash functions, n-grams of 5 words, similarity 0.7; of
each cluster the first record stays. The clock starts before the texts are read.
"""

from __future__ import annotations

import json
import sys
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


PEERS: dict[str, Callable[[Path], set[int]]] = {"datasketch": datasketch, "rensa": rensa}


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
