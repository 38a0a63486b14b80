"""The container without a container engine: its files say what they must, and its start command runs as it would there:
as nobody in particular, with nothing writable but the data directory."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
NOBODY = 65534
START = [line for line in DOCKERFILE.splitlines() if line.startswith(("ENTRYPOINT", "CMD"))]


def test_the_image_does_not_run_as_root_and_installs_only_what_is_locked() -> None:
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE
    assert START == ['ENTRYPOINT ["voicegw"]', 'CMD ["serve"]']


def test_compose_gives_the_gateway_a_read_only_root_and_no_capabilities() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    gateway = services["voicegw"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert "ports" not in gateway
    assert services["proxy"]["ports"] == ["80:80", "443:443"]


def test_every_variable_of_the_example_environment_is_one_that_the_gateway_knows() -> None:
    from voicegw.config import ENVIRONMENT_NAMES

    named = [line.partition("=")[0] for line in (ROOT / "docker" / "env.example").read_text().splitlines()]
    unknown = {name for name in named if name and not name.startswith("#")} - set(ENVIRONMENT_NAMES) - {"DOMAIN"}
    assert unknown == set()


def interpreter_for_anyone() -> tuple[str, dict[str, str]]:
    """A Python that an unprivileged user can start, and the environment in which it finds our packages."""
    own = Path(sys.executable).resolve()
    reachable = all(parent.stat().st_mode & 0o001 for parent in [own, *own.parents])
    if os.geteuid() != 0 or reachable:
        return sys.executable, {}
    for name in (f"python{sys.version_info.major}.{sys.version_info.minor}", "python3"):
        found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin")
        if found is None:
            continue
        version = subprocess.run(
            [found, "-c", "import sys; print(*sys.version_info[:2])"], check=True, capture_output=True, text=True
        )
        if version.stdout.split() == [str(part) for part in sys.version_info[:2]]:
            packages = [path for path in sys.path if path.endswith("site-packages")]
            return found, {"PYTHONPATH": os.pathsep.join([str(ROOT), *packages])}
    pytest.skip("no Python here that an unprivileged user can start")


def test_the_image_brings_what_stream_mode_needs_without_a_provider() -> None:
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert {"hibari-tts", "moonshine-voice", "onnxruntime"} <= locked


@pytest.mark.parametrize("mode", ["gather", "stream"])
def test_the_start_command_runs_unprivileged_with_nothing_writable_but_the_data(mode: str, tmp_path: Path) -> None:
    python, environment = interpreter_for_anyone()
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.owner() == "root" and os.geteuid() == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [python, "-c", "from voicegw.cli import main; main()", "serve"],
        cwd="/",  # not writable by nobody, as the container's root is not
        env={
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "VOICEGW_HOST": "127.0.0.1",
            "VOICEGW_MODE": mode,
            "VOICEGW_PORT": str(port),
            "VOICEGW_PUBLIC_URL": "https://phone.example.com",
            "VOICEGW_DATABASE_URL": f"sqlite:///{data}/voicegw.db",
            "TWILIO_AUTH_TOKEN": "token-of-the-test",
            "VOICEFLOW_API_KEY": "VF.DM.test",
            "VOICEFLOW_PROJECT_ID": "project",
            "VOICEFLOW_BASE_URL": "http://127.0.0.1:9",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}),
    )
    try:
        assert "answering calls" in (output := wait_for("answering calls", process)), output
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as response:
            assert response.status == 200
        assert list(data.iterdir()), "the live state is not in the data directory"
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=40)
    assert process.returncode == 0, output
    assert "Traceback" not in output


def wait_for(words: str, process: subprocess.Popen[str]) -> str:
    """The process's output up to the line with `words`, or to its end."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if words in line:
            break
    return "".join(lines)
