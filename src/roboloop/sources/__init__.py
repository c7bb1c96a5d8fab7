"""Data sets, one file each: whatever is on disk becomes records."""

from roboloop.base.table import Table

SOURCES = Table(
    "sources",
    rows={
        "simulated": "roboloop.sources.simulated.records:SimulatedSource",
        "llava_json": "roboloop.sources.llava_json:LlavaJsonSource",
        "robointer_vqa": "roboloop.sources.robointer_vqa.source:RoboInterVqaSource",
        "records": "roboloop.sources.record_files:RecordFilesSource",
    },
)
