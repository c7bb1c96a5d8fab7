"""Many ledger lines at once, and finding one of them."""

from __future__ import annotations

from pathlib import Path

from roboloop.runs.ledger import Dropped, Ledger, LedgerLine, find_in_ledgers, read_ledger


def lines_of(run: Path, stage: str, drops: list[Dropped]) -> None:
    with Ledger(run / "stages" / f"{stage}-1f" / "ledger.jsonl", stage=stage) as ledger:
        ledger.drop_many(drops)
        assert ledger.num_dropped == len(drops)


def test_one_of_many_is_found_by_its_whole_id(tmp_path: Path) -> None:
    drops = [Dropped("E-CUR-020", f"as 'r{i}'", f'r{i}/"茶"', "made") for i in range(30)]
    lines_of(tmp_path, "curate", drops)
    lines_of(tmp_path, "data", [])
    assert len(list(read_ledger(tmp_path / "stages" / "curate-1f" / "ledger.jsonl"))) == 30
    wanted = LedgerLine(
        stage="curate", code="E-CUR-020", detail="as 'r2'", record_id='r2/"茶"', source="made"
    )
    assert list(find_in_ledgers(tmp_path, record_id='r2/"茶"')) == [wanted]
    assert not list(find_in_ledgers(tmp_path, record_id="r2"))
    assert not list(find_in_ledgers(tmp_path, record_id='r2/"茶"', but="curate"))
