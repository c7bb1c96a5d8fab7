"""Records made from records: structured reasoning, plans of a few steps, preference pairs."""

from roboloop.base.table import Table

COMPOSERS = Table(
    "composers",
    rows={
        "planner": "roboloop.compose.planner:Planner",
        "plan": "roboloop.compose.plan:PlanComposer",
        "plan_review": "roboloop.compose.plan_review:PlanReview",
        "reason": "roboloop.compose.reason:Reason",
        "preference_boxes": "roboloop.compose.preference_boxes:PreferenceBoxes",
        "preference_choices": "roboloop.compose.preference_choices:PreferenceChoices",
        "preference_failures": "roboloop.compose.preference_failures:PreferenceFailures",
        "preference_judged": "roboloop.compose.preference_judged:PreferenceJudged",
        "preference_plans": "roboloop.compose.preference_plans:PreferencePlans",
        "preference_points": "roboloop.compose.preference_points:PreferencePoints",
        "preference_sampled": "roboloop.compose.preference_sampled:PreferenceSampled",
        "preference_trajectories": (
            "roboloop.compose.preference_trajectories:PreferenceTrajectories"
        ),
        "preference_unsafe": "roboloop.compose.preference_unsafe:PreferenceUnsafe",
    },
)
