"""Count the tokens of texts with a model's own tokenizer, without its weights."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.errors import Place, RoboLoopError

TOKENIZER_FILE = "tokenizer.json"


class TextTokens:
    """A tokenizer that only counts.

    Args:
        path: A `tokenizer.json`, or a model's folder that has one.

    Raises:
        RoboLoopError: E-DAT-001 when there is none, E-DAT-002 when it is no tokenizer.
    """

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        file = path / TOKENIZER_FILE if path.is_dir() else path
        if not file.is_file():
            raise RoboLoopError("E-DAT-001", "there is no such tokenizer", place=Place(file))
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more exact
            raise RoboLoopError("E-DAT-002", f"no tokenizer: {error}", place=Place(file)) from error

    def count(self, text: str) -> int:
        """Tokens of the text alone, without those a chat template adds."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)
