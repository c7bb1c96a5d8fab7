"""`roboloop`: the verbs. Each lives in its own file and is imported only when called."""

from __future__ import annotations

import sys

import cyclopts

import roboloop
from roboloop.base.errors import START_AGAIN, RestartableError, RoboLoopError
from roboloop.base.progress import console

INTRODUCTION = """
The post-training loop for robot vision-language models: episodes and annotations in, a trained,
measured model out, with the evidence for every number.

Start with `roboloop demo`. Then write a recipe (`roboloop list recipes` shows the shipped ones),
look at its data with `roboloop check` and `roboloop look`, see what would happen with
`roboloop plan`, and let `roboloop run` do it. A run that was stopped goes on when called again.
"""

VERBS = {
    "demo": ("roboloop.cli.run:demo", "The whole loop with a tiny model on this machine."),
    "run": ("roboloop.cli.run:run", "Run a recipe: data, training, evaluation, report."),
    "plan": ("roboloop.cli.plan:plan", "Say what a run would do and what is done already."),
    "data": ("roboloop.cli.run:data", "Make only the records of a recipe."),
    "compose": (
        "roboloop.cli.compose:compose",
        "Make reasoning, plans and preference pairs of a recipe's records.",
    ),
    "detect": ("roboloop.cli.detect:detect", "Say which source reads what lies at a path."),
    "check": ("roboloop.cli.check:check", "Check a recipe, or open and check every record."),
    "look": ("roboloop.cli.look:look", "See records in the offline viewer."),
    "card": ("roboloop.cli.card:card", "Write a data set card: counts, charts, drawn samples."),
    "convert": ("roboloop.cli.convert:convert", "Write records in the forms others read."),
    "merge": ("roboloop.cli.merge:merge", "Write several LeRobot data sets as one."),
    "train": ("roboloop.cli.run:train", "Run a recipe up to its last training phase."),
    "export": ("roboloop.cli.export:export", "Write a trained model for transformers and vLLM."),
    "serve": ("roboloop.cli.serve:serve", "Serve a model with vLLM or transformers, watched."),
    "infer": ("roboloop.cli.infer:infer", "Ask a model one question and draw its answer."),
    "import-config": (
        "roboloop.cli.import_config:import_config",
        "Turn another trainer's configuration into a recipe.",
    ),
    "evaluate": (
        "roboloop.cli.evaluate:evaluate",
        "Measure a recipe's models, or any model on benchmarks or records.",
    ),
    "score": ("roboloop.cli.score:score", "Score stored answers again, by anybody's rules."),
    "export-answers": (
        "roboloop.cli.export_answers:export_answers",
        "Write stored answers in the layouts of other evaluators.",
    ),
    "compare": ("roboloop.cli.compare:compare", "Hold evaluated models against a baseline."),
    "audit": ("roboloop.cli.audit:audit", "Look for what a model's score does not say."),
    "import-log": (
        "roboloop.cli.import_log:import_log",
        "Read and draw a training log, of ours or of others.",
    ),
    "watch": ("roboloop.cli.watch:watch", "Keep a page of a running training up to date."),
    "report": ("roboloop.cli.run:report", "Build the report of a recipe again."),
    "why": ("roboloop.cli.why:why", "Tell the whole story of one record."),
    "what-if": ("roboloop.cli.what_if:what_if", "Try another threshold on stored values."),
    "diff": ("roboloop.cli.diff:diff", "Compare the records that two runs kept."),
    "check-leakage": (
        "roboloop.cli.check_leakage:check_leakage",
        "Hold training records against benchmarks.",
    ),
    "simulate": ("roboloop.cli.simulate:simulate", "Render pick-and-place episodes with MuJoCo."),
    "unpack": ("roboloop.cli.unpack:unpack", "Unpack archives of pictures, safely."),
    "doctor": ("roboloop.cli.doctor:doctor", "Say what this machine can do and how to mend gaps."),
    "list": ("roboloop.cli.tables:show", "Print the tables of tasks, dialects, sources, recipes."),
}


def build_app() -> cyclopts.App:
    """The command line, with verbs that are imported only when called."""
    app = cyclopts.App(
        name="roboloop",
        help=INTRODUCTION,
        version=roboloop.__version__,
        help_format="markdown",
        result_action="return_value",
    )
    for name, (target, summary) in VERBS.items():
        app.command(target, name=name, help=summary)
    return app


def main() -> None:
    """Run the command line; a user's mistake ends in one clear message and exit status 2."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command and give its exit status.

    0 good, 1 findings, 2 mistake, 75 start it again, 130 interrupted.
    """
    out = console()
    try:
        status = build_app()(arguments)
    except RoboLoopError as error:
        out.print(f"[bold red]error[/] {_escaped(error)}", soft_wrap=True)
        return START_AGAIN if isinstance(error, RestartableError) else 2
    except KeyboardInterrupt:
        out.print("\nstopped. Run the same command again to go on from here.")
        return 130
    except OSError as error:
        if error.errno not in (28, 122):  # no space left, quota exceeded
            raise
        full = RoboLoopError("E-ENV-002", f"no space left ({error.filename or 'unknown file'})")
        out.print(f"[bold red]error[/] {_escaped(full)}", soft_wrap=True)
        return 2
    return status if isinstance(status, int) else 0


def _escaped(error: RoboLoopError) -> str:
    from rich.markup import escape

    return escape(str(error))
