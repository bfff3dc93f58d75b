from __future__ import annotations

import pytest

from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.settings import SETTINGS, SiteSettings, database_url, log_level, parse, paths, render


@pytest.mark.parametrize("key", SETTINGS)
def test_every_default_can_be_stored_and_read_back(key: str) -> None:
    setting = SETTINGS[key]
    assert parse(key, render(setting.default)) == setting.default
    assert setting.help and setting.kind and setting.key.startswith(setting.category + ".")


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("site.timezone", "Mars/Olympus", "is no IANA time zone"),
        ("site.timezone", "../etc/passwd", "is no IANA time zone"),
        ("recording.segment_seconds", "1.5", "is no whole number"),
        ("recording.segment_seconds", "0", "is not between 1 and 600"),
        ("detection.threshold", "nan", "is not between"),
        ("detection.enabled", "perhaps", "neither true nor false"),
    ],
)
def test_what_is_wrong_with_a_value_is_said(key: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(key, text)


def test_an_unknown_key_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'site\.timezone'"):
        parse("site.timezon", "UTC")


def test_environment_goes_before_the_stored_text_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMNISIGHT_SITE_TIMEZONE", raising=False)
    assert SiteSettings()["site.timezone"] == "UTC"
    assert SiteSettings({"site.timezone": "Asia/Tokyo", "of.others": "x"})["site.timezone"] == "Asia/Tokyo"
    monkeypatch.setenv("OMNISIGHT_SITE_TIMEZONE", "Europe/Berlin")
    assert SiteSettings({"site.timezone": "Asia/Tokyo"})["site.timezone"] == "Europe/Berlin"
    monkeypatch.setenv("OMNISIGHT_SITE_TIMEZONE", "nowhere")
    with pytest.raises(UsageError, match="nowhere"):
        SiteSettings()


def test_a_bad_text_of_another_service_is_logged_and_the_default_counts(caplog: pytest.LogCaptureFixture) -> None:
    assert SiteSettings({"recording.segment_seconds": "long"})["recording.segment_seconds"] == 60
    assert "recording.segment_seconds: 'long' is no whole number" in caplog.text and "'60' counts" in caplog.text


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(UnknownName):
        SiteSettings()["no.such"]


def test_paths_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNISIGHT_HOME", "/somewhere")
    monkeypatch.delenv("OMNISIGHT_MEDIA", raising=False)
    monkeypatch.setenv("DATABASE_URL", "")
    assert str(paths().media) == "/somewhere/media" and str(paths().mirror) == "/somewhere/mirror"
    assert database_url() is None
    monkeypatch.setenv("OMNISIGHT_MEDIA", "/elsewhere")
    assert str(paths().media) == "/elsewhere"
    monkeypatch.setenv("OMNISIGHT_LOG", "loud")
    with pytest.raises(UsageError, match="OMNISIGHT_LOG"):
        log_level()
