"""A record's question and answer in Chinese, where everything they turn on is known in Chinese."""

from __future__ import annotations

from dataclasses import replace

from roboloop.compose.names_zh import chinese_name
from roboloop.records.answers import Answer, Plan, Text
from roboloop.records.record import InputValue, Record
from roboloop.records.scene import Scene
from roboloop.tasks import load_task

COUNT_QUESTION_ZH = "图中{name}的数量是多少？"
"""How `number_vqa` asks for the name that its scene counts, whatever its measure word is.

Whether there is a thing is not asked in Chinese: the names that are not there are the rare ones, so
that a Chinese question would mean yes.
"""


def in_chinese(record: Record, *, scene: Scene) -> Record | None:
    """The record as it is asked and answered in Chinese; None where it cannot be."""
    inputs: dict[str, InputValue] = dict(record.inputs)
    if "instruction" in inputs:
        inputs["instruction"] = "" if scene.robot is None else scene.robot.instruction_zh
    if "object" in inputs:
        inputs["object"] = _name_about(scene)
    if "question" in inputs:
        inputs["question"] = _question(record.task, scene=scene)
    words = {key for key, value in inputs.items() if isinstance(value, str | tuple)}
    answer = _answer(record.answer, scene=scene)
    known = words <= {"instruction", "object", "question"} and all(inputs.values())
    if not known or answer is None or record.turns:
        return None
    said = replace(record, inputs=inputs, answer=answer)
    return said if load_task(record.task).askable(said, languages=("zh",)) else None


def _name_about(scene: Scene) -> str:
    """The Chinese name of the one thing that is asked about; empty without."""
    thing = scene.thing(scene.about[0]) if len(scene.about) == 1 else None
    return "" if thing is None else thing.name_zh or chinese_name(thing.name) or ""


def _question(task: str, *, scene: Scene) -> str:
    """The question for a count in Chinese; empty where it asks something else."""
    name = chinese_name(scene.asked_name)
    if task != "number_vqa" or scene.about or name is None:
        return ""
    return COUNT_QUESTION_ZH.format(name=name)


def _answer(answer: Answer | None, *, scene: Scene) -> Answer | None:
    """The answer in Chinese; None for words that are known in English only."""
    steps = () if scene.robot is None else scene.robot.steps
    known = {step.text: step.text_zh for step in steps if step.text_zh}
    match answer:
        case Text(text):
            return Text(known[text]) if text in known else None
        case Plan(texts):
            return Plan(tuple(known[text] for text in texts)) if set(texts) <= set(known) else None
        case _:
            return answer
