"""Every error a user can meet: code, what it means, what mends it. docs/errors.md is made from it.

Letters after `E-`: CFG recipe, CMP compose, CUR curation, DAT source data, DIA dialect, ENG engine,
ENV environment, EVA evaluation, MED media, REC record, REP report, RUN run folder, SIM simulator,
TRN training.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorKind(NamedTuple):
    """What a code means and what to do about it."""

    title: str
    remedy: str


CATALOGUE: dict[str, ErrorKind] = {
    # Recipe
    "E-CFG-001": ErrorKind("A recipe cannot be read as YAML", "Mend the YAML at the given place."),
    "E-CFG-002": ErrorKind("A recipe has a key that does not exist", "Use the key suggested."),
    "E-CFG-003": ErrorKind("A recipe value is not valid", "Give a value of the kind described."),
    "E-CFG-004": ErrorKind("A recipe file does not exist", "Check the path."),
    "E-CFG-005": ErrorKind(
        "An override is not of the form key.path=value", "Write it like --set train.0.epochs=1."
    ),
    "E-CFG-006": ErrorKind(
        "A name is not in its table", "`roboloop list` prints the tables; check the spelling."
    ),
    # Records
    "E-REC-001": ErrorKind("A line is not valid JSON", "Mend or delete that line."),
    "E-REC-002": ErrorKind(
        "A record lacks a key or has one too many", "See docs/formats.md for the keys of a record."
    ),
    "E-REC-003": ErrorKind("A record's value has the wrong type", "See docs/formats.md."),
    "E-REC-004": ErrorKind("Two records have one id", "Give each record its own id."),
    "E-REC-005": ErrorKind(
        "The number of <image> marks is not the number of pictures",
        "Write one mark for each picture, one for all of them, or none.",
    ),
    "E-REC-010": ErrorKind(
        "A coordinate is not a finite number", "Replace NaN or infinity, or drop the record."
    ),
    "E-REC-011": ErrorKind(
        "A coordinate lies outside the picture",
        "Check the picture's size and the coordinate convention of the source.",
    ),
    "E-REC-012": ErrorKind("A box is inside out", "Swap the corners, or drop the record."),
    "E-REC-013": ErrorKind("An answer does not fit its task", "Check the task of the record."),
    "E-REC-014": ErrorKind(
        "A file ends in the middle of a record", "The file was cut off; make or copy it again."
    ),
    "E-REC-015": ErrorKind(
        "A shard does not match its completion mark",
        "The file was changed or cut; run the stage that wrote it again.",
    ),
    "E-REC-016": ErrorKind(
        "The rejected answer is the true one", "Drop the pair, or give it a worse answer."
    ),
    # Media
    "E-MED-001": ErrorKind("A media file does not exist", "Check the media root and the path."),
    "E-MED-002": ErrorKind("A media file is empty (0 bytes)", "Copy or download the file again."),
    "E-MED-003": ErrorKind("A picture cannot be decoded", "Copy or download the file again."),
    "E-MED-004": ErrorKind(
        "A picture's size is not the one its record states",
        "The picture was resized or replaced; make the records again.",
    ),
    "E-MED-005": ErrorKind(
        "A path leaves the data root", "Only files below the media root are read; mend the path."
    ),
    "E-MED-006": ErrorKind(
        "A picture has too many pixels",
        "It would not fit in memory when decoded; scale it down first.",
    ),
    "E-MED-007": ErrorKind(
        "A reference names a member, key or frame that is not there",
        "Check the name inside the archive, store or video.",
    ),
    "E-MED-008": ErrorKind(
        "An archive, store, table or video cannot be opened",
        "Copy or download it again; repack a compressed tar as a plain tar or zip.",
    ),
    "E-MED-009": ErrorKind(
        "A picture's content is not the one its record was made from",
        "The file was replaced: bring the old one back, or make the records again.",
    ),
    "E-MED-010": ErrorKind(
        "A camera shows nothing",
        "Name the cameras to read in `cameras`, or leave the episode out.",
    ),
    "E-MED-011": ErrorKind(
        "An archive is not safe to unpack",
        "Nothing was written. Use the archive as its publisher made it, or unpack it by hand.",
    ),
    # Source data
    "E-DAT-001": ErrorKind("A source file or folder does not exist", "Check the path."),
    "E-DAT-002": ErrorKind(
        "A source file has an unknown layout",
        "See docs/sources/ for the layouts each source reads.",
    ),
    "E-DAT-003": ErrorKind(
        "A source gave no record", "Check its path and the tasks and split asked for."
    ),
    "E-DAT-004": ErrorKind(
        "An entry is of a form this source does not read",
        "See docs/sources/ for the forms each source reads.",
    ),
    "E-DAT-006": ErrorKind(
        "A TFRecord does not match its checksum or is no Example", "Download the file again."
    ),
    # Curation: each operator has a code of its own.
    "E-CUR-010": ErrorKind(
        "A record breaks a rule of form",
        "Mend the source, or switch the rule off by its name: format.off=[rule].",
    ),
    "E-CUR-011": ErrorKind(
        "A picture is unreadable, blank, blurred, tiny or absurdly long",
        "Replace the picture, or change the limit of the media operator.",
    ),
    "E-CUR-020": ErrorKind(
        "A record is the same as another", "Nothing to mend: the better one of them was kept."
    ),
    "E-CUR-021": ErrorKind(
        "A record says nearly the same as another about the same pictures",
        "Nothing to mend: the better one was kept. Raise minhash.threshold to keep both.",
    ),
    "E-CUR-022": ErrorKind(
        "A record has nearly the fingerprint of another of the same pictures",
        "Nothing to mend: the better one was kept. Raise simhash.threshold to keep both.",
    ),
    "E-CUR-023": ErrorKind(
        "More records than its quota are worded by one template",
        "Nothing to mend. Raise template_quota.quota to keep more of them.",
    ),
    "E-CUR-024": ErrorKind(
        "A picture cannot be grouped with its like",
        "Nothing is dropped by picture groups; see E-MED for what is wrong with the picture.",
    ),
    "E-CUR-030": ErrorKind(
        "A record's score is too low", "Nothing to mend. Lower rubric.threshold to keep more."
    ),
    "E-CUR-031": ErrorKind(
        "A judge finds a record bad",
        "Nothing to mend: the judge's reason and its own error are beside the verdicts.",
    ),
    "E-CUR-040": ErrorKind(
        "A training record repeats what the model is measured on",
        "Nothing to mend: leakage.json shows both side by side. Set leakage.action to report to "
        "keep such records.",
    ),
    "E-CUR-025": ErrorKind(
        "A record means the same as another about the same pictures",
        "Nothing to mend: the better one was kept. Raise semantic.threshold to keep both.",
    ),
    "E-CUR-033": ErrorKind(
        "An answer has little to do with its question",
        "Nothing to mend. Lower relevance.lowest_share, or give a relevance.threshold, to keep it.",
    ),
    "E-CUR-034": ErrorKind(
        "A reward model ranks a record low among its like",
        "Nothing to mend. Raise reward.keep_share or reward.keep_top to keep it.",
    ),
    "E-CUR-045": ErrorKind(
        "A record was not chosen", "Nothing to mend. Raise select.num_records to keep more."
    ),
    "E-CUR-046": ErrorKind(
        "Floors and quotas of a selection contradict each other",
        "Lower a floor, raise a quota, or choose more records.",
    ),
    # Compose
    "E-CMP-010": ErrorKind(
        "A picture's scene, or a step of a plan, does not carry reasoning",
        "Nothing to mend: the record itself is kept, only no reasoning is made from it.",
    ),
    "E-CMP-011": ErrorKind(
        "A claim of reasoning is contradicted, unsupported, doubled or redundant",
        "Nothing to mend: the claim was left out. Many of them point at the annotations.",
    ),
    "E-CMP-020": ErrorKind(
        "An episode lacks what a plan is made of",
        "Nothing to mend here: a step of it names no thing, or it has no steps. Mend its source.",
    ),
    "E-CMP-021": ErrorKind(
        "The plan of an episode does not reach its own goal, or its telling is of another one",
        "Nothing to mend: the checker's reason is in the message, and no record is made of it.",
    ),
    "E-CMP-022": ErrorKind(
        "A plan cannot be told in three to five steps",
        "Nothing to mend: the episode is too short, or too long for the rules of compression.",
    ),
    "E-CMP-023": ErrorKind(
        "No change to a plan could be proved wrong",
        "Nothing to mend: what can be changed in it is harmless, and no pair is made of it.",
    ),
    "E-CMP-024": ErrorKind(
        "A household task has no counterpart to make a pair with",
        "Nothing to mend, unless the source was read in part: read safe and unsafe tasks together.",
    ),
    # Preference pairs
    "E-PRF-001": ErrorKind(
        "A rejected answer is not clearly worse than the chosen one",
        "Nothing to mend: it makes no pair. Lower the composer's margin to take such answers.",
    ),
    "E-PRF-002": ErrorKind(
        "A pair gives itself away by its length or looks",
        "Nothing to mend: no other pair leans the other way. Set balance to false to keep it.",
    ),
    "E-PRF-003": ErrorKind(
        "A model's own answers to a question make no pair",
        "Nothing to mend. Draw more answers, or at a higher temperature.",
    ),
    "E-PRF-004": ErrorKind(
        "A judge does not tell two answers apart",
        "Nothing to mend: the judge's reason is in the message, its own error in judge.json.",
    ),
    # Dialects
    "E-DIA-001": ErrorKind(
        "A picture is too small or too elongated for the model's resize rule",
        "Drop it, or pad it to an aspect below 200 to 1.",
    ),
    # Environment
    "E-ENV-001": ErrorKind("An optional package is missing", "Install it as the message says."),
    "E-ENV-002": ErrorKind("The disk is full", "Free some space and run the same command again."),
    # Runs
    "E-RUN-002": ErrorKind(
        "Another process is working in this run folder", "Wait for it to end, or stop it."
    ),
    "E-RUN-003": ErrorKind(
        "A stage lost records without saying why",
        "This is a defect of RoboLoop: please report it with the run folder.",
    ),
    "E-RUN-004": ErrorKind("A folder is not a run folder", "Name a folder made by `roboloop run`."),
    "E-RUN-005": ErrorKind(
        "A worker process died",
        "Often memory ran out: use fewer workers. With `--workers 1` the cause shows itself.",
    ),
    "E-RUN-010": ErrorKind(
        "A file is not a training log",
        "Give a trainer_log.jsonl of LLaMA-Factory or of ours, or a trainer_state.json.",
    ),
    "E-RUN-006": ErrorKind("A run has no record of this id", "Check the id and the run folder."),
    "E-RUN-007": ErrorKind(
        "A run has no such finished training phase", "Run its recipe up to `roboloop train` first."
    ),
    # Training
    "E-TRN-001": ErrorKind(
        "Nothing is trained: no parameter has a gradient", "Name at least one part in train.parts."
    ),
    "E-TRN-002": ErrorKind(
        "A record is longer than the length limit", "Raise max_tokens or lower max_image_pixels."
    ),
    "E-TRN-003": ErrorKind(
        "The loss is not a finite number", "Lower the learning rate; the last checkpoint is intact."
    ),
    "E-TRN-004": ErrorKind("There is nothing to train on", "Check the sources and tasks."),
    "E-TRN-005": ErrorKind(
        "A checkpoint does not fit the model",
        "The files were changed or cut; use the checkpoint before it.",
    ),
    "E-TRN-006": ErrorKind(
        "Out of memory", "Make steps smaller, recompute activations or shard the weights."
    ),
    "E-TRN-007": ErrorKind(
        "A process ended in a way that a new start mends", "Give the same command again."
    ),
    "E-TRN-008": ErrorKind(
        "The loss jumps", "Look at the records of the step; lower the learning rate."
    ),
    "E-TRN-009": ErrorKind(
        "The weights cannot be shared out in this way", "Set what the message names."
    ),
    "E-TRN-020": ErrorKind(
        "A process of a training hangs",
        "Give the same command again. Look at the records and the stack; raise "
        "hang_timeout_seconds if it was only slow.",
    ),
    "E-TRN-021": ErrorKind("A process of a training ended by itself", "Read its log."),
    "E-TRN-050": ErrorKind(
        "A training phase names a part that the model does not have",
        "Name parts it has. Experts and amplifiers have to be added to a model before they are "
        "trained.",
    ),
    "E-TRN-051": ErrorKind(
        "A phase's adapter fits neither the model nor the one it starts from",
        "Check lora.rank, lora.targets and the parts that are trained.",
    ),
    # Engines and evaluation
    "E-ENG-001": ErrorKind("A model folder cannot be loaded", "Check the path and its files."),
    "E-ENG-002": ErrorKind(
        "A conversation and its pictures do not match",
        "Write <image> once for each picture, or not at all.",
    ),
    "E-ENG-003": ErrorKind(
        "The dialect's picture sizes do not fit the model's patches",
        "Give the dialect the model's factor: its patch size times its merge size.",
    ),
    "E-ENG-004": ErrorKind(
        "The model's output is not a finite number",
        "Its weights are damaged or its training went wrong; use an earlier checkpoint.",
    ),
    "E-ENG-005": ErrorKind(
        "A single question does not fit in the device's memory",
        "Lower the dialect's max_pixels, or use a device with more memory.",
    ),
    "E-ENG-006": ErrorKind(
        "An adapter does not fit its model",
        "Name the model it was trained on, or train the adapter again.",
    ),
    "E-ENG-007": ErrorKind(
        "A saved model has other weights than published folders of its kind",
        "Nothing reads such a folder but what wrote it. Export with the version that trained it.",
    ),
    "E-ENG-008": ErrorKind(
        "A chat template cannot be trained on",
        "Use a model whose template writes every turn by itself, or one turn a record.",
    ),
    "E-ENG-009": ErrorKind(
        "A model that is asked through its own processor cannot do this",
        "Use padded batches and no picture budget with it, or a Qwen2.5-VL or Qwen3-VL.",
    ),
    "E-ENG-010": ErrorKind(
        "An endpoint refuses every request",
        "Check its address, the model's name, and the environment variable with the key.",
    ),
    "E-ENG-011": ErrorKind(
        "An endpoint does not answer",
        "Start it, or wait, and run the same command again: answers so far are kept.",
    ),
    "E-ENG-012": ErrorKind(
        "A question has more pictures than the server takes",
        "Show fewer, or start the server with a higher limit.",
    ),
    "E-ENG-013": ErrorKind(
        "No profile is known for a model",
        "Name one: `roboloop list profiles` prints them.",
    ),
    "E-ENG-014": ErrorKind(
        "A model cannot be asked in the way that its profile or a recipe wants",
        "Serve the model with vLLM and name it as vllm:URL, or choose another profile.",
    ),
    "E-ENG-015": ErrorKind(
        "A server shows its model pictures at another size than the dialect says",
        "Every place in its answers would be shifted. Give the dialect the server's max_pixels, or "
        "serve a folder whose picture processor has the dialect's.",
    ),
    "E-EVA-001": ErrorKind("There is nothing to evaluate", "Check the split and tasks."),
    "E-EVA-002": ErrorKind(
        "There are no stored answers to score",
        "Evaluate with the model first, or check the folder.",
    ),
    "E-EVA-003": ErrorKind(
        "Evaluations cannot be compared",
        "Name run or evaluation folders whose models were asked the same records.",
    ),
    "E-EVA-004": ErrorKind(
        "A line is no answer to a benchmark's question",
        "docs/evaluation.md names the keys that each kind of question needs.",
    ),
    "E-EVA-010": ErrorKind(
        "A benchmark's files are not in the folder",
        "Download it from the hub and name the folder that holds it with --benchmarks-root.",
    ),
    "E-EVA-011": ErrorKind(
        "A benchmark's file is damaged or has another schema than the published one",
        "Download the file again; docs/benchmarks.md says which data set is read.",
    ),
    "E-EVA-012": ErrorKind(
        "A row of a benchmark is no item",
        "Download the file again: a headline over the other rows could not be compared.",
    ),
    "E-EVA-013": ErrorKind(
        "A benchmark needs a language model to grade answers", "Name one with --judge."
    ),
    # Report
    "E-REP-001": ErrorKind(
        "A folder is not an evaluation", "Name a folder written by `roboloop evaluate`."
    ),
    "E-REP-002": ErrorKind(
        "A folder is neither empty nor a report", "Give another --out; nothing was changed."
    ),
    "E-REP-003": ErrorKind(
        "A file is not the summary of a curation or a composition",
        "Give the curation.json of `curate` or `check-leakage`, or the compose.json of `compose`.",
    ),
    # Serving
    "E-SRV-001": ErrorKind(
        "There is no environment to serve from",
        "Install the server in an environment of its own and name its interpreter with --python, "
        "or in the variable ROBOLOOP_SERVE_PYTHON.",
    ),
    "E-SRV-002": ErrorKind("A server does not start", "Its log says why."),
    "E-SRV-003": ErrorKind(
        "A model folder cannot be served as it is",
        "Export the model again, or add what is missing from the model's page.",
    ),
    "E-SRV-004": ErrorKind("A port cannot be listened at", "Give another --port; 0 takes any."),
    "E-SRV-005": ErrorKind(
        "A server dies again and again", "Its log says why; lower its load or its memory."
    ),
    # Simulator
    "E-SIM-001": ErrorKind(
        "No OpenGL without a screen is available",
        "On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri, "
        "or libosmesa6 with MUJOCO_GL=osmesa.",
    ),
    "E-SIM-002": ErrorKind(
        "The robot's model files are not installed",
        "Install them with: pip install --no-deps gym-hil==0.1.14.",
    ),
    "E-SIM-003": ErrorKind(
        "The rendered pack is damaged or missing",
        "Install the package again, or render with `roboloop simulate`.",
    ),
}


def catalogue_page() -> str:
    """The manual's page of errors, as Markdown."""
    lines = [
        "# Errors",
        "",
        "Every message a person can meet starts with a code, then the place, what is wrong, and",
        "what to do. This page is made from `roboloop.base.catalogue`; `roboloop list errors`",
        "prints it.",
        "",
    ]
    for code, kind in CATALOGUE.items():
        lines += [f"## {code}", "", f"{kind.title}.", "", kind.remedy, ""]
    return "\n".join(lines)
