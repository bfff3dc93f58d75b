from __future__ import annotations

import pytest

from omnisight_lab.addresses import redact, split_credentials, with_credentials
from omnisight_lab.errors import UsageError


@pytest.mark.parametrize(
    ("url", "username", "password", "expected"),
    [
        ("rtsp://host:554/a", "u", "p", "rtsp://u:p@host:554/a"),
        ("rtsp://host/a?x=1", "u@site", "p@s/s:w?", "rtsp://u%40site:p%40s%2Fs%3Aw%3F@host/a?x=1"),
        ("rtsp://old:login@host/a", "u", "p", "rtsp://u:p@host/a"),
        ("rtsp://host/a", "u", None, "rtsp://u@host/a"),
        ("rtsp://host/a", None, None, "rtsp://host/a"),
        ("rtsp://[::1]:554/a", "u", "p", "rtsp://u:p@[::1]:554/a"),
    ],
)
def test_credentials_go_in(url: str, username: str | None, password: str | None, expected: str) -> None:
    assert with_credentials(url, username, password) == expected


@pytest.mark.parametrize("login", [("u", "p"), ("u@site", "p@s/s:w?&% ü"), ("u", None)])
def test_what_went_in_comes_out(login: tuple[str, str | None]) -> None:
    url = "rtsp://host:554/a?b=c"
    assert split_credentials(with_credentials(url, *login)) == (url, *login)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("rtsp://h:554/s", ("rtsp://h:554/s", None, None)),
        ("rtsp://u:p%40%2F@h:554/s?x=1", ("rtsp://h:554/s?x=1", "u", "p@/")),
        ("rtsps://u@[2001:db8::1]/s", ("rtsps://[2001:db8::1]/s", "u", None)),
        ("rtsp://:geheim@h/s", ("rtsp://h/s", None, "geheim")),
    ],
)
def test_credentials_move_out_of_the_address(url: str, parts: tuple[str | None, ...]) -> None:
    assert split_credentials(url) == parts


@pytest.mark.parametrize(
    "url",
    ["http://u:geheim@h/s", "rtsp:///s", "rtsp://u:geheim#x@h/s", "rtsp://u:12#geheim@h/s", "h", "rtsp://h:99999/s"],
)
def test_what_is_no_camera_address(url: str) -> None:
    with pytest.raises(UsageError, match="rtsp://") as caught:
        split_credentials(url)
    assert "geheim" not in str(caught.value)


def test_broken_address_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        with_credentials("rtsp://u:hunter2@[::1/a", "u", "hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://u:hunter2@host:554/a", "rtsp://host:554/a"),
        ("rtsp://u:hun@ter2@host/a", "rtsp://host/a"),
        ("rtsp://u:hun/ter2@host/a", "rtsp://host/a"),
        ("rtsp://u@host/a", "rtsp://host/a"),
        ("rtsp://host/clips@2x", "rtsp://host/clips@2x"),
        ("rtsp://host:554/clips@2x", "rtsp://host:554/clips@2x"),
        ("rtsp://[::1]:554/a", "rtsp://[::1]:554/a"),
        ("rtsp://host/?user=admin&password=hunter2&channel=1", "rtsp://host/?user=…&password=…&channel=1"),
        ("rtsp://host/user=admin_password=hunter2_1", "rtsp://host/user=…"),
        ("could not open 'rtsp://u:hunter2@host/a': 401", "could not open 'rtsp://host/a': 401"),
        ("rtsp://u:hunter2@a/1 and rtsps://v:hunter2@b/2", "rtsp://a/1 and rtsps://b/2"),
        ("postgresql://u:hunter2@host/db", "postgresql://host/db"),
        ("nothing to hide: a@b.c, key=value", "nothing to hide: a@b.c, key=value"),
    ],
)
def test_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected
