"""Settings: `voicegw.toml` and the environment in, one immutable `Settings` out, or every fault at once."""

from voicegw.config.load import load_settings
from voicegw.config.names import ENVIRONMENT_NAMES
from voicegw.config.receivers import EventReceiver
from voicegw.config.settings import Realtime, Settings, Twilio, Voiceflow, needs_restart
from voicegw.errors import Fault, InvalidSettingsError

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
