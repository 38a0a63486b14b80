"""Settings: `voicegw.toml` and the environment in, one immutable `Settings` out, or every fault at once."""

from voicegw.config.faults import Fault, InvalidSettingsError
from voicegw.config.load import load_settings
from voicegw.config.names import ENVIRONMENT_NAMES
from voicegw.config.receivers import EventReceiver
from voicegw.config.settings import Realtime, Settings, Twilio, Voiceflow, needs_restart

__all__ = [
    "ENVIRONMENT_NAMES",
    "EventReceiver",
    "Fault",
    "InvalidSettingsError",
    "Realtime",
    "Settings",
    "Twilio",
    "Voiceflow",
    "load_settings",
    "needs_restart",
]
