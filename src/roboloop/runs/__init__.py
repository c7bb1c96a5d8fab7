"""Run folders: lock, ledger, events, stage folders with completion marks."""

from roboloop.runs.folder import RunFolder, StageFolder
from roboloop.runs.ledger import Ledger, LedgerLine, read_ledger

__all__ = ["Ledger", "LedgerLine", "RunFolder", "StageFolder", "read_ledger"]
