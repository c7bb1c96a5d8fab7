"""Data sets, one file each: whatever is on disk becomes records."""

from roboloop.base.table import Table

SOURCES = Table(
    "sources",
    rows={
        "simulated": "roboloop.sources.simulated.records:SimulatedSource",
        "llava_json": "roboloop.sources.llava_json:LlavaJsonSource",
        "robointer_annotation": (
            "roboloop.sources.robointer_annotation.records:RobointerAnnotationSource"
        ),
        "lerobot": "roboloop.sources.lerobot.source:LerobotSource",
        "rlds": "roboloop.sources.rlds:RldsSource",
        "records": "roboloop.sources.record_files:RecordFilesSource",
    },
)
