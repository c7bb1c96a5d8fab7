"""Data sets, one file each: whatever is on disk becomes records."""

from roboloop.base.table import Table

SOURCES = Table(
    "sources",
    rows={
        "simulated": "roboloop.sources.simulated.records:SimulatedSource",
        # General forms.
        "alpaca": "roboloop.sources.declared_forms:AlpacaSource",
        "auto": "roboloop.sources.auto:AutoSource",
        "llama_factory": "roboloop.sources.llama_factory:LlamaFactorySource",
        "llava_json": "roboloop.sources.llava_json:LlavaJsonSource",
        "messages": "roboloop.sources.declared_forms:MessagesSource",
        "parquet": "roboloop.sources.parquet_table:ParquetSource",
        "sharegpt": "roboloop.sources.declared_forms:ShareGptSource",
        "tsv_base64": "roboloop.sources.tsv_base64:TsvBase64Source",
        "webdataset": "roboloop.sources.web_dataset:WebDatasetSource",
        # Published data sets.
        "robointer_annotation": (
            "roboloop.sources.robointer_annotation.records:RobointerAnnotationSource"
        ),
        "lerobot": "roboloop.sources.lerobot.source:LerobotSource",
        "rlds": "roboloop.sources.rlds:RldsSource",
        "ai2thor": "roboloop.sources.ai2thor:Ai2thorSource",
        "thor_events": "roboloop.sources.thor_events:ThorEventsSource",
        "droid_raw": "roboloop.sources.droid_raw:DroidRawSource",
        "rh20t": "roboloop.sources.rh20t:Rh20tSource",
        "libero": "roboloop.sources.libero:LiberoSource",
        "robointer_vqa": "roboloop.sources.robointer_vqa.source:RoboInterVqaSource",
        "records": "roboloop.sources.record_files:RecordFilesSource",
        "lvis": "roboloop.sources.lvis:LvisSource",
        "visual_genome": "roboloop.sources.visual_genome:VisualGenomeSource",
        "manipvqa": "roboloop.sources.manipvqa:ManipVqaSource",
        "share_robot": "roboloop.sources.share_robot:ShareRobotSource",
        "epic_kitchens": "roboloop.sources.epic_kitchens:EpicKitchensSource",
        "ego4d": "roboloop.sources.ego4d:Ego4dSource",
        "egoplan": "roboloop.sources.egoplan:EgoPlanSource",
        "safe_agent_bench": "roboloop.sources.safe_agent_bench:SafeAgentBenchSource",
    },
)
