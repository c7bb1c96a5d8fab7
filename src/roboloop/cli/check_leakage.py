"""`check-leakage`: do training records repeat what the model will be measured on?"""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def check_leakage(
    records: Path,
    /,
    *,
    against: tuple[Path, ...] = (),
    splits: tuple[str, ...] = (),
    out: Path = Path("leakage"),
) -> int:
    """Hold training records against benchmarks and validation sets; exit status 1 on a leak.

    Args:
        records: A folder or a file of records. Of a folder with splits, `train` is checked.
        against: Folders of records, record files, JSON of questions, folders of pictures.
        splits: Splits of the same folder to check against; val and test when nothing is named.
        out: Folder for leakage.json and the page that shows every pair side by side.
    """
    from roboloop.curate.leakage import SAID, Leakage
    from roboloop.pipeline.leakage import check_records

    own = splits or (() if against else ("val", "test"))
    operator = Leakage.model_validate({"against": against, "splits": own, "action": "report"})
    found = check_records(records, operator=operator, out=out)
    said = console()
    kinds = {str(kind): text for kind, text in SAID.items()}
    said.print(f"{found.num_leaked:,} of {found.num_records:,} records repeat what they must not")
    for row in found.counts:
        text = f"  {row['count']:>9,}  have {kinds[row['kind']]} a record of {row['against']}"
        said.print(text, markup=False, soft_wrap=True)
    for name, number in found.unread.get("num_unread", {}).items():
        text = f"  {number:>9,}  of {name} could not be read: a leak there goes unseen"
        said.print(text, markup=False, soft_wrap=True)
    if found.num_broken:
        said.print(f"  {found.num_broken:>9,}  lines are no records; `roboloop check` names them")
    said.print(f"every pair: {found.findings}; side by side: file://{found.page.absolute()}",
               markup=False, soft_wrap=True)  # fmt: skip
    return 1 if found.num_leaked else 0
