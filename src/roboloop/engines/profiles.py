"""The profiles. `PROFILES` is the whole table; `choose_profile` finds one for a model.

Conventions are those of the models' own pages and of their authors' code; `docs/engines.md` names
the sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.table import Table
from roboloop.engines.profile import Profile
from roboloop.models.parts import QWEN_SYSTEM

QWEN25_VL = Profile(
    name="qwen25_vl",
    title="Qwen2.5-VL: pixels of the resized picture",
    dialect="qwen25_vl",
    system=QWEN_SYSTEM,
    model_names=(r"qwen[-_.]?2[._]5[-_]?vl",),
    model_types=("qwen2_5_vl", "roboloop_moe_qwen2_5_vl"),
)
QWEN3_VL = Profile(
    name="qwen3_vl",
    title="Qwen3-VL: thousandths",
    dialect="qwen3_vl",
    model_names=(r"qwen[-_.]?3[-_]?vl(?!.*thinking)",),
    model_types=("qwen3_vl", "qwen3_vl_moe"),
)
QWEN3_VL_THINKING = Profile(
    name="qwen3_vl_thinking",
    title="Qwen3-VL Thinking: thousandths, after thoughts",
    dialect="qwen3_vl",
    thinks=True,
    max_new_tokens=8192,
    model_names=(r"qwen[-_.]?3[-_]?vl.*thinking",),
)
INTERNVL3 = Profile(
    name="internvl3",
    title="InternVL3: thousandths between tags",
    dialect="internvl",
    model_names=(r"internvl[-_]?(?:2[._]5|3)",),
    model_types=("internvl", "internvl_chat"),
)
LLAVA_ONEVISION = Profile(
    name="llava_onevision",
    title="LLaVA-OneVision: fractions",
    dialect="llava",
    model_names=(r"llava[-_]?one[-_]?vision",),
    model_types=("llava_onevision",),
)
ROBOBRAIN1 = Profile(
    name="robobrain1",
    title="RoboBrain 1.0 (LLaVA-OneVision): fractions",
    dialect="llava",
    model_names=(r"robobrain(?![-_ ]?(?:[2-9]|x|dex))",),
)
ROBOBRAIN2 = Profile(
    name="robobrain2",
    title="RoboBrain 2.0 without thoughts: pixels of the resized picture",
    dialect="qwen25_vl",
    system=QWEN_SYSTEM,
    answer_start="<think></think><answer>",
    model_names=(r"robobrain[-_ ]?2[._]0(?![-_]3b)",),
)
ROBOBRAIN2_3B = Profile(
    name="robobrain2_3b",
    title="RoboBrain 2.0 3B, which never thinks: pixels of the resized picture",
    dialect="qwen25_vl",
    system=QWEN_SYSTEM,
    model_names=(r"robobrain[-_ ]?2[._]0[-_]3b",),
)
ROBOBRAIN2_THINKING = Profile(
    name="robobrain2_thinking",
    title="RoboBrain 2.0 with thoughts: pixels of the resized picture",
    dialect="qwen25_vl",
    system=QWEN_SYSTEM,
    answer_start="<think>",
    thinks=True,
    max_new_tokens=2048,
)
ROBOBRAIN25 = Profile(
    name="robobrain25",
    title="RoboBrain 2.5 (Qwen3-VL): thousandths; a third number of a point is its depth",
    dialect="qwen3_vl",
    model_names=(r"robobrain[-_ ]?2[._]5",),
)
MOLMO = Profile(
    name="molmo",
    title="Molmo: percent in XML",
    dialect="molmo",
    max_pictures=1,
    model_names=(r"molmo",),
    model_types=("molmo",),
)
GPT = Profile(
    name="gpt",
    title="GPT: fractions, when it is asked for them",
    dialect="llava",
    dialect_options={"decimals": 3},
    has_own_convention=False,
    token_limit="max_completion_tokens",
    model_names=(r"^(?:openai/)?(?:gpt-4|gpt-5[\w.]*-chat|chatgpt)",),
)
GPT_REASONING = Profile(
    name="gpt_reasoning",
    title="GPT and o models that think unseen; they accept no temperature but 1",
    dialect="llava",
    dialect_options={"decimals": 3},
    has_own_convention=False,
    temperature=1.0,
    token_limit="max_completion_tokens",
    max_new_tokens=8192,
    model_names=(r"^(?:openai/)?(?:o[134](?:-|$)|gpt-5(?![\w.]*-chat))",),
)
GEMINI = Profile(
    name="gemini",
    title="Gemini: thousandths, y before x",
    dialect="gemini",
    max_new_tokens=8192,
    api_key_env="GEMINI_API_KEY",
    model_names=(r"gemini",),
)
CLAUDE = Profile(
    name="claude",
    title="Claude: fractions, when it is asked for them",
    dialect="llava",
    dialect_options={"decimals": 3},
    has_own_convention=False,
    max_pictures=20,
    api_key_env="ANTHROPIC_API_KEY",
    model_names=(r"claude",),
)

PROFILES = Table(
    "profiles",
    rows={
        "claude": f"{__name__}:CLAUDE",
        "gemini": f"{__name__}:GEMINI",
        "gpt": f"{__name__}:GPT",
        "gpt_reasoning": f"{__name__}:GPT_REASONING",
        "internvl3": f"{__name__}:INTERNVL3",
        "llava_onevision": f"{__name__}:LLAVA_ONEVISION",
        "molmo": f"{__name__}:MOLMO",
        "qwen25_vl": f"{__name__}:QWEN25_VL",
        "qwen3_vl": f"{__name__}:QWEN3_VL",
        "qwen3_vl_thinking": f"{__name__}:QWEN3_VL_THINKING",
        "robobrain1": f"{__name__}:ROBOBRAIN1",
        "robobrain2": f"{__name__}:ROBOBRAIN2",
        "robobrain25": f"{__name__}:ROBOBRAIN25",
        "robobrain2_3b": f"{__name__}:ROBOBRAIN2_3B",
        "robobrain2_thinking": f"{__name__}:ROBOBRAIN2_THINKING",
    },
)


class Chosen(NamedTuple):
    """A profile and why it is this one, in words for the user."""

    profile: Profile
    because: str


def load_profile(name: str) -> Profile:
    """The profile of this name.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown one.
    """
    return PROFILES.resolve(name)


def choose_profile(
    *, name: str | None = None, models: Sequence[str] = (), config: Mapping[str, Any] | None = None
) -> Chosen:
    """The profile that was named, or the one whose rule fits the model.

    Args:
        name: A profile's.
        models: Names of the model, the most telling first.
        config: Its `config.json`.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown profile, E-ENG-013 when no rule fits.
    """
    if name is not None:
        return Chosen(load_profile(name), "it was asked for")
    profiles = [load_profile(row) for row in PROFILES.rows]
    for model in models:
        if named := [profile for profile in profiles if profile.is_named_in(model)]:
            return Chosen(named[0], f"the model is called {model!r}")
    kind = (config or {}).get("model_type")
    if typed := [profile for profile in profiles if kind in profile.model_types]:
        return Chosen(typed[0], f"its config.json says model_type {kind!r}")
    known = [repr(model) for model in models] + ([f"model_type {kind!r}"] if kind else [])
    raise RoboLoopError("E-ENG-013", f"nothing is known of {' or '.join(known) or 'the model'}")
