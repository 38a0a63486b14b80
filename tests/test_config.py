"""Settings that load: file and environment, inheritance, numbers, and what a reload can change."""

import os
from pathlib import Path
from threading import Thread

import pytest
from pydantic import ValidationError

from voicegw.call.profile import Mode, NumberProfile
from voicegw.config import ENVIRONMENT_NAMES, Settings, Twilio, Voiceflow, load_settings, needs_restart

GOOD = {
    "VOICEGW_PUBLIC_URL": "https://gw.example.com/",
    "TWILIO_AUTH_TOKEN": "first-token",
    "VOICEFLOW_API_KEY": "VF.DM.key",
    "VOICEFLOW_PROJECT_ID": "project",
}
AGENT = Voiceflow(api_key="VF.DM.key", project_id="project")


def secrets_of(twilio: Twilio) -> dict[str, str]:
    return {key_id: secret.get_secret_value() for key_id, secret in twilio.shared_keys.items()}


def load(directory: Path, toml: str = "", *, insecure_dev: bool = False, **environ: str) -> Settings:
    (directory / "voicegw.toml").write_text(toml, encoding="utf-8")
    return load_settings({**GOOD, **environ}, directory, insecure_dev=insecure_dev)


class TestDefaults:
    def test_environment_alone_is_enough(self, tmp_path: Path) -> None:
        settings = load_settings(GOOD, tmp_path)
        assert settings.public_url == "https://gw.example.com"
        assert settings.port == 8080
        assert settings.voiceflow.base_url == "https://general-runtime.voiceflow.com"
        assert settings.voiceflow.streaming
        assert settings.notes == ()

    def test_signed_gateway_listens_to_all_and_an_unsigned_one_to_itself(self, tmp_path: Path) -> None:
        assert load(tmp_path).host == "0.0.0.0"  # noqa: S104
        unsigned = load(tmp_path, insecure_dev=True, TWILIO_AUTH_TOKEN="", VOICEGW_PUBLIC_URL="", VOICEGW_PORT="9000")
        assert unsigned.host == "127.0.0.1"
        assert unsigned.public_url == "http://127.0.0.1:9000"

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
    def test_insecure_gateway_may_listen_on_any_loopback(self, host: str, tmp_path: Path) -> None:
        assert load(tmp_path, insecure_dev=True, TWILIO_AUTH_TOKEN="", VOICEGW_HOST=host).host == host

    def test_shared_key_stands_in_for_a_token(self, tmp_path: Path) -> None:
        settings = load(tmp_path, '[twilio.shared_keys]\nKEYID = "k"', TWILIO_AUTH_TOKEN="")
        assert settings.host == "0.0.0.0"  # noqa: S104

    def test_plain_http_is_for_loopback_and_for_development(self, tmp_path: Path) -> None:
        assert load(tmp_path, VOICEGW_PUBLIC_URL="http://[::1]:8080").public_url == "http://[::1]:8080"
        assert load(tmp_path, insecure_dev=True, VOICEGW_PUBLIC_URL="http://gw.test").public_url == "http://gw.test"

    @pytest.mark.parametrize(
        "url", ["http://localhost:4000", "http://agent:4000", "http://10.0.0.4", "https://a.example"]
    )
    def test_agent_of_one_s_own_network_may_speak_plain_http(self, url: str, tmp_path: Path) -> None:
        assert load(tmp_path, VOICEFLOW_BASE_URL=f"{url}/").voiceflow.base_url == url

    def test_call_log_and_live_store_lie_in_the_working_directory(self, tmp_path: Path) -> None:
        settings = load(tmp_path)
        assert settings.database_url.get_secret_value() == f"sqlite:///{tmp_path}/voicegw.db"
        assert settings.live_store_path == tmp_path / "voicegw-live.db"

    @pytest.mark.parametrize(
        ("database", "live"),
        [
            ("sqlite:////var/lib/gw/calls.db", "/var/lib/gw/calls-live.db"),
            ("postgresql+asyncpg://me:pw@db/calls", "{cwd}/voicegw-live.db"),
            ("sqlite://", "{cwd}/voicegw-live.db"),
        ],
    )
    def test_live_store_lies_beside_the_call_log(self, database: str, live: str, tmp_path: Path) -> None:
        settings = load(tmp_path, VOICEGW_DATABASE_URL=database)
        assert settings.live_store_path == Path(live.format(cwd=tmp_path))

    def test_live_store_may_lie_elsewhere(self, tmp_path: Path) -> None:
        assert load(tmp_path, 'live_store_path = "run/live.db"').live_store_path == tmp_path / "run/live.db"


class TestLayers:
    def test_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        toml = (
            'port = 81\n[voiceflow]\nproject_id = "filed"\nenvironment = "main"\n[defaults.forwarding]\nallow = ["+44"]'
        )
        settings = load(tmp_path, toml, VOICEGW_PORT="82", VOICEGW_FORWARD_ALLOW="+1, +49 30,sip:pbx.example.com,")
        assert settings.port == 82
        assert settings.voiceflow.project_id == "project"
        profile = settings.profile_for("+14155550100")
        assert profile is not None
        assert (profile.project_id, profile.environment) == ("project", "main")
        assert profile.forwarding.allow == ("+1", "+4930", "sip:pbx.example.com")

    def test_providers_may_name_their_model_or_voice_behind_a_colon(self, tmp_path: Path) -> None:
        names = {"VOICEGW_STT": "deepgram:nova-3,offline", "VOICEGW_TTS": "elevenlabs:JBFqnCBsd6RMkjVDRZzb,deepgram"}
        settings = load(tmp_path, VOICEGW_MODE="stream", **names)
        assert settings.stt == ("deepgram:nova-3", "offline")
        assert settings.tts == ("elevenlabs:JBFqnCBsd6RMkjVDRZzb", "deepgram")

    def test_shared_keys_of_the_environment_replace_those_of_the_file(self, tmp_path: Path) -> None:
        toml = '[twilio.shared_keys]\n"withdrawn" = "old"'
        assert secrets_of(load(tmp_path, toml).twilio) == {"withdrawn": "old"}
        assert secrets_of(load(tmp_path, toml, TWILIO_SHARED_KEYS="current=new").twilio) == {"current": "new"}

    def test_environment_of_the_process_is_not_looked_at(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text("PORT=9\nVOICEGW_PORT=9\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        for name in ("VOICEGW_PORT", "PORT", "port", "NUMBERS", "defaults", "VOICEGW_CONFIG"):
            monkeypatch.setenv(name, '["9"]')
        assert load_settings(GOOD, tmp_path) == load(tmp_path)
        built = Settings(public_url="https://gw.example.com", twilio=Twilio(auth_tokens=("t",)), voiceflow=AGENT)
        assert (built.port, built.numbers) == (8080, (NumberProfile(),))

    def test_file_may_be_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        writer = Thread(target=(tmp_path / "pipe").write_text, args=("port = 84",), daemon=True)
        writer.start()
        assert load(tmp_path, VOICEGW_CONFIG="pipe").port == 84
        writer.join()

    def test_empty_variable_leaves_the_file_s_value(self, tmp_path: Path) -> None:
        assert load(tmp_path, "port = 81", VOICEGW_PORT=" ").port == 81

    def test_file_may_lie_where_the_environment_says(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "gw.toml").write_text("port = 83", encoding="utf-8")
        for place in ("etc/gw.toml", str(tmp_path / "etc" / "gw.toml")):
            assert load(tmp_path, "port = 81", VOICEGW_CONFIG=place).port == 83

    def test_every_variable_reaches_its_setting(self, tmp_path: Path) -> None:
        environ = {
            "VOICEGW_PUBLIC_URL": "https://other.example.com",
            "VOICEGW_HOST": "10.0.0.1",
            "VOICEGW_PORT": "0",
            "VOICEGW_MODE": "gather",
            "VOICEGW_DATABASE_URL": "sqlite:///other.db",
            "VOICEGW_REDIS_URL": "",
            "VOICEGW_FORWARD_ALLOW": "+44",
            "VOICEGW_STT": "deepgram,offline",
            "VOICEGW_TTS": "offline",
            "VOICEGW_REALTIME_URL": "wss://rt.example.com/v1",
            "VOICEGW_REALTIME_PROTOCOL": "openai",
            "VOICEGW_REALTIME_API_KEY": "rt-key",
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "one, two",
            "TWILIO_SHARED_KEYS": "key-1=c2VjcmV0MQ==, key-2=other",
            "VOICEFLOW_API_KEY": "VF.DM.other",
            "VOICEFLOW_PROJECT_ID": "other",
            "VOICEFLOW_ENVIRONMENT": "main",
            "VOICEFLOW_BASE_URL": "https://agent.example.com",
        }
        assert set(environ) == set(ENVIRONMENT_NAMES)
        settings = load(tmp_path, **environ)
        assert (settings.public_url, settings.host, settings.port) == ("https://other.example.com", "10.0.0.1", 0)
        assert settings.database_url.get_secret_value() == "sqlite:///other.db"
        assert (settings.stt, settings.tts) == (("deepgram", "offline"), ("offline",))
        assert (settings.realtime.url, settings.realtime.protocol) == ("wss://rt.example.com/v1", "openai")
        assert settings.realtime.api_key.get_secret_value() == "rt-key"
        assert settings.twilio.account_sid == "AC" + "0" * 32
        assert [token.get_secret_value() for token in settings.twilio.auth_tokens] == ["one", "two"]
        assert secrets_of(settings.twilio) == {"key-1": "c2VjcmV0MQ==", "key-2": "other"}
        assert settings.voiceflow.api_key.get_secret_value() == "VF.DM.other"
        (profile,) = settings.numbers
        assert (profile.mode, profile.project_id, profile.environment) == (Mode.GATHER, "other", "main")
        assert profile.forwarding.allow == ("+44",)

    def test_speech_settings_are_noted_as_of_no_effect_yet(self, tmp_path: Path) -> None:
        settings = load(tmp_path, VOICEGW_STT="offline")
        assert settings.notes == ("stt takes effect only in stream mode.",)

    def test_a_realtime_server_wants_calls_that_we_speak_in_whatever_the_mode(self, tmp_path: Path) -> None:
        settings = load(tmp_path, VOICEGW_STT="offline", VOICEGW_REALTIME_URL="wss://rt.example.com")
        assert (settings.speaks, settings.notes) == (True, ())

    def test_foreign_variables_are_left_alone(self, tmp_path: Path) -> None:
        load(
            tmp_path, VOICEGW_SERVICE_HOST="10.0.0.1", VOICEGW_PORT_8080_TCP="x", TWILIO_API_KEY="x", PORT="1", HOST="x"
        )


class TestNumbers:
    TOML = """
        [defaults]
        language = "de-DE"
        hints = ["Zahnarzt"]
        escape_key = "0"
        [defaults.keypad]
        gap_seconds = 3
        [defaults.forwarding]
        human = "desk"
        allow = ["+4930"]
        [defaults.forwarding.destinations]
        desk = [{ to = "+49 (30) 1234-5678", confirm = true }]
        [[numbers]]
        number = "+1 (415) 555-0100"
        language = "en-US"
        project_id = "another"
        [numbers.keypad]
        max_digits = 4
        [numbers.forwarding]
        allow = ["+1"]
        [numbers.forwarding.destinations]
        sales = [{ to = "sips:sales@PBX.example.com" }]
        [[numbers]]
        number = "sip:Shop@Ours.example.com;transport=tls"
        hints = []
    """

    def test_number_inherits_tables_setting_by_setting_and_replaces_lists(self, tmp_path: Path) -> None:
        first, second = load(tmp_path, self.TOML).numbers
        assert (first.language, first.hints, first.project_id) == ("en-US", ("Zahnarzt",), "another")
        assert (first.keypad.gap_seconds, first.keypad.max_digits) == (3, 4)
        assert first.forwarding.allow == ("+1",)
        assert set(first.forwarding.destinations) == {"desk", "sales"}
        assert (second.language, second.hints, second.project_id) == ("de-DE", (), "project")
        assert (second.keypad.gap_seconds, second.keypad.max_digits) == (3, 20)

    def test_destinations_are_kept_in_the_form_that_is_dialled(self, tmp_path: Path) -> None:
        first, _ = load(tmp_path, self.TOML).numbers
        (desk,) = first.forwarding.destinations["desk"]
        (sales,) = first.forwarding.destinations["sales"]
        assert (desk.to, desk.confirm) == ("+493012345678", True)
        assert sales.to == "sip:sales@pbx.example.com;transport=tls"

    def test_profiles_are_the_plain_vocabulary(self, tmp_path: Path) -> None:
        for profile in load(tmp_path, self.TOML).numbers:
            assert type(profile) is NumberProfile
            assert profile == NumberProfile.model_validate(profile.model_dump())

    @pytest.mark.parametrize(
        ("called", "served"),
        [
            ("+14155550100", "+14155550100"),
            ("sip:shop@ours.example.com", "sip:shop@ours.example.com"),
            ("sip:SHOP@ours.example.com:5060;transport=udp", "sip:shop@ours.example.com"),
            ("+14155550101", None),
            ("", None),
            ("client:bob", None),
        ],
    )
    def test_only_listed_numbers_are_in_service(self, called: str, served: str | None, tmp_path: Path) -> None:
        profile = load(tmp_path, self.TOML).profile_for(called)
        assert (profile.number if profile else None) == served

    @pytest.mark.parametrize("called", ["+14155550100", "sip:a@b.example", "client:bob", ""])
    def test_without_numbers_every_called_number_is_served(self, called: str, tmp_path: Path) -> None:
        profile = load(tmp_path, '[defaults]\nlanguage = "fr-FR"').profile_for(called)
        assert profile is not None
        assert (profile.number, profile.language) == ("", "fr-FR")

    def test_own_numbers_are_those_listed(self, tmp_path: Path) -> None:
        assert load(tmp_path, self.TOML).own_numbers == {"+14155550100", "sip:shop@ours.example.com"}
        assert load(tmp_path).own_numbers == frozenset()

    def test_project_may_be_each_number_s_own(self, tmp_path: Path) -> None:
        toml = """
            [voiceflow.project_keys]
            another = "VF.DM.another"
            [[numbers]]
            number = "+14155550100"
            project_id = "another"
        """
        settings = load(tmp_path, toml, VOICEFLOW_PROJECT_ID="")
        assert settings.voiceflow.key_for("another").get_secret_value() == "VF.DM.another"
        assert settings.voiceflow.key_for("others").get_secret_value() == "VF.DM.key"

    def test_variables_and_phrases_are_taken_as_they_are(self, tmp_path: Path) -> None:
        toml = """
            [defaults]
            variables = { plan = "gold, or a-b" }
            variable_names = { caller_number = "ani", forwarded_from = "" }
            phrases = { filler = ["One moment.", "Just a second."], busy = "All lines are busy." }
        """
        (profile,) = load(tmp_path, toml).numbers
        assert profile.variable_names == {"caller_number": "ani", "forwarded_from": ""}
        assert profile.phrases["filler"] == ("One moment.", "Just a second.")

    def test_phrases_may_use_the_fields_they_have(self, tmp_path: Path) -> None:
        phrases = 'phrases = { press_for = ["Press {digit} for {name}.", "{digit}: {name}"] }'
        (profile,) = load(tmp_path, f"[defaults]\n{phrases}").numbers
        assert profile.phrases["press_for"] == ("Press {digit} for {name}.", "{digit}: {name}")

    @pytest.mark.parametrize("disclosure", ["", "default", "By {any} means."])
    def test_disclosure_and_greeting_are_taken_as_they_are(self, disclosure: str, tmp_path: Path) -> None:
        (profile,) = load(tmp_path, f'[defaults]\ndisclosure = "{disclosure}"\ngreeting = "Hello!"').numbers
        assert (profile.disclosure, profile.greeting) == (disclosure, "Hello!")


class TestSecretsAndReload:
    def test_secrets_are_masked_when_shown(self, tmp_path: Path) -> None:
        toml = '[twilio]\nshared_keys = {x = "hidden-1"}\n[voiceflow.project_keys]\nx = "hidden-2"'
        environ = {
            "TWILIO_AUTH_TOKEN": "hidden-3",
            "VOICEFLOW_API_KEY": "hidden-4",
            "VOICEGW_REALTIME_API_KEY": "hidden-5",
            "VOICEGW_DATABASE_URL": "postgresql://me:hidden-6@db/calls",
        }
        settings = load(tmp_path, toml, **environ)
        assert "hidden" not in f"{settings!r} {settings} {settings.model_dump_json()}"

    def test_settings_cannot_be_changed(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            load(tmp_path).port = 1  # type: ignore[misc]

    def test_loading_again_gives_equal_settings(self, tmp_path: Path) -> None:
        assert load(tmp_path, TestNumbers.TOML) == load(tmp_path, TestNumbers.TOML)

    def test_recordings_are_kept_in_the_working_directory_or_where_the_file_says(self, tmp_path: Path) -> None:
        assert load(tmp_path).recordings_path == tmp_path / "voicegw-recordings"
        assert load(tmp_path, 'phrase_cache_path = "x"').phrase_cache_path == tmp_path / "x"
        assert load(tmp_path, 'live_store_path = "run/live.db"').phrase_cache_path == tmp_path / "run/voicegw-phrases"
        assert load(tmp_path, 'recordings_path = "kept"').recordings_path == tmp_path / "kept"

    def test_a_number_records_where_callers_are_told(self, tmp_path: Path) -> None:
        told = '[defaults]\ndisclosure = "default"\n[[numbers]]\nnumber = "+14155550100"\nrecording = true'
        assert load(tmp_path, told).numbers[0].recording

    @pytest.mark.parametrize(
        ("toml", "environ", "restart"),
        [
            ('[defaults]\nlanguage = "fr-FR"\n[[numbers]]\nnumber = "+14155550100"', {}, ()),
            ("max_live_calls = 3", {"TWILIO_AUTH_TOKEN": "one,two", "VOICEFLOW_API_KEY": "VF.DM.new"}, ()),
            ("port = 81", {"VOICEGW_HOST": "127.0.0.1"}, ("host", "port")),
            ('live_store_path = "x.db"', {"VOICEGW_STT": "offline"}, ("live_store_path", "stt")),
            ('recordings_path = "kept"', {}, ("recordings_path",)),
            ("", {"VOICEFLOW_BASE_URL": "https://agent.example.com"}, ("voiceflow.base_url",)),
            ("", {"VOICEGW_REALTIME_URL": "wss://rt.example.com"}, ("realtime",)),
        ],
    )
    def test_reload_names_what_needs_a_restart(
        self, toml: str, environ: dict[str, str], restart: tuple[str, ...], tmp_path: Path
    ) -> None:
        assert needs_restart(load(tmp_path), load(tmp_path, toml, **environ)) == restart
