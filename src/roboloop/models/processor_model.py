"""Any image-text-to-text model of transformers, asked through the processor of its own folder.

The chats and pictures of Qwen2.5-VL and Qwen3-VL are written by `chat.py`, which knows every token.
For all other families (InternVL, LLaVA-OneVision ...) their own processor writes them, a batch at a
time, filled up and masked: slower, without packs and without a budget for pictures, but exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import transformers
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.models.adapter_folder import base_of, is_adapter
from roboloop.models.backbone import Backbone, load_backbone, load_weights, read_companions
from roboloop.models.chat import IGNORED, PICTURE_MARK
from roboloop.models.loaded import LoadedModel
from roboloop.models.parts import FAMILIES, read_json
from roboloop.records.record import Turn

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


class Conversation(NamedTuple):
    """What is said about some pictures; user turns say with `<image>` where each stands."""

    pictures: Sequence[Image.Image]
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class ProcessorModel(LoadedModel):
    """A model with its own processor.

    Attributes:
        processor: Of transformers; turns conversations into arguments of the model.
    """

    processor: Any

    def identity(self) -> str:
        """Content hash of weights, architecture and the files its processor is made from."""
        files = {name: content.hex() for name, content in sorted(self.companions.items())}
        return hash_value(
            {
                "weights": self.weights_hash(),
                "architecture": self.architecture(),
                "files": hash_value(files),
            }
        )


def load_model(
    folder: Path, *, device: str = "auto", dtype: str = "auto"
) -> Backbone | ProcessorModel:
    """A backbone where this package knows the family, else a model with its own processor.

    Raises:
        RoboLoopError: As `load_backbone`; E-ENG-001 when transformers has no processor or no
            image-text-to-text class for it.
    """
    if is_adapter(folder):
        from roboloop.models.lora import load_adapter

        loaded = load_model(base_of(folder), device=device, dtype=dtype)
        load_adapter(loaded.model, folder=folder)
        loaded.model.eval()
        return loaded
    if read_json(folder / "config.json").get("model_type") in FAMILIES:
        return load_backbone(folder, device=device, dtype=dtype)
    processor = load_processor(folder)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto" and device == "cpu":
        dtype = "float32"
    model = load_weights(AutoModelForImageTextToText, folder=folder, dtype=dtype)
    placed: Any = model
    placed.to(device).eval()
    return ProcessorModel(model, read_companions(folder), processor)


def load_processor(folder: Path) -> Any:
    """The processor of a model folder; without torchvision one that knows pictures, not videos.

    Raises:
        RoboLoopError: E-ENG-001.
    """
    named = (
        read_json(folder / name).get("processor_class")
        for name in PROCESSOR_FILES
        if (folder / name).is_file()
    )
    name = next(filter(None, named), None)
    kind = getattr(transformers, name, None) if name else None
    kind = AutoProcessor if kind is None else without_videos(kind)
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever the library or a damaged file brings up
        raise RoboLoopError("E-ENG-001", f"{error}", place=Place(folder)) from error


def without_videos(kind: Any) -> Any:
    """A processor class without its video processor, which transformers has with torchvision only.

    Whoever has torchvision gets the class itself.
    """
    if find_spec("torchvision") is not None or "video_processor" not in kind.get_attributes():
        return kind

    def attributes(cls: type) -> list[str]:
        del cls
        return [name for name in kind.get_attributes() if name != "video_processor"]

    return type(kind.__name__, (kind,), {"get_attributes": classmethod(attributes)})


class Batch(NamedTuple):
    """Conversations as arguments of the model.

    Attributes:
        tensors: By name; `input_ids` and `attention_mask` int64 [num_conversations, num_tokens].
        labels: int64 as `input_ids`: the token itself where an answer stands, else `IGNORED`.
    """

    tensors: dict[str, torch.Tensor]
    labels: torch.Tensor


class ChatWriter:
    """Writes conversations through a model's processor.

    Args:
        model: The model.
        system: The system text; empty for what the model's template does without one.
    """

    def __init__(self, model: ProcessorModel, *, system: str = "") -> None:
        self._processor = model.processor
        self._tokenizer = model.processor.tokenizer
        self.system = system
        ends: Any = getattr(model.model.generation_config, "eos_token_id", None)
        ends = self._tokenizer.eos_token_id if ends is None else ends
        self.stops: tuple[int, ...] = tuple(ends) if isinstance(ends, list) else (ends,)

    @cached_property
    def pad_id(self) -> int:
        """The token that fills rows up."""
        found = self._tokenizer.pad_token_id
        return self.stops[0] if found is None else found

    def prompts(self, conversations: Sequence[Conversation]) -> dict[str, torch.Tensor]:
        """Conversations up to where the next answer begins, filled up at the start."""
        return self._write(conversations, side="left", ask=True)

    def targets(self, conversations: Sequence[Conversation]) -> Batch:
        """Whole conversations, filled up at the end; the last answer is the target.

        Raises:
            RoboLoopError: E-ENG-008 when the template writes a conversation that goes on in other
                tokens than one that ends there: answers could not be told from the rest.
        """
        tensors = self._write(conversations, side="right", ask=False)
        labels = torch.full_like(tensors["input_ids"], IGNORED)
        for row, conversation in enumerate(conversations):
            ids = tensors["input_ids"][row]
            for start, end in self._spans(conversation, whole=ids)[-1:]:
                labels[row, start:end] = ids[start:end]
        return Batch(tensors, labels)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of new tokens, without special ones."""
        return self._tokenizer.decode(ids, skip_special_tokens=True)

    def _spans(self, conversation: Conversation, *, whole: torch.Tensor) -> list[tuple[int, int]]:
        """Where each answer stands, with the token that ends it."""
        spans: list[tuple[int, int]] = []
        for place, turn in enumerate(conversation.turns):
            if turn.role != "assistant":
                continue
            before = self._row(conversation, num_turns=place, ask=True)
            through = self._row(conversation, num_turns=place + 1, ask=False)
            for part in (before, through):
                if not torch.equal(part, whole[: len(part)]):
                    raise RoboLoopError(
                        "E-ENG-008", "the chat template rewrites earlier turns or adds to them"
                    )
            ends = [i for i in range(len(before), len(through)) if int(whole[i]) in self.stops]
            spans.append((len(before), ends[-1] + 1 if ends else len(through)))
        return spans

    def _row(self, conversation: Conversation, *, num_turns: int, ask: bool) -> torch.Tensor:
        turns = conversation.turns[:num_turns]
        num_marks = sum(turn.text.count(PICTURE_MARK) for turn in turns if turn.role == "user")
        num_pictures = num_marks or len(conversation.pictures)
        cut = Conversation(conversation.pictures[:num_pictures], turns)
        return self._write([cut], side="right", ask=ask)["input_ids"][0]

    def _write(
        self, conversations: Sequence[Conversation], *, side: Literal["left", "right"], ask: bool
    ) -> dict[str, torch.Tensor]:
        written = self._processor.apply_chat_template(
            [self._messages(conversation) for conversation in conversations],
            tokenize=True,
            return_dict=True,
            add_generation_prompt=ask,
            processor_kwargs={
                "return_tensors": "pt",
                "padding": True,
                "text_kwargs": {"padding_side": side},
            },
        )
        return {name: torch.as_tensor(value) for name, value in dict(written).items()}

    def _messages(self, conversation: Conversation) -> list[dict[str, Any]]:
        """In the form of transformers; pictures without a mark come before the first question.

        Raises:
            RoboLoopError: E-ENG-002 when marks and pictures differ in number.
        """
        pictures = iter(conversation.pictures)
        turns = list(conversation.turns)
        users = [place for place, turn in enumerate(turns) if turn.role == "user"]
        num_marks = sum(turns[place].text.count(PICTURE_MARK) for place in users)
        num_pictures = len(conversation.pictures)
        if num_marks == 0 and users:
            marks = PICTURE_MARK * num_pictures
            turns[users[0]] = Turn("user", marks + turns[users[0]].text)
        elif num_marks != num_pictures:
            raise RoboLoopError(
                "E-ENG-002",
                f"the conversation has {num_marks} {PICTURE_MARK} marks and {num_pictures} "
                "pictures",
            )
        if self.system and (not turns or turns[0].role != "system"):
            turns.insert(0, Turn("system", self.system))
        return [{"role": t.role, "content": _content(t, pictures=pictures)} for t in turns]


def _content(turn: Turn, *, pictures: Any) -> list[dict[str, Any]]:
    if turn.role != "user":
        return [{"type": "text", "text": turn.text}]
    first, *others = turn.text.split(PICTURE_MARK)
    content: list[dict[str, Any]] = [{"type": "text", "text": first}] if first else []
    for text in others:
        content.append({"type": "image", "image": next(pictures).convert("RGB")})
        if text:
            content.append({"type": "text", "text": text})
    return content
