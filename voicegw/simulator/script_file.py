"""Calls as YAML files, for `--script`: who calls, what they do step by step, and what dialled parties do.
Not in the example: `plays: cough.wav`, a recording beside the file; its `text` is what it says, if anything.

from: "+14155550123"
to: "+15005550100"
steps:
  - hears: how can I help          # a regular expression; fails after within_seconds (60)
  - says: the front desk, please   # when it is the caller's turn; when: prompt (interrupts) or now
  - presses: "1234#"
    gap_seconds: 0.3
  - hears_quiet: 2                 # until nothing has been heard for so long
  - waits: 2.5
  - stays_silent                   # until the other side ends the call
  - hangs_up
callees:
  "+15005550106": {outcome: busy, ring_seconds: 4}
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml

from voicegw.simulator.callees import Callee
from voicegw.simulator.caller import HangsUp, Hears, HearsQuiet, Presses, Says, Sounds, StaysSilent, Step, Waits, When
from voicegw.simulator.gather import KEYS
from voicegw.simulator.stream.sound import read_wav


class ScriptFileError(ValueError):
    """A file that is not a script. `faults` are all of them, each with its line, its key, and what to write instead."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A call to place. `from_` and `to` are None where the file leaves them to the defaults."""

    steps: tuple[Step, ...]
    from_: str | None = None
    to: str | None = None
    callees: Mapping[str, Callee] = field(default_factory=dict)


def load_script(text: str, folder: Path | None = None) -> Script:
    """Read a script, and the recordings it names, from `folder`; raises ScriptFileError with every fault at once."""
    return _Reader(folder or Path()).read(text)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of step: its class, the field that its own key fills (None: it has no value), and its other keys."""

    make: Callable[..., Step]
    value: str | None
    options: tuple[str, ...] = ()


_STEPS: Mapping[str, _Kind] = {
    "says": _Kind(Says, "text", ("when", "after_seconds", "seconds", "confidence")),
    "presses": _Kind(Presses, "keys", ("when", "after_seconds", "gap_seconds")),
    "plays": _Kind(Sounds, "audio", ("text", "when", "after_seconds")),
    "hears_quiet": _Kind(HearsQuiet, "seconds"),
    "hears": _Kind(Hears, "pattern", ("within_seconds", "until")),
    "waits": _Kind(Waits, "seconds"),
    "stays_silent": _Kind(StaysSilent, None),
    "hangs_up": _Kind(HangsUp, None, ("when", "after_seconds")),
}
_CALLEE_KEYS = tuple(Callee.__dataclass_fields__)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "when": get_args(When),
    "until": ("begin", "end"),
    "outcome": ("answers", "busy", "no-answer", "failed"),
}
_TEXTS = frozenset({"text", "pattern", "keys", "greeting", "whisper_keys"})
_OPTIONAL = frozenset({"confidence", "talk_seconds", "seconds"})


class _Reader:
    """Reads one file, and collects what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._faults: list[str] = []

    def read(self, text: str) -> Script:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as exc:
            raise ScriptFileError((f"not YAML: {exc}",)) from exc
        if not isinstance(root, yaml.MappingNode):
            raise ScriptFileError(("line 1: a script is a mapping; begin with `steps:` and a list",))
        items = self._items(root, "", ("from", "to", "steps", "callees"))
        steps = self._steps(items["steps"]) if "steps" in items else ()
        if "steps" not in items:
            self._fault(root, "steps: missing; write `steps:` and a list of what the caller does")
        callees = self._callees(items["callees"]) if "callees" in items else {}
        numbers = {key: self._text(items[key], key) for key in ("from", "to") if key in items}
        if self._faults:
            raise ScriptFileError(tuple(self._faults))
        return Script(steps=steps, from_=numbers.get("from"), to=numbers.get("to"), callees=callees)

    def _fault(self, node: yaml.Node, text: str) -> None:
        self._faults.append(f"line {node.start_mark.line + 1}: {text}")

    def _items(self, node: yaml.MappingNode, where: str, known: tuple[str, ...]) -> dict[str, yaml.Node]:
        items: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key not in known:
                self._fault(key_node, f"{where}{key}: unknown; write one of {', '.join(known)}")
            elif key in items:
                self._fault(key_node, f"{where}{key}: given twice; keep one")
            else:
                items[key] = value_node
        return items

    def _steps(self, node: yaml.Node) -> tuple[Step, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._fault(node, "steps: must be a list; write `- says: hello` below it")
            return ()
        steps = (self._step(item, f"steps[{index}]") for index, item in enumerate(node.value, 1))
        return tuple(step for step in steps if step is not None)

    def _step(self, node: yaml.Node, where: str) -> Step | None:
        if isinstance(node, yaml.ScalarNode):
            kind = _STEPS.get(node.value)
            if kind is not None and kind.value is None:
                return kind.make()
            self._fault(node, f"{where}: {node.value!r} is no step; write {self._kinds()}")
            return None
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, f"{where}: a step is one of {self._kinds()}")
            return None
        names = [str(key.value) for key, _ in node.value if str(key.value) in _STEPS]
        if len(names) != 1:
            self._fault(node, f"{where}: needs exactly one of {self._kinds()}")
            return None
        kind = _STEPS[names[0]]
        before = len(self._faults)
        items = self._items(node, f"{where}.", (names[0], *kind.options))
        values = {key: self._value(key, item, f"{where}.{key}") for key, item in items.items() if key in kind.options}
        own = items[names[0]]
        if kind.value is not None:
            values[kind.value] = self._value(kind.value, own, f"{where}.{names[0]}")
        elif own.tag != "tag:yaml.org,2002:null":
            self._fault(own, f"{where}.{names[0]}: takes no value; leave it empty")
        return kind.make(**values) if len(self._faults) == before else None

    def _kinds(self) -> str:
        return ", ".join(_STEPS)

    def _callees(self, node: yaml.Node) -> dict[str, Callee]:
        callees: dict[str, Callee] = {}
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, 'callees: must be a mapping; write `"+15005550106": {outcome: busy}` below it')
            return callees
        for key_node, value_node in node.value:
            where = f"callees.{key_node.value}"
            if not isinstance(value_node, yaml.MappingNode):
                self._fault(value_node, f"{where}: must be a mapping, like {{outcome: answers}}")
                continue
            before = len(self._faults)
            items = self._items(value_node, f"{where}.", _CALLEE_KEYS)
            values = {key: self._value(key, item, f"{where}.{key}") for key, item in items.items()}
            if len(self._faults) == before:
                callees[str(key_node.value)] = Callee(**values)
        return callees

    def _text(self, node: yaml.Node, where: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str" and node.value:
            return str(node.value)
        self._fault(node, f"{where}: must be text; write it in quotes")
        return ""

    def _value(self, key: str, node: yaml.Node, where: str) -> Any:
        if key in _WORDS:
            if isinstance(node, yaml.ScalarNode) and node.value in _WORDS[key]:
                return node.value
            self._fault(node, f"{where}: write one of {', '.join(_WORDS[key])}")
            return None
        if key == "audio":
            return self._recording(node, where)
        if key in _TEXTS:
            text = self._text(node, where)
            self._check_text(key, text, node, where)
            return text
        value = yaml.safe_load(node.value) if isinstance(node, yaml.ScalarNode) else node
        if key == "hangs_up_on_whisper":
            if not isinstance(value, bool):
                self._fault(node, f"{where}: write true or false")
            return value
        if value is None and key in _OPTIONAL:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            self._fault(node, f"{where}: must be a number, 0 or more")
        return value

    def _recording(self, node: yaml.Node, where: str) -> bytes:
        name = self._text(node, where)
        try:
            return read_wav((self._folder / name).read_bytes()) if name else b""
        except (OSError, ValueError) as exc:
            self._fault(node, f"{where}: {name} cannot be read: {exc}")
            return b""

    def _check_text(self, key: str, text: str, node: yaml.Node, where: str) -> None:
        if key == "pattern":
            try:
                re.compile(text)
            except re.error as exc:
                self._fault(node, f"{where}: not a regular expression ({exc}); put a \\ before special characters")
        elif key in ("keys", "whisper_keys") and set(text) - KEYS - set("wW"):
            self._fault(node, f"{where}: {text!r} holds what is no key; write 0-9 * # and w for a wait")
