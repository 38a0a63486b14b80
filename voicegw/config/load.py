"""From the settings file and the environment to `Settings`, or to every fault at once. The environment wins.

A number inherits `[defaults]` table by table; a list of its own replaces the inherited one. A fault is reported
where it stands, not again by every number that inherits it.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from voicegw.call.addresses import line_of
from voicegw.call.profile import Destination, Forwarding, Keypad, NumberProfile, Silence, Stream
from voicegw.config.checks import CheckedProfile
from voicegw.config.faults import Path, dotted, explain, locate, show
from voicegw.config.names import ENVIRONMENT_NAMES
from voicegw.config.receivers import EventReceiver
from voicegw.config.settings import Realtime, Settings, Twilio, Voiceflow
from voicegw.config.sources import (
    EnvironmentSource,
    FileSource,
    Table,
    WrittenSettings,
    holds,
    merged,
    misspelt_names,
    read_settings,
)
from voicegw.errors import Fault, InvalidSettingsError

_Model = TypeVar("_Model", bound=BaseModel)
_FLAG = "insecure_dev"
_AGENT = ("project_id", "environment")
_ELSEWHERE = {"number": "[[numbers]]", "project_id": "[voiceflow]", "environment": "[voiceflow]"}
_HOMES: Mapping[str, type[BaseModel]] = {
    "[defaults] or [[numbers]]": NumberProfile,
    "[defaults.forwarding]": Forwarding,
    "[defaults.keypad]": Keypad,
    "[defaults.silence]": Silence,
    "[defaults.stream]": Stream,
    "[voiceflow]": Voiceflow,
    "[twilio]": Twilio,
    "no table, above the first [table]": Settings,
}
_TABLES: Mapping[str, type[BaseModel]] = {
    "twilio": Twilio,
    "voiceflow": Voiceflow,
    "realtime": Realtime,
    "events": EventReceiver,
    "defaults": NumberProfile,
    "numbers": NumberProfile,
    "keypad": Keypad,
    "silence": Silence,
    "stream": Stream,
    "forwarding": Forwarding,
    "fallback": Destination,
    "destinations": Destination,
}


def load_settings(environ: Mapping[str, str], working_dir: FilePath, *, insecure_dev: bool = False) -> Settings:
    """Read `voicegw.toml` (in `working_dir`, or where `VOICEGW_CONFIG` says) and the environment.

    `insecure_dev` comes from the command line only. Raises `InvalidSettingsError` with every fault found.
    """
    file = FileSource(WrittenSettings, environ, working_dir)
    written = read_settings(EnvironmentSource(WrittenSettings, environ), file)
    judge = _Judge(file.table, environ)
    numbers = judge.numbers(written)
    common = _with_places({"voiceflow": {}, **written.others}, working_dir)
    settings = judge.validated(Settings, {**common, _FLAG: insecure_dev, "numbers": numbers})
    faults = [*misspelt_names(environ), *judge.faults.values()]
    if settings is None or faults:
        raise InvalidSettingsError(faults)
    return settings


class _Judge:
    """Turns tables into models and collects what is wrong with them, each fault once."""

    def __init__(self, file: Table, environ: Mapping[str, str]) -> None:
        self._file = file
        self._environ = environ
        self.faults: dict[tuple[str, str], Fault] = {}
        if _FLAG in file:
            self.report(
                (_FLAG,), file[_FLAG], "stands in a file", "Remove it: the flag is --insecure-dev of the command."
            )

    def report(self, path: Path, value: object, wrong: str, mend: str) -> None:
        self._add(Fault(key=self._key(path), value=show(value), wrong=wrong, mend=mend))

    def validated(
        self,
        model: type[_Model],
        table: Table,
        *,
        layers: Mapping[Path, Table] | None = None,
        context: Table | None = None,
    ) -> _Model | None:
        """The model, or None and faults. `layers` are the tables that `table` was merged from, the last word first."""
        try:
            return model.model_validate(table, context=context)
        except ValidationError as error:
            for detail in error.errors():
                path = _origin(detail, layers or {(): table})
                self._add(explain(detail, key=self._key(path), path=path, known=_names_beside(path), home=_home(path)))
        return None

    def numbers(self, written: WrittenSettings) -> tuple[NumberProfile, ...]:
        """What each number is set to do, with what it inherits; without `[[numbers]]` one profile for every number."""
        defaults, numbers = written.defaults, written.numbers
        if not isinstance(defaults, dict):
            self.report(("defaults",), defaults, "is not a table", "Write [defaults] above these settings.")
            defaults = {}
        for name in defaults.keys() & _ELSEWHERE.keys():
            self.report(("defaults", name), defaults[name], "is no default", f"It stands under {_ELSEWHERE[name]}.")
        if not isinstance(numbers, list) or not all(isinstance(number, dict) for number in numbers):
            self.report(("numbers",), numbers, "is not a list of tables", "Write [[numbers]] above each number.")
            numbers = []
        agent = written.others.get("voiceflow")
        agent = {name: agent[name] for name in _AGENT if name in agent} if isinstance(agent, dict) else {}
        own_numbers = self._lines(numbers)
        profiles = []
        own: list[dict[Path, Table]] = [{("numbers", index): number} for index, number in enumerate(numbers)]
        for layers in own or [{}]:
            layers |= {("defaults",): defaults, ("voiceflow",): agent}
            table: Table = {}
            for part in reversed(layers.values()):
                table = merged(table, part)
            profile = self.validated(CheckedProfile, table, layers=layers, context={"own_numbers": own_numbers})
            if profile is not None:
                profiles.append(NumberProfile.model_validate(profile.model_dump()))
        if any(not profile.project_id for profile in profiles):
            mend = "Copy it from Voiceflow: Settings, General, Metadata."
            self.report(("voiceflow", "project_id"), "", "is not set", mend)
        return tuple(profiles)

    def _lines(self, numbers: list[Table]) -> frozenset[str]:
        """The lines of all numbers; each must have one, and no two the same."""
        lines: set[str] = set()
        for index, table in enumerate(numbers):
            number = table.get("number", "")
            line = line_of(number) if isinstance(number, str) else ""
            if number == "":
                self.report(("numbers", index, "number"), "", "is not set", 'Write number = "+…" under [[numbers]].')
            elif line in lines:
                self.report(("numbers", index, "number"), number, "is listed twice", "Remove one of the two.")
            lines.add(line)
        return frozenset(lines - {""})

    def _add(self, fault: Fault) -> None:
        self.faults.setdefault((fault.key, fault.wrong), fault)

    def _key(self, path: Path) -> str:
        """The variable where the environment sets it, or could and the file does not; else the place in the file."""
        for name, place in ENVIRONMENT_NAMES.items():
            if path[: len(place)] == place and (self._environ.get(name) or not holds(self._file, place)):
                return name
        return dotted(path)


def _origin(error: ErrorDetails, layers: Mapping[Path, Table]) -> Path:
    """Where the faulty setting stands: in the first layer that holds it, else where it could be set."""
    path = locate(error)
    sought = path[:-1] if error["type"] == "missing" else path
    return (*next((place for place, table in layers.items() if holds(table, sought)), next(iter(layers))), *path)


def _names_beside(path: Path) -> list[str]:
    """The settings of the table in which the last name of `path` stands."""
    tables = [name for name in path[:-1] if isinstance(name, str)]
    if "destinations" in tables[:-1]:  # an alias is a name of the operator's own
        tables[-1] = "destinations"
    model = _TABLES.get(tables[-1]) if tables else Settings
    names = [name for name in model.model_fields if name != _FLAG] if model else []
    return names if tables else [*names, "defaults"]


def _home(path: Path) -> str:
    """The table in which a setting of this name does stand, or nothing."""
    return next((home for home, model in _HOMES.items() if path[-1] in model.model_fields), "")


def _with_places(tables: Table, working_dir: FilePath) -> Table:
    """The call log and the live store get their places in the working directory; the store lies beside the log,
    the kept phrases beside the store."""
    url = tables.setdefault("database_url", f"sqlite:///{working_dir / 'voicegw.db'}")
    log = FilePath(str(url).removeprefix("sqlite:///")) if str(url).startswith("sqlite:///") else FilePath("voicegw.db")
    live = tables.setdefault("live_store_path", str(log.with_name(f"{log.stem}-live{log.suffix}")))
    recordings = tables.setdefault("recordings_path", "voicegw-recordings")
    beside = FilePath(live).parent if isinstance(live, str) else FilePath()
    phrases = tables.setdefault("phrase_cache_path", str(beside / "voicegw-phrases"))
    paths = {"live_store_path": live, "recordings_path": recordings, "phrase_cache_path": phrases}
    return {**tables, **{name: working_dir / path for name, path in paths.items() if isinstance(path, str)}}
