"""Measure the media of a source: their sizes, and the hashes of their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from roboloop.records.media import Media
from roboloop.records.media_open import Measured, MediaStore

MAX_MEASURED_KEPT = 100_000


class MediaMeter:
    """Fills in `size` and `content_hash` of media references; remembers what it measured.

    Args:
        roots: Root name -> folder.
        verify: Read and decode each medium. Otherwise only its header is read, and `content_hash`
            stays empty; a reference that brings its size is then not opened at all.
    """

    def __init__(self, roots: Mapping[str, Path], *, verify: bool) -> None:
        self.store = MediaStore(roots)
        self._verify = verify
        self._measured: dict[Media, Measured] = {}

    def measured(self, media: Media) -> Media:
        """The same reference with its measures.

        Raises:
            RoboLoopError: E-MED-* when it cannot be opened; E-ENV-001 without lmdb or av.
        """
        if not self._verify and media.size is not None:
            return media
        found = self._measured.get(media)
        if found is None:
            found = self._measure(media)
            if len(self._measured) < MAX_MEASURED_KEPT:
                self._measured[media] = found
        return replace(media, size=found.size, content_hash=found.content_hash)

    def _measure(self, media: Media) -> Measured:
        if not self._verify:
            return Measured(self.store.size(media), None)
        return self.store.measure(media)
