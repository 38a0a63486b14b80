"""The names that users type into the environment, and where each stands in the settings file."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENVIRONMENT_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "VOICEGW_PUBLIC_URL": ("public_url",),
        "VOICEGW_HOST": ("host",),
        "VOICEGW_PORT": ("port",),
        "VOICEGW_MODE": ("defaults", "mode"),
        "VOICEGW_DATABASE_URL": ("database_url",),
        "VOICEGW_REDIS_URL": ("redis_url",),
        "VOICEGW_FORWARD_ALLOW": ("defaults", "forwarding", "allow"),
        "VOICEGW_STT": ("stt",),
        "VOICEGW_TTS": ("tts",),
        "VOICEGW_REALTIME_URL": ("realtime", "url"),
        "VOICEGW_REALTIME_PROTOCOL": ("realtime", "protocol"),
        "VOICEGW_REALTIME_API_KEY": ("realtime", "api_key"),
        "TWILIO_ACCOUNT_SID": ("twilio", "account_sid"),
        "TWILIO_AUTH_TOKEN": ("twilio", "auth_tokens"),
        "TWILIO_SHARED_KEYS": ("twilio", "shared_keys"),
        "VOICEFLOW_API_KEY": ("voiceflow", "api_key"),
        "VOICEFLOW_PROJECT_ID": ("voiceflow", "project_id"),
        "VOICEFLOW_ENVIRONMENT": ("voiceflow", "environment"),
        "VOICEFLOW_BASE_URL": ("voiceflow", "base_url"),
    }
)
"""Environment variable → path in the file."""

SETTINGS_FILE_NAME: Final = "voicegw.toml"
SETTINGS_FILE_VARIABLE: Final = "VOICEGW_CONFIG"
COMMA_LISTS: Final = frozenset(
    {"VOICEGW_FORWARD_ALLOW", "VOICEGW_STT", "VOICEGW_TTS", "TWILIO_AUTH_TOKEN", "TWILIO_SHARED_KEYS"}
)
