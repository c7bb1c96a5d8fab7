"""Records made from records: structured reasoning, plans of a few steps, preference pairs."""

from roboloop.base.table import Table

COMPOSERS = Table(
    "composers",
    rows={
        "planner": "roboloop.compose.planner:Planner",
        "plan": "roboloop.compose.plan:PlanComposer",
        "reason": "roboloop.compose.reason:Reason",
    },
)
