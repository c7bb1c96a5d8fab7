"""A seeded set of records with planted duplicates, whose truth is known by construction.

Five families as robots' data has them: prose (35 %), grounding (20 %), plan (20 %), JSON (15 %),
trajectory (10 %). Planted beside them: 5 % exact copies, 7 % near ones (1-5 % of the words edited,
coordinates moved by a pixel at most; numbers and the words of
`roboloop.curate.telling`, such as left and red, stay as they are), 4 % semantic ones
(sentences in another order, synonyms), and 2 % near misses: one number, direction or colour
changed, or the answer's place. A near miss is a record of its own and must survive.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import NamedTuple

from roboloop.base.geometry import PictureSize, Point
from roboloop.curate.telling import TELLING_WORDS
from roboloop.records.answers import Answer, Box, Plan, Text, Trajectory
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn

SIZE = PictureSize(640, 480)
FAMILIES = {"prose": 0.35, "grounding": 0.2, "plan": 0.2, "json": 0.15, "trajectory": 0.1}
PLANTED = {"exact": 0.05, "near": 0.07, "semantic": 0.04, "near_miss": 0.02}
RECORDS_OF_A_PICTURE = 4
WITHOUT_PICTURE = 0.15
"""Share of the records in words that have no picture."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLOURS = _words("red green blue yellow white black brown orange")
DIRECTIONS = ("left", "right")
OBJECTS = _words(
    "cup bowl plate spoon knife kettle bottle sponge apple lemon towel basket drawer cabinet lid "
    "pan tray box marker stapler notebook keyboard lamp cable hammer screwdriver clamp wrench "
    "bracket bearing carton crate pallet funnel beaker flask pipette jar mug teapot"
)
PLACES = _words(
    "table shelf counter workbench sink stove rack floor cart desk windowsill conveyor station mat"
)
VERBS = _words("moves reaches turns slides rotates carries guides tilts brings shifts")
ADVERBS = _words("slowly carefully gently quickly steadily smoothly firmly briefly")
MATERIALS = _words("wooden metal plastic ceramic glass rubber paper steel cardboard foam")
FILLERS = _words("then also now again really just simply still quite rather")
SYNONYMS = {
    "moves": "travels", "reaches": "arrives", "slowly": "unhurriedly", "carefully": "cautiously",
    "table": "tabletop", "cup": "beaker-cup", "shows": "depicts", "robot": "machine",
    "gripper": "hand", "object": "thing", "stands": "rests", "near": "beside", "takes": "grabs",
    "picture": "image", "seen": "visible", "part": "portion", "keeps": "maintains", "edge": "rim",
}  # fmt: skip
SENTENCES = (
    "The picture shows a {c} {m} {o} that stands near the {p} beside a {m2} {o2}",
    "The robot {v} {a} toward the {c} {o} and keeps the {o2} of {m} where it was",
    "On the {d} side of the {p} a {m} {o} leans against the {c} {o2}",
    "Its gripper {v} {a} along the edge of the {p} until the {o} is within reach",
    "A person behind the {p} holds a {c} {o} made of {m} and waits",
    "The {o} is partly hidden by the {c2} {o2} that was put on the {p} earlier",
    "Light falls from the {d} onto the {m} {p} and the {o} casts a soft shadow",
    "Between the {o} and the {o2} lies a {c} cable that the robot must not touch",
    "The {a} moving arm has just released the {c} {o} over the {m} {p}",
    "Nothing else is seen on the {p} except {n} {c} {o2} parts of {m}",
    "The wrist turns {a} so that the {m} {o} faces the {d} wall of the cell",
    "Near the {p} edge the {o} touches a {m2} {o2} and both start to slide",
)
STEPS = (
    "move to the {p} and find the {c} {o}", "grasp the {o} by its {m} side",
    "lift the {o} {a} over the {o2}", "carry the {o} to the {d} side of the {p}",
    "put the {o} beside the {m} {o2}", "open the {c} {o2} and look inside",
    "wipe the {p} {a} with the {m} towel", "close the {o2} and return to the start",
    "turn the {o} by {n} quarters", "hand the {c} {o} to the person at the {p}",
)  # fmt: skip


class Made(NamedTuple):
    """A record, and what it is.

    Attributes:
        record: The record.
        family: Its family.
        group: Number of its content; copies share it.
        planted: `` for content of its own, or a key of `PLANTED`.
    """

    record: Record
    family: str
    group: int
    planted: str


class Draft(NamedTuple):
    """What a record is made from."""

    family: str
    picture: str
    question: str
    sentences: tuple[str, ...]
    geometry: tuple[float, ...]


def make_records(num_records: int, *, seed: int) -> Iterator[Made]:
    """The records, copies at random places after what they copy."""
    draw = random.Random(f"duplicates {seed}")
    originals: list[tuple[int, Draft]] = []
    missed: set[int] = set()
    num_pictures = max(1, num_records // RECORDS_OF_A_PICTURE)
    kinds = ["", *PLANTED]
    weights = [1 - sum(PLANTED.values()), *PLANTED.values()]
    for number in range(num_records):
        planted = draw.choices(kinds, weights)[0] if number > 100 else ""
        if planted:
            place = draw.randrange(len(originals))
            while planted == "near_miss" and place in missed:
                place = draw.randrange(len(originals))  # two might be changed to the same
            group, source = originals[place]
            draft = CHANGES[planted](source, draw)
            if planted == "near_miss":
                group = number
                missed.add(place)
        else:
            family = draw.choices(list(FAMILIES), list(FAMILIES.values()))[0]
            group, draft = number, _draft(family, draw, num_pictures=num_pictures)
            originals.append((group, draft))
        yield Made(_record(draft, number), draft.family, group, planted)


def _filled(template: str, draw: random.Random) -> str:
    choice = draw.choice
    return template.format(
        c=choice(COLOURS), c2=choice(COLOURS), m=choice(MATERIALS), m2=choice(MATERIALS),
        o=choice(OBJECTS), o2=choice(OBJECTS), p=choice(PLACES), v=choice(VERBS), a=choice(ADVERBS),
        d=choice(DIRECTIONS), n=draw.randint(2, 9),
    )  # fmt: skip


def _draft(family: str, draw: random.Random, *, num_pictures: int) -> Draft:
    picture = f"{draw.randrange(num_pictures):07d}.jpg"
    x, y = draw.uniform(0, 400), draw.uniform(0, 300)
    if family in ("prose", "plan", "json") and draw.random() < WITHOUT_PICTURE:
        picture = ""
    if family == "grounding":
        question = _filled("Where is the {c} {m} {o} on the {p} next to the {o2}?", draw)
        question += " Give its bounding box in the picture as four numbers."
        box = (x, y, x + draw.uniform(30, 230), y + draw.uniform(30, 170))
        return Draft(family, picture, question, (), box)
    if family == "trajectory":
        question = f"The gripper starts at ({x:.0f}, {y:.0f}). " + _filled(
            "Draw the path on which it {v} the {c} {o} {a} to the {d} side of the {p}.", draw
        )
        path = [x, y]
        for _ in range(9):
            x, y = x + draw.uniform(-5, 25), y + draw.uniform(-5, 20)
            path += [x, y]
        return Draft(family, picture, question, (), tuple(path))
    if family == "plan":
        question = _filled(
            "The task is to bring the {c} {o} from the {p} to the {o2}. Plan it.", draw
        )
        steps = [_filled(step, draw) for step in draw.sample(STEPS, draw.randint(3, 5))]
        return Draft(family, picture, question, tuple(steps), ())
    templates = draw.sample(SENTENCES, draw.randint(5, 9))
    sentences = [_filled(template, draw) for template in templates]
    if family == "json":
        question = _filled("What is seen, what to do with the {o}, what to expect? As JSON.", draw)
        sentences = sentences[:6]
    else:
        question = "Describe the scene in detail."
    return Draft(family, picture, question, tuple(sentences), ())


def _copied(draft: Draft, draw: random.Random) -> Draft:
    del draw
    return draft


def _edited(draft: Draft, draw: random.Random) -> Draft:
    """1-5 % of the words edited, at least one; coordinates moved by at most a pixel."""
    texts = [draft.question, *draft.sentences]
    num_words = sum(len(text.split()) for text in texts)
    num_edits = max(1, round(num_words * draw.uniform(0.01, 0.05)))
    for _ in range(num_edits):
        place = draw.choices(range(len(texts)), [len(text) for text in texts])[0]
        texts[place] = _one_edit(texts[place], draw)
    step = 0.25 if len(draft.geometry) == 4 else 1.0
    moved = tuple(value + draw.uniform(-step, step) for value in draft.geometry)
    return draft._replace(question=texts[0], sentences=tuple(texts[1:]), geometry=moved)


def _one_edit(text: str, draw: random.Random) -> str:
    words = text.split()
    free = [place for place, word in enumerate(words) if _is_free(word)]
    place = draw.choice(free)
    match draw.randrange(4):
        case 0 if len(words[place]) > 4:  # a slip of the keyboard
            at = draw.randrange(1, len(words[place]) - 2)
            word = words[place]
            words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1 if len(free) > 4:
            del words[place]
        case 2:
            words[place] = SYNONYMS.get(words[place], draw.choice(FILLERS))
        case _:
            words.insert(place, draw.choice(FILLERS))
    return " ".join(words)


def _is_free(word: str) -> bool:
    """Whether an edit of the word leaves a duplicate; another number or colour would not."""
    return word.strip(".,?()").lower() not in TELLING_WORDS and not any(map(str.isdigit, word))


def _retold(draft: Draft, draw: random.Random) -> Draft:
    """Sentences in another order, with synonyms."""
    sentences = list(draft.sentences)
    if draft.family != "plan":
        draw.shuffle(sentences)
    told = [" ".join(SYNONYMS.get(word, word) for word in text.split()) for text in sentences]
    question = " ".join(SYNONYMS.get(word, word) for word in draft.question.split())
    return draft._replace(sentences=tuple(told), question=question)


def _missed(draft: Draft, draw: random.Random) -> Draft:
    """Another record that looks much the same: moved coordinates, or one telling word changed."""
    if draft.geometry:
        shift = draw.choice((-1, 1)) * draw.uniform(25, 60)
        return draft._replace(geometry=tuple(value + shift for value in draft.geometry))
    sentences = list(draft.sentences)
    places = [
        (row, column)
        for row, text in enumerate(sentences)
        for column, word in enumerate(text.split())
        if word in CHANGEABLE
    ]
    if not places:
        return draft._replace(picture="another-" + (draft.picture or "one.jpg"))
    row, column = draw.choice(places)
    words = sentences[row].split()
    words[column] = draw.choice(
        [word for word in CHANGEABLE[words[column]] if word != words[column]]
    )
    sentences[row] = " ".join(words)
    return draft._replace(sentences=tuple(sentences))


DIGITS = tuple("23456789")
CHANGEABLE = {
    word: words for words in (COLOURS, DIRECTIONS, DIGITS) for word in words
}  # fmt: skip
CHANGES = {"exact": _copied, "near": _edited, "semantic": _retold, "near_miss": _missed}


def _record(draft: Draft, number: int) -> Record:
    media = (FilePicture(path=f"made:{draft.picture}", size=SIZE),) if draft.picture else ()
    task, answer = _answer(draft)
    return Record(
        id=f"r{number:07d}", task=task, media=media, inputs={}, answer=answer, source=draft.family,
        turns=(Turn("user", draft.question),),
    )  # fmt: skip


def _answer(draft: Draft) -> tuple[str, Answer]:
    values = draft.geometry
    match draft.family:
        case "grounding":
            return "current_box", Box(*values)
        case "trajectory":
            points = zip(values[::2], values[1::2], strict=True)
            return "traj", Trajectory(tuple(Point(x, y) for x, y in points))
        case "plan":
            return "plan_steps", Plan(draft.sentences)
        case "json":
            third = len(draft.sentences) // 3 or 1
            parts = [
                ". ".join(draft.sentences[start:stop])
                for start, stop in ((0, third), (third, 2 * third), (2 * third, None))
            ]
            return "vqa", Text(json.dumps(dict(zip(("see", "do", "expect"), parts, strict=True))))
        case _:
            return "vqa", Text(". ".join(draft.sentences) + ".")
