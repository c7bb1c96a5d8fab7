"""llava_json: conversations about pictures as LLaVA, ShareGPT, Qwen and RoboInter publish them.

The answer is the last turn. It is read by the entry's task in the coordinate convention that the
recipe declares, and kept in pixels of the original picture.
"""

from __future__ import annotations

from typing import Literal

from roboloop.sources.json_source import JsonEntrySource


class LlavaJsonSource(JsonEntrySource):
    """Conversations about pictures: LLaVA, ShareGPT, chat messages, Qwen and RoboInter JSON."""

    kind: Literal["llava_json"] = "llava_json"  # pyright: ignore[reportIncompatibleVariableOverride]
