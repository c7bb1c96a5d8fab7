"""Curation: what a set of records holds twice, wrongly or needlessly; one operator a file.

Operators measure and judge; nothing is deleted until the kept set is written. So every drop can be
explained (`roboloop why`) and every threshold tried out again without measuring (`what-if`).
"""

from roboloop.base.table import Table

OPERATORS = Table(
    "operators",
    rows={
        "exact": "roboloop.curate.exact:ExactDuplicates",
        "format": "roboloop.curate.format:FormatRules",
        "judge": "roboloop.curate.judge:Judge",
        "media": "roboloop.curate.media:MediaChecks",
        "leakage": "roboloop.curate.leakage:Leakage",
        "minhash": "roboloop.curate.minhash:MinhashDuplicates",
        "picture_groups": "roboloop.curate.picture_groups:PictureGroups",
        "relevance": "roboloop.curate.relevance:Relevance",
        "reward": "roboloop.curate.reward:RewardRank",
        "rubric": "roboloop.curate.rubric:Rubric",
        "select": "roboloop.curate.select:Select",
        "semantic": "roboloop.curate.semantic:SemanticDuplicates",
        "simhash": "roboloop.curate.simhash:SimhashDuplicates",
        "template_quota": "roboloop.curate.template_quota:TemplateQuota",
    },
)
