"""The command of a server, the checks before it, and watching it. No server but a stand-in runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from stand_in_server import make_environment, starts

from roboloop.base.errors import RoboLoopError
from roboloop.models.tiny import build_tiny
from roboloop.serve import server as serving
from roboloop.serve.command import limit_of_pictures, serving_command
from roboloop.serve.config import ServeConfig
from roboloop.serve.environment import (
    PYTHON_VARIABLE,
    ServingEnvironment,
    Version,
    find_environment,
)
from roboloop.serve.preflight import check_servable
from roboloop.serve.server import Server, free_port

GPU = ServingEnvironment(Path("/env/bin/vllm"), "vllm", Version(0, 32), False)
CPU = GPU._replace(is_cpu=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as vLLM takes it."""
    folder = tmp_path_factory.mktemp("serve") / "tiny"
    build_tiny(folder, seed=0, texts=["find the cup"], depth=1, patch_size=14)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["rope_parameters"]["mrope_section"] = [4, 6, 6]
    del config["vision_config"]["rope_parameters"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("0.6", "image=32"), ("0.8", "image=32"), ("0.9", '{"image":32}'), ("0.32", '{"image":32}')],
)
def test_the_limit_of_pictures_is_written_as_the_version_reads_it(
    version: str, wanted: str
) -> None:
    major, minor = map(int, version.split("."))
    assert limit_of_pictures(32, version=Version(major, minor)) == wanted
    assert limit_of_pictures(32, version=Version(0, 0)).startswith("{"), "unknown counts as new"


def test_the_command_of_vllm() -> None:
    config = ServeConfig(tensor_parallel=4, max_model_tokens=8192, options=("--seed", "1"))
    made = serving_command(config, folder=Path("/m/robo"), environment=GPU, port=8000)
    assert made.words == (
        "/env/bin/vllm", "serve", "/m/robo", "--host", "127.0.0.1", "--port", "8000",
        "--dtype", "auto", "--served-model-name", "robo", "--limit-mm-per-prompt", '{"image":32}',
        "--tensor-parallel-size", "4", "--max-model-len", "8192",
        "--seed", "1",
    )  # fmt: skip
    assert made.variables["VLLM_NO_USAGE_STATS"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in made.variables
    own = serving_command(
        ServeConfig(), folder=Path("/m/moe"), environment=CPU, port=1, has_own_code=True
    )
    assert {"--model-impl", "--trust-remote-code", "--enforce-eager"} <= set(own.words)
    assert "VLLM_CPU_KVCACHE_SPACE" in own.variables


def test_transformers_serves_under_the_path() -> None:
    environment = ServingEnvironment(
        Path("/env/bin/transformers"), "transformers", Version(5, 19), True
    )
    made = serving_command(ServeConfig(), folder=Path("/m/robo"), environment=environment, port=7)
    assert made.words[:3] == ("/env/bin/transformers", "serve", "/m/robo")
    assert made.name == "/m/robo" and "--limit-mm-per-prompt" not in made.words


def test_a_good_folder_passes_and_code_is_trusted_only_if_it_is_ours(
    tiny: Path, tmp_path: Path
) -> None:
    assert check_servable(tiny, environment=CPU) is False
    folder = copied(tiny, tmp_path / "moe")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "roboloop_moe_qwen2_5_vl"
    (folder / "config.json").write_text(json.dumps(config))
    source = Path(sys.modules["roboloop.models.tiny"].__file__ or "").parent / "moe"
    code = (source / "modeling_roboloop_moe.py").read_bytes()
    (folder / "modeling_roboloop_moe.py").write_bytes(code)
    assert check_servable(folder, environment=CPU) is True
    (folder / "modeling_roboloop_moe.py").write_bytes(code + b"\nimport os\n")
    assert check_servable(folder, environment=CPU) is False


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
    "tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json"),
    "pictures": (lambda folder: (folder / "preprocessor_config.json").unlink(), "pictures would"),
    "template": (lambda folder: (folder / "chat_template.jinja").unlink(), "chat template"),
    "shard": (
        lambda folder: (folder / "model.safetensors.index.json").write_text(
            '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
        ),
        "1 of 2 weight files",
    ),
    "config": (lambda folder: (folder / "config.json").unlink(), "roboloop export"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_missing_is_told_before_anything_starts(
    what: str, tiny: Path, tmp_path: Path
) -> None:
    folder = copied(tiny, tmp_path / "model")
    spoil, told = BREAKS[what]
    spoil(folder)
    with pytest.raises(RoboLoopError, match="E-SRV-003") as caught:
        check_servable(folder, environment=GPU)
    assert told in str(caught.value)


def test_what_vllm_would_compute_otherwise_is_refused(tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "own", seed=0, texts=["find the cup"], depth=1)
    with pytest.raises(RoboLoopError) as caught:
        check_servable(folder, environment=GPU)
    assert "mrope_section has 16 parts" in str(caught.value)
    assert "rotary base is 100" in str(caught.value)
    transformers = GPU._replace(engine="transformers")
    assert check_servable(folder, environment=transformers) is False


def test_heads_that_a_cpu_cannot_compute_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path / "narrow")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["head_dim"] = 16
    (folder / "config.json").write_text(json.dumps(config))
    check_servable(folder, environment=GPU)
    with pytest.raises(RoboLoopError, match="16 wide"):
        check_servable(folder, environment=CPU)


def test_an_environment_is_found_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = make_environment(tmp_path / "env", plan=[], versions={"vllm": "0.8.5.post1"})
    found = find_environment("vllm", python=python)
    assert found == (tmp_path / "env/bin/vllm", "vllm", Version(0, 8), False)
    monkeypatch.setenv(PYTHON_VARIABLE, str(python))
    assert find_environment("vllm") == found
    with pytest.raises(RoboLoopError, match="E-SRV-001"):
        find_environment("transformers")
    with pytest.raises(RoboLoopError, match="no such interpreter"):
        find_environment("vllm", python=tmp_path / "nowhere/python")


def started(environment: Path, *, log: Path, said: list[str], start_seconds: float = 30) -> Server:
    python = environment / "bin/python"
    port = free_port("127.0.0.1", wanted=0)
    command = serving_command(
        ServeConfig(), folder=Path("/m/robo"), environment=find_environment("vllm", python=python),
        port=port,
    )  # fmt: skip
    return Server(
        command, host="127.0.0.1", port=port, log=log, start_seconds=start_seconds, say=said.append
    )


def test_a_server_that_dies_is_started_again_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.1)
    environment = tmp_path / "env"
    make_environment(environment, plan=["serves"])
    said: list[str] = []

    def kill_each() -> None:
        killed: set[object] = set()
        deadline = time.monotonic() + 60
        while len(killed) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            if server.is_healthy(timeout_seconds=1):
                pid = starts(environment)[-1]["pid"]
                if pid not in killed:
                    killed.add(pid)
                    os.kill(int(str(pid)), signal.SIGKILL)

    with started(environment, log=tmp_path / "logs/serve.log", said=said) as server:
        server.start()
        killer = threading.Thread(target=kill_each)
        killer.start()
        with pytest.raises(RoboLoopError, match="E-SRV-005"):
            server.watch(max_restarts=2, poll_seconds=0.1)
        killer.join()
    assert len(starts(environment)) == 3
    assert sum("starting it again" in text for text in said) == 2
    assert (tmp_path / "logs/serve.log").read_text().count("stand-in: serves") == 3
    assert starts(environment)[0]["variables"] == {
        "VLLM_CPU_KVCACHE_SPACE": "4", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
    }  # fmt: skip


def test_a_server_that_hangs_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(serving, "HEALTH_SECONDS", 0.2)
    environment = tmp_path / "env"
    make_environment(environment, plan=["hangs", "dies"])
    said: list[str] = []
    with started(environment, log=tmp_path / "serve.log", said=said) as server:
        server.start()
        with pytest.raises(RoboLoopError, match="E-SRV-005") as caught:
            server.watch(max_restarts=1, poll_seconds=0.05)
    assert "the server hangs" in said[0] and "CUDA out of memory" in str(caught.value)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    make_environment(environment, plan=["dies"])
    with (
        started(environment, log=tmp_path / "serve.log", said=[]) as server,
        pytest.raises(RoboLoopError) as caught,
    ):
        server.start()
    told = str(caught.value)
    assert "ended with 3: there is not enough memory" in told and "CUDA out of memory" in told


def test_nothing_is_left_of_a_stopped_server(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    make_environment(environment, plan=["serves"])
    with started(environment, log=tmp_path / "serve.log", said=[]) as server:
        server.start()
    pid = int(str(starts(environment)[0]["pid"]))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not server.is_healthy(timeout_seconds=1)


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RoboLoopError, match="E-SRV-004"):
            free_port("127.0.0.1", wanted=port)


def test_the_verb_prints_its_command(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from roboloop.cli.main import run_command

    python = make_environment(tmp_path / "env", plan=[])
    words = ["serve", str(tiny), "--python", str(python), "--port", "0", "--dry-run"]
    assert run_command([*words, "--", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "HF_HUB_OFFLINE=1" in printed and printed.rstrip().endswith("--seed 3")
    assert run_command(["serve", str(tmp_path)]) == 2
