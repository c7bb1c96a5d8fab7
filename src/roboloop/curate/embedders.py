"""Recipe options for what turns texts into vectors. Imports no torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from roboloop.base.files import atomic_writer
from roboloop.base.hashing import hash_value
from roboloop.curate.base import ArrowTable, CurateContext, Indices
from roboloop.curate.columns import distinct, take_rows
from roboloop.curate.hashed_tfidf import HashedTfidf, Vectors, word_weights

MAX_TEXTS_COUNTED = 50_000
ROWS_OF_RUN = 100
WEIGHTS_FILE = "word_weights.npy"


class Embedder(Protocol):
    """Turns texts into vectors."""

    def embed(self, texts: Any) -> Vectors:
        """Unit vectors of an Arrow array of texts, float32 [num_texts, num_dimensions].

        A text without anything in it has a vector of zeros.
        """
        ...


class HashedEmbedder(BaseModel):
    """Hashed TF-IDF: counts shared words, needs no weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["hashed"] = "hashed"
    num_dimensions: int = Field(384, ge=16)

    @property
    def in_this_process(self) -> bool:
        """It takes no memory worth a word."""
        return False

    def identity(self) -> str:
        """What the vectors depend on, besides the records."""
        return hash_value(self.model_dump(mode="json"))

    def prepare(self, facts: ArrowTable, context: CurateContext) -> None:
        """Count in how many texts of (at most 50,000 of) the records each word stands."""
        import pyarrow as pa

        some = take_rows(facts.select(["question", "answer"]), _sampled_rows(facts.num_rows))
        texts = pa.concat_arrays([column.combine_chunks() for column in some.columns])
        with atomic_writer(context.work / WEIGHTS_FILE) as stream:
            np.save(stream, word_weights(texts))

    def load(self, context: CurateContext) -> Embedder:
        """The embedder, with the words counted by `prepare`."""
        return _hashed(context.work / WEIGHTS_FILE, self.num_dimensions)


def _sampled_rows(num_rows: int) -> Indices:
    """All rows, or runs of them at equal distances: of a mapped file only some pages are read."""
    most = MAX_TEXTS_COUNTED // 2
    if num_rows <= most:
        return np.arange(num_rows)
    starts = np.linspace(0, num_rows - ROWS_OF_RUN, most // ROWS_OF_RUN).astype(np.int64)
    return distinct((starts[:, None] + np.arange(ROWS_OF_RUN)).reshape(-1))


class FolderEmbedder(BaseModel):
    """A sentence-transformers folder, such as BCE-base, MiniLM, E5 or BGE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["folder"] = "folder"
    path: Path
    """The folder with `config.json`, the tokenizer, the weights and `modules.json`."""
    pooling: Literal["cls", "mean"] | None = None
    """How a text's tokens become one vector; needed only where the folder does not say it."""
    max_tokens: int | None = Field(None, ge=8)
    """Longer texts are cut; the folder's own limit when left out."""
    batch_size: int = Field(64, ge=1)
    device: str = "auto"
    """`auto` is the first GPU if there is one, else the CPU."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto` is float32 on a CPU and bfloat16 on a GPU. On a CPU bfloat16 is twice as fast."""

    @property
    def in_this_process(self) -> bool:
        """One copy of the model is enough."""
        return True

    def identity(self) -> str:
        """What the vectors depend on: the folder's files, not its place."""
        from roboloop.models.folder_hash import folder_hash

        options = self.model_dump(mode="json", include={"kind", "pooling", "max_tokens", "dtype"})
        return hash_value([options, folder_hash(self.path)])

    def prepare(self, facts: ArrowTable, context: CurateContext) -> None:
        """Nothing to do."""

    def load(self, context: CurateContext) -> Embedder:
        """The model, loaded once in a process.

        Raises:
            RoboLoopError: E-ENG-001 when the folder holds no such model.
        """
        del context
        return _folder(
            self.path, self.pooling, self.max_tokens, self.batch_size, self.device, self.dtype
        )


EmbedderConfig = Annotated[HashedEmbedder | FolderEmbedder, Field(discriminator="kind")]


@lru_cache(maxsize=2)
def _hashed(path: Path, num_dimensions: int) -> Embedder:
    return HashedTfidf(np.load(path, allow_pickle=False), num_dimensions=num_dimensions)


@lru_cache(maxsize=1)
def _folder(
    path: Path,
    pooling: Literal["cls", "mean"] | None,
    max_tokens: int | None,
    batch_size: int,
    device: str,
    dtype: str,
) -> Embedder:
    from roboloop.models.embedder import load_embedder

    model = load_embedder(
        path, pooling=pooling, max_tokens=max_tokens, batch_size=batch_size, device=device,
        dtype=dtype,
    )  # fmt: skip
    return _Listed(model.embed)


class _Listed:
    """A model that takes lists of texts, as an embedder."""

    def __init__(self, embed: Any) -> None:
        self._embed = embed

    def embed(self, texts: Any) -> Vectors:
        return self._embed(texts.to_pylist())
