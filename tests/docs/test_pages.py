"""The pages are true: links lead somewhere, code blocks load, every command, file and name they mention exists."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args
from xml.etree import ElementTree

import pytest
import typer
import yaml

from voicegw.call.addresses import RefusalReason
from voicegw.cli.root import COMMANDS, app, load_command
from voicegw.config import load_settings
from voicegw.demo.loader import load_dialogue
from voicegw.simulator import load_script
from voicegw.voiceflow.custom_actions import HOOKS
from voicegw.voiceflow.trace_kinds import KnownTrace

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))
ENOUGH = {
    "TWILIO_AUTH_TOKEN": "token",
    "VOICEGW_PUBLIC_URL": "https://voice.example.com",
    "VOICEFLOW_API_KEY": "VF.DM.key",
    "VOICEFLOW_PROJECT_ID": "project",
}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8")))
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", h)).strip().lower().replace(" ", "-")
        for h in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            assert target.startswith(("https://", "mailto:")), target
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_settings_in_pages_load(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        tomllib.loads(block)
        (tmp_path / "voicegw.toml").write_text(block, encoding="utf-8")
        assert load_settings(ENOUGH, tmp_path).numbers


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_yaml_in_pages_is_what_it_shows(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        content = yaml.safe_load(block)
        if "steps" in content:
            assert load_script(block).steps
        if "states" in content:
            (tmp_path / "dialogue.yaml").write_text(block, encoding="utf-8")
            assert load_dialogue(tmp_path / "dialogue.yaml").states


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_python_in_pages_compiles_and_imports_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
        for line in block.splitlines():
            if line.startswith(("from voicegw", "import voicegw", "from twiml", "import twiml")):
                exec(line, {})  # noqa: S102 - our own pages


def named_commands(page: Path) -> Iterator[str]:
    """Everything that stands as code and begins with the command's name."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", text)
    code = [*(block for language, block in fenced if language in {"sh", "ini", ""}), *re.findall(r"`([^`\n]+)`", text)]
    for part in code:
        for line in part.splitlines():
            if found := re.search(rf"(?:^|[\s/])voicegw ((?:{'|'.join(COMMANDS)}|--)\S*.*)", line.split("#")[0]):
                yield found[1]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_commands_and_options_exist(page: Path) -> None:
    for line in named_commands(page):
        command = root = cast(Any, typer.main.get_command(app))
        for word in line.split():
            if word.startswith("-"):
                options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
                assert word.partition("=")[0] in options | {"--help"}, line
            elif hasattr(command, "commands"):
                assert word in command.commands, line
                command = load_command(word) if command is root else command.commands[word]


def test_every_command_is_explained_somewhere() -> None:
    named = {line.split()[0] for page in PAGES for line in named_commands(page)}
    assert set(COMMANDS) <= named


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for line in re.findall(
        r"(?m)(?:`|^    |^)make ([a-z]+(?: [a-z]+)*)(?=`|\s{2,}|$)", page.read_text(encoding="utf-8")
    ):
        assert set(line.split()) <= targets, line


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_files_named_in_pages_exist(page: Path) -> None:
    rooms = {room.name for parent in (ROOT, ROOT / "voicegw") for room in parent.iterdir() if room.is_dir()}
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    for name in re.findall(r"`([a-z_]+/[\w/.-]+\.(?:py|yaml|toml|md|wav))`", text):
        if name.partition("/")[0] in rooms:
            assert (ROOT / name).exists() or (ROOT / "voicegw" / name).exists(), name


def test_every_room_is_on_the_plan_of_the_house() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for path in (ROOT / "voicegw").iterdir() if (path / "__init__.py").exists()]
    assert not [room for room in rooms if f"| `{room}/` |" not in plan]
    unbuilt = re.findall(r"`(\w+)/`", plan.split("**Not built yet**", 1)[1].split("\n\n", 1)[0].split("Adding", 1)[0])
    assert unbuilt
    assert not set(unbuilt) & set(rooms)


def test_every_kind_of_trace_has_its_row() -> None:
    page = (ROOT / "docs" / "gather-mode.md").read_text(encoding="utf-8")
    table = page.split("## From the agent to the phone", 1)[1].split("\n## ", 1)[0]
    kinds = [kind.model_fields["type"].default for kind in get_args(KnownTrace)]
    assert len(kinds) == 26
    assert not [kind for kind in kinds if f"`{kind}`" not in table]


def test_every_custom_action_has_its_row() -> None:
    page = (ROOT / "docs" / "gather-mode.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^\| `([\w-]+)` \|", page.split("## Custom actions", 1)[1].split("\n## ")[0])) == set(
        HOOKS
    )


def test_every_refusal_has_its_row() -> None:
    page = (ROOT / "docs" / "forwarding.md").read_text(encoding="utf-8")
    table = page.split("### Why a forward was refused", 1)[1].split("\n## ")[0]
    assert set(re.findall(r"(?m)^\| `([\w-]+)` \|", table)) == {reason.value for reason in RefusalReason}


def test_a_decision_fits_on_its_page_and_is_listed() -> None:
    notes = sorted((ROOT / "docs" / "decisions").glob("20*.md"))
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert notes
    for note in notes:
        assert len(note.read_text(encoding="utf-8").splitlines()) <= 40, note.name
        assert f"({note.name})" in index


@pytest.mark.parametrize("picture", PICTURES, ids=ids(PICTURES))
def test_pictures_stand_alone_and_are_legible(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    ElementTree.fromstring(text)  # noqa: S314 - our own file
    assert not re.findall(r"(?:href|src)=\"https?:|url\((?![\"']?#)|@import|<script", text)
    sizes = [float(size) for size in re.findall(r"font-size: ?([\d.]+)px", text)]
    assert sizes
    assert min(sizes) >= 12
