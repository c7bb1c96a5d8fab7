"""How models say which lettered option they mean, in English and Chinese: the patterns.

Option letters are capitals, except where nothing but a letter can stand ("answer: b", "(b)").
Patterns speak of texts after NFKC: full-width letters and marks have become plain ones.
"""

from __future__ import annotations

import re

_THING = (
    r"(?:option|choice|panel|picture|image|point|candidate|letter|arrow|path|box|grasp|view|figure|"
    r"选项|图)"
)
NOUN = rf"(?:(?:the\s+)?(?:correct\s+|right\s+)?{_THING}\s*:?\s*)?"
"""What may stand before a letter: `the panel B`."""

_IS = r"(?:is|was|(?:would|should|must|will|has\s+to)\s+be|为|是|应该是|应为|应是|:|=|-)"
_DECISION = (
    r"(?:answer|ans|choice|option|panel|selection|pick|guess|conclusion|答案|选项|选择|结论)s?"
)
_CHOOSE = r"(?:choose|chose|select|pick|go(?:ing)?\s+with|opt\s+for|vote\s+for|preference\s+for)"
_RIGHT = r"(?:correct|right|best|true|my\s+(?:final\s+)?(?:answer|choice)|answer)"
_UPPER = r"[(\[<\"'“]{0,3}(?P<upper>[A-Z])[)\]]?(?![A-Za-z0-9])(?!['’][a-z])"
_LOWER = r"(?:\((?P<bracketed>[a-z])\)|(?P<lower>[a-z])(?=\s*(?:[.,;)\n]|$)))"
_APART = r"(?<![A-Za-z0-9])"

STATEMENTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b{_DECISION}\s*{_IS}\s*:?\s*{NOUN})(?:{_UPPER}|{_LOWER})",  # the answer is B
        rf"(?i:\b{_DECISION}(?:\s+(?!not\b|wrong\b|incorrect\b|except\b)[a-z]+){{1,6}}\s+(?:is|was|be)"
        rf"\s*:?\s*{NOUN}){_UPPER}(?=\W*(?:$|[\n.;!,]))",  # the only option left is D
        rf"(?i:\b(?:answer|ans\.?)\s+){_UPPER}(?!\s+[a-z])",  # Answer B
        rf"^\s*A:\s*{_UPPER}\W*$",  # of question and answer
        rf"(?i:\b(?:favou?rs?|leaves|points?\s+to)\s+{NOUN}){_UPPER}(?!\s+[a-z])",
        rf"{_APART}{_UPPER}[^\n✓✔✅✗✘❌]{{0,60}}[✓✔✅]",
        rf"(?i:(?:答案|选项|选择|结论)\s*{_IS}*\s*{NOUN}){_UPPER}",  # 答案B
        rf"(?i:\b{_CHOOSE}\s*:?\s*{NOUN}){_UPPER}",  # I would pick B
        rf"(?i:\b{_CHOOSE}\s+(?:the\s+)?{_THING}\s+){_LOWER}",  # I would pick option b
        rf"(?:应该?)?选择?\s*{NOUN}{_UPPER}",  # 应选B
        rf"(?i:\b(?:is|be)\s*:\s*{NOUN}){_UPPER}",  # the most likely one is: B
        rf"(?i:\b(?:it|that|this)(?:['’]s|\s+is|\s+must\s+be)\s*:?\s*{NOUN}){_UPPER}(?!\s+[a-z])",
        rf"{_APART}{_UPPER}(?i:\s+(?:is|looks|seems)\s+(?:the\s+)?{_RIGHT}\b)",  # B is correct
        rf"{_APART}{_UPPER}\s*(?:选?项?是?正确|是?对的)",  # B是正确的
        rf"(?i:\b(?:actually|wait|correction|i\s+mean|no)[,:]?\s+{NOUN}){_UPPER}(?!\s+[a-z])",
        rf"(?:,|;|。|而)\s*(?:而)?是\s*{_UPPER}",  # 不是A,是B
    )
)
"""Sentences that state the answer. The groups `upper`, `bracketed` and `lower` hold the letter."""

ORDINAL = re.compile(
    r"\b(?P<word>first|second|third|fourth|fifth|sixth|1st|2nd|3rd|[4-6]th)\s+"
    r"(?:(?:option|choice|one|answer|panel|sentence)\b|(?=(?:or|and)\b))"
    r"|\b(?P<last>last)\s+(?:option|choice|answer)\b"
    r"|\b(?:option|choice|panel)\s+(?:(?P<digit>[1-9])(?!\w|\.\d)|(?P<number>one|two|three|four|five|six)\b)"
    r"|(?:第|选项)\s*(?P<han>[一二三四五六1-9])(?:\s*[个项幅张]|(?!\w))",
    re.IGNORECASE,
)
"""An option named by its place."""

PLACES = {
    name: place
    for names in (
        ["first", "second", "third", "fourth", "fifth", "sixth"],
        ["one", "two", "three", "four", "five", "six"],
        "一二三四五六",
    )
    for place, name in enumerate(names)
}
"""Ordinal and Chinese numeral -> place, from 0."""

ALTERNATIVE = re.compile(
    r"\s*[.)]?\s*(?:,|/|&|\||\bor\b|\band\b|或者?|和|、)"
    r"\s*(?:(?:or|and|maybe|possibly|perhaps|also)\s+)?"
    rf"(?i:{NOUN})[(\[]?([A-Z])[)\]]?(?![A-Za-z0-9'’])(?!\s+(?:is|was|would|has|does|fails)\b)"
)
"""A second letter offered beside the first: ` or C`."""

ALONE = re.compile(r"[(\[{<\"'“‘]{0,3}\s*([A-Za-z])\s*[)\]}>\"'”’]{0,3}\s*[.:,;)、。!?]?")
NAMED_ALONE = re.compile(rf"(?i:{NOUN})[(\[]?([A-Za-z])[)\]]?\s*(?:选项)?[.!。]?")
SEPARATORS = re.compile(r"[\s,;/|&、]+|\bor\b|\band\b|或|和")
IN_FRONT = re.compile(
    r"(?P<mark>\()?(?P<upper>[A-Z])"
    r"(?:\s*[):;]|\.(?!\w)|\s*[-–—]\s|\s*,|\s*\n|\s+(?=because\b|since\b))"
)
"""A letter that stands in front of its option's text or of reasons: `B. the left one`."""

LETTER = re.compile(
    rf"(?P<open>[(\[]?){_APART}(?<![_$'’-])(?<!\bN/)(?P<upper>[A-Z])(?![A-Za-z0-9_'’-])(?P<close>[)\]]?)"
    r"(?=(?P<next>\s+[a-z]+)?)"
)
"""A capital letter standing apart, the bracket round it and the word behind it."""

BEHIND = re.compile(rf"\s*\((?i:{NOUN})([A-Z])\)")
"""The letter behind an option's text: `the left one (B)`."""

AFTER_LETTER = frozenset(
    {"is", "was", "are", "has", "have", "seems", "appears", "looks", "would", "could", "should"}
    | {"will", "does", "can", "matches", "corresponds", "fits", "shows", "represents", "because"}
    | {"since", "as", "and", "or", "but", "on", "in", "at", "to", "by", "for", "with", "than"}
    | {"rather", "not", "instead", "from", "of"}
)
"""Words that may follow the letter A; before any other word it is the article."""

_LISTED = r"[(\[]?[A-Z][)\]]?(?![A-Za-z0-9])"
REJECTED = re.compile(
    r"(?i:\b(?:(?:not|cannot|n't)(?:\s+be|\s+(?:think|believe)(?:\s+that)?(?:\s+it\s+is)?)?|than|exclud(?:es?|ing)|eliminat(?:es?|ed|ing)"
    rf"|rul(?:es?|ed|ing)\s+out|instead\s+of|unlike)\s+{NOUN})"
    rf"{_LISTED}(?:(?:\s*,\s*(?:(?i:and|or|nor)\s+)?|\s+(?i:and|or|nor)\s+){NOUN}{_LISTED})*"
    rf"|{_APART}[(\[]?[A-Z][)\]]?(?i:\s+(?:is|was|are|seems|looks)\s+(?:clearly\s+|definitely\s+)?"
    r"(?:not|wrong|incorrect|inconsistent|false|ruled\s+out|impossible|out)\b)"
    rf"|\b(?i:neither)\s+(?i:{NOUN})[A-Z]\b(?:\s+nor\s+(?i:{NOUN})[A-Z]\b)*"
    r"|不是\s*[A-Z](?![A-Za-z0-9])"
)
"""Options that are named to be ruled out."""

RULED_OUT = re.compile(
    r"(?:\b(?:not|never|neither|nor|than|instead\s+of)\b|n['’]t\b|不是|并非)"
    r"(?:(?!\bbut\b|而是)[^,;.:])*",
    re.IGNORECASE,
)
"""What a sentence says is not so, up to its next part."""

DECIDED = re.compile(
    rf"(?:\b(?:answer|choice|selection|pick|guess|conclusion)|答案|选择|结论)\s*{_IS}(?!\s+not\b)\s*:?",
    re.IGNORECASE,
)
"""Where a sentence says that its answer follows."""

CONCLUSION = re.compile(r"\b(?:so|therefore|thus|hence)\b,?|所以|因此", re.IGNORECASE)
"""Where a sentence comes to its end."""

SOME_ONE = re.compile(r"(?:it\s+is\s+)?(?:the\s+)?(.+?)(?P<one>\s+one)?", re.IGNORECASE)
"""An option named by what sets it apart: `the blue one`."""

NONE_OF = re.compile(r"none(?:\s+of(?:\s+\w+){1,3})?")
"""What says that no option fits, itself an option: `None of the cups`."""

CLAIM = re.compile(
    r"\b(?:most|best|closest|nearest|correct|right\s+(?:one|choice|option)|better|"
    r"more\s+(?:likely|appropriate|suitable|accurate|accurately|closely|similar|consistent)|"
    r"stands?\s+out|therefore|thus|hence)\b",
    re.IGNORECASE,
)
"""Words that make a sentence a claim for the option it is about ..."""

DISCLAIMER = re.compile(
    r"\b(?:if|not|less|least|unlikely|neither|none|other\s+(?:images|options|choices|points))\b|n't",
    re.IGNORECASE,
)
"""... and words that take it back."""

CONTRAST = re.compile(
    r"[,;]?\s+\b(?:whereas|while|although|though|but|compared|than|however|because|since)\b",
    re.IGNORECASE,
)
"""Where a sentence turns to the other options."""

REASON = re.compile(
    r"(?:this|these|that|both|here|because|since|the\s+reason|it|as|in\s+the)\b|因为|由于",
    re.IGNORECASE,
)
"""How a sentence begins that gives reasons for the one before it."""

BETWEEN = re.compile(r"\b(?:between|among|of)\b[^,;]{1,80}\band\b[^,;]{1,80},", re.IGNORECASE)
"""What only says between which options one chooses."""

TURN = re.compile(r"[,;]?\s+\b(?:but|however)\b", re.IGNORECASE)
"""Where a sentence turns from what is not chosen to what is."""

OTHERS = re.compile(
    r"(?:in\s+contrast,?\s+|on\s+the\s+other\s+hand,?\s+)?the\s+others?\b", re.IGNORECASE
)
"""How a sentence begins that is about the options not chosen."""
