"""Where settings come from: the environment and the TOML file as sources of pydantic-settings, not yet judged."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from voicegw.config.faults import MASK, show
from voicegw.config.names import COMMA_LISTS, ENVIRONMENT_NAMES, SETTINGS_FILE_NAME, SETTINGS_FILE_VARIABLE
from voicegw.errors import Fault, InvalidSettingsError

Table = dict[str, object]
_NOTHING = object()


class WrittenSettings(BaseSettings):
    """What is set, as it is written, the environment over the file: `config.load` makes `Settings` of it.

    Everything is taken here, so that all faults can be told at once.
    """

    model_config = SettingsConfigDict(extra="allow", case_sensitive=True)

    defaults: object = Field(default_factory=dict)
    numbers: object = Field(default_factory=list)

    @property
    def others(self) -> Table:
        """All settings and tables but `defaults` and `numbers`."""
        return dict(self.model_extra or {})


class EnvironmentSource(InitSettingsSource):
    """What the environment sets, standing where the file would have it; an empty variable sets nothing.

    The library's own source reads `os.environ`, and by names that follow from the model; these are given.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        table: Table = {}
        for name, path in ENVIRONMENT_NAMES.items():
            text = environ.get(name, "").strip()
            if text:
                value = [part.strip() for part in text.split(",") if part.strip()] if name in COMMA_LISTS else text
                table = merged(table, _nested(path, value))
        super().__init__(settings_cls, table)


class FileSource(InitSettingsSource):
    """The settings file; an absent `voicegw.toml` is an empty one, a file asked for must be there.

    Raises `InvalidSettingsError` where it cannot be read: nothing else can then be said about the settings. The
    library's own source passes over what is missing or is no regular file, such as a pipe.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str], working_dir: Path) -> None:
        self.table = _read_file(environ.get(SETTINGS_FILE_VARIABLE, "").strip(), working_dir)
        super().__init__(settings_cls, self.table)


def read_settings(*sources: PydanticBaseSettingsSource) -> WrittenSettings:
    """What the sources say, table by table; the first of them has the last word."""

    class FromSources(WrittenSettings):
        @classmethod
        def settings_customise_sources(cls, *_: object, **__: object) -> tuple[PydanticBaseSettingsSource, ...]:
            return sources  # none of the library's own, which look around in this process and its working directory

    return FromSources()


def misspelt_names(environ: Mapping[str, str]) -> list[Fault]:
    """Variables that set nothing because they are nearly, but not quite, a name of ours that is not set."""
    unset = [name for name in (*ENVIRONMENT_NAMES, SETTINGS_FILE_VARIABLE) if not environ.get(name)]
    faults = []
    for name in sorted(environ):
        ours = name.startswith(("VOICEGW_", "TWILIO_", "VOICEFLOW_"))
        known = name in ENVIRONMENT_NAMES or name == SETTINGS_FILE_VARIABLE
        meant = get_close_matches(name, unset, n=1, cutoff=0.88) if ours and not known else []
        if meant:
            mend = f'Did you mean "{meant[0]}"?'
            faults.append(Fault(key=name, value=MASK, wrong="is not a setting", mend=mend))
    return faults


def merged(below: Table, above: Table) -> Table:
    """Both tables in one; `above` wins, table by table, and its lists replace the others."""
    result = dict(below)
    for name, value in above.items():
        beneath = result.get(name)
        result[name] = merged(beneath, value) if isinstance(beneath, dict) and isinstance(value, dict) else value
    return result


def holds(table: object, path: tuple[int | str, ...]) -> bool:
    """Whether something stands at `path`."""
    for part in path:
        if isinstance(table, dict):
            table = table.get(part, _NOTHING)
        elif isinstance(table, list) and isinstance(part, int):
            table = table[part] if part < len(table) else _NOTHING
        else:
            table = _NOTHING
    return table is not _NOTHING


def _nested(path: tuple[str, ...], value: object) -> Table:
    first, *rest = path
    return {first: _nested(tuple(rest), value) if rest else value}


def _read_file(asked_for: str, working_dir: Path) -> Table:
    path = working_dir / (asked_for or SETTINGS_FILE_NAME)
    key = SETTINGS_FILE_VARIABLE if asked_for else SETTINGS_FILE_NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not asked_for:
            return {}
        wrong, mend = "names no file", "Check the path (--config, VOICEGW_CONFIG); without one, voicegw.toml is read."
    except UnicodeDecodeError:
        wrong, mend = "is not text in UTF-8", "Save it as UTF-8."
    except OSError as error:
        wrong, mend = f"cannot be read ({error.strerror})", "Check what it is and who may read it."
    except tomllib.TOMLDecodeError as error:
        wrong, mend = f"is not TOML: {error}", "Mend that place; texts stand in quotes, lists in brackets."
    raise InvalidSettingsError([Fault(key=key, value=show(str(path)), wrong=wrong, mend=mend)])
