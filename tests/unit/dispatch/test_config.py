"""Reading the settings: where they come from, what is refused, and that secrets stay hidden."""

from __future__ import annotations

import base64
import copy
import json
import multiprocessing
import pickle
import traceback
from pathlib import Path

import pytest

from dispatch.run.config import Settings, SettingsError, load
from dispatch.run.secret import Secret, key_from_file
from dispatch.run.settings import SETTINGS

KEY = base64.b64encode(bytes(range(32))).decode()


def _problems(env: dict[str, str], folder: Path) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(env, working_dir=folder)
    return caught.value.problems


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = load({"HOME": "/home/ann"}, working_dir=tmp_path)
    assert settings.database_url is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.public_url == "http://localhost:8080"
    assert settings.data_dir.is_absolute()
    assert settings.node_name


def test_the_data_directory_follows_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert load({}, working_dir=tmp_path).data_dir == Path("/var/lib/crisis-dispatch")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    mine = load({"HOME": "/home/ann"}, working_dir=tmp_path).data_dir
    assert mine == Path("/home/ann/.local/share/crisis-dispatch")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "crisis.toml").write_text('port = 9000\nhost = "10.0.0.7"\nsession_hours = 8\n')
    settings = load({"CRISIS_PORT": "9001"}, working_dir=tmp_path)
    assert (settings.host, settings.port, settings.session_hours) == ("10.0.0.7", 9001, 8.0)


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    assert load({"CRISIS_PORT": "", "DATABASE_URL": ""}, working_dir=tmp_path).port == 8080


def test_a_named_file_is_used_and_must_exist(tmp_path: Path) -> None:
    named = tmp_path / "elsewhere.toml"
    assert "can't be read" in _problems({"CRISIS_CONFIG": str(named)}, tmp_path)[0]
    named.write_text('node_name = "north"')
    assert load({"CRISIS_CONFIG": str(named)}, working_dir=tmp_path).node_name == "north"


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / "crisis.toml").write_text('prot = 1\nlog_level = "loud"\n')
    problems = _problems(
        {"CRISIS_PORT": "many", "CRISIS_SESION_HOURS": "1", "CRISIS_APP_CONNECTIONS": "0"}, tmp_path
    )
    assert sorted(problems) == [
        "CRISIS_APP_CONNECTIONS must lie between 2 and 200",
        "CRISIS_PORT must be a whole number",
        "CRISIS_SESION_HOURS is unknown; did you mean CRISIS_SESSION_HOURS?",
        "crisis.toml: log_level must be one of debug, info, warning, error",
        "crisis.toml: prot is unknown; did you mean port?",
    ]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("DATABASE_URL", "mysql://x", "postgresql://"),
        ("DATABASE_URL", "postgresql:x", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:hush@host:port/x", "hosts like host:5432"),
        ("DATABASE_URL", "postgresql://u:hush@one,two:1:2/x", "hosts like host:5432"),
        ("DATABASE_URL", "postgresql://u:hush@host:70000/x", "hosts like host:5432"),
        ("DATABASE_URL", "postgresql:///x?port=some", "hosts like host:5432"),
        ("DATABASE_URL", "postgresql://u:hush@[::1/x", "must be like"),
        ("DATABASE_URL", "postgresql://u:hu@sh@host/x", "%40"),
        ("DATABASE_URL", "postgresql://u:hush@host/x?sslmode=maybe", "verify-full"),
        ("DATABASE_URL", "postgresql://u:hush@host/x?sslmode", "must be like"),
        ("CRISIS_PUBLIC_URL", "crisis.example.org", "origin"),
        ("CRISIS_PUBLIC_URL", "https://crisis.example.org/board", "origin"),
        ("CRISIS_ALLOWED_ORIGINS", "https://a.example, *", "origin"),
        ("CRISIS_TRUST_PROXY", "10.0.0.0/24,proxy", "network"),
        ("CRISIS_MASTER_KEY", "c2hvcnQ=", "32 bytes"),
        ("CRISIS_NODE_NAME", "a b", "letters"),
        ("CRISIS_PORT", "70000", "between 1 and 65535"),
        ("CRISIS_PORT", "80.5", "whole number"),
        ("CRISIS_SIMULATED_SPEED", "nan", "between"),
        ("CRISIS_SMTP_HOST", "mail.example.org", "smtp_from is needed"),
        ("CRISIS_REPORT_DATABASE_URL", "postgresql://replica/x", "needs database_url"),
    ],
)
def test_an_unusable_value_is_refused(name: str, value: str, fault: str, tmp_path: Path) -> None:
    (problem,) = _problems({name: value}, tmp_path)
    assert fault in problem
    assert "hush" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgres://host",
        "postgresql:/x?host=%2Ftmp",
        "postgresql://u:p%40ss@one:5432,two,[::1]:5433/x?sslmode=require&application_name=",
        "postgresql:///crisis?host=%2Ftmp%2Fx%20y&port=5432&user=crisis",
        "postgresql:///x?host=one,two&port=1,2&target_session_attrs=any",
    ],
)
def test_a_database_is_named_as_postgresql_s_own_programs_do(url: str, tmp_path: Path) -> None:
    settings = load({"DATABASE_URL": url}, working_dir=tmp_path)
    assert settings.database_url == Secret(url)


def test_what_contradicts_is_listed_beside_what_is_unusable(tmp_path: Path) -> None:
    problems = _problems(
        {
            "CRISIS_PORT": "many",
            "CRISIS_SMTP_HOST": "mail.example.org",
            "CRISIS_REPORT_DATABASE_URL": "postgresql://replica/x",
            "DATABASE_URL": "mysql://x",
        },
        tmp_path,
    )
    assert sorted(problems) == [
        "CRISIS_PORT must be a whole number",
        "DATABASE_URL must begin with postgresql://",
        "smtp_from is needed with smtp_host",
    ]


def test_a_file_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "crisis.toml").write_bytes(b"\xef\xbb\xbfport = 8099\n")
    assert load({}, working_dir=tmp_path).port == 8099


@pytest.mark.parametrize("text", ["port = true", "port = 80.5", 'host = ["a"]', "host = 7"])
def test_the_file_s_own_types_are_checked(text: str, tmp_path: Path) -> None:
    (tmp_path / "crisis.toml").write_text(text)
    assert len(_problems({}, tmp_path)) == 1


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "crisis.toml").write_text("port: 80")
    assert "isn't valid TOML" in _problems({}, tmp_path)[0]


def test_a_password_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    env = {
        "CRISIS_SMTP_HOST": "mail.example.org",
        "CRISIS_SMTP_FROM": "a@example.org",
        "CRISIS_SMTP_PASSWORD": "x",
        "CRISIS_SMTP_TLS": "none",
    }
    assert "in the clear" in _problems(env, tmp_path)[0]


def test_origins_are_written_as_browsers_send_them(tmp_path: Path) -> None:
    settings = load(
        {
            "CRISIS_PUBLIC_URL": "https://Crisis.Example.org:443/",
            "CRISIS_ALLOWED_ORIGINS": "http://localhost:3000/, https://[::1]:8443",
        },
        working_dir=tmp_path,
    )
    assert settings.public_url == "https://crisis.example.org"
    assert settings.origins == {
        "https://crisis.example.org",
        "http://localhost:3000",
        "https://[::1]:8443",
    }


def test_a_secret_never_shows_itself(tmp_path: Path) -> None:
    env = {
        "DATABASE_URL": "postgresql://u:hunter2@h/d",
        "CRISIS_SMTP_PASSWORD": "hunter2",
        "CRISIS_METRICS_TOKEN": "hunter2",
        "CRISIS_MASTER_KEY": KEY,
    }
    settings = load(env, working_dir=tmp_path)
    assert settings.smtp_password == Secret("hunter2")
    shown = f"{settings!r} {settings} {settings.database_url:>5} {settings.metrics_token!s}"
    assert "hunter2" not in shown
    assert KEY not in shown
    assert settings.load_master_key() == bytes(range(32))
    for leak in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(Secret("hunter2"))


def test_no_problem_quotes_a_secret(tmp_path: Path) -> None:
    env = {"DATABASE_URL": "hunter2", "CRISIS_MASTER_KEY": "hunter2"}
    with pytest.raises(SettingsError) as caught:
        load(env, working_dir=tmp_path)
    assert len(caught.value.problems) == 2
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = load({"CRISIS_DATA_DIR": str(tmp_path)}, working_dir=tmp_path)
    first = settings.load_master_key()
    file = tmp_path / "keys" / "master.key"
    assert len(first) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert settings.load_master_key() == first
    assert [path.name for path in file.parent.iterdir()] == ["master.key"]


def test_services_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        keys = pool.map(key_from_file, [path] * 6)
    assert len(set(keys)) == 1


@pytest.mark.parametrize(("mode", "text"), [(0o644, KEY), (0o600, KEY[:20]), (0o600, "")])
def test_a_key_that_others_may_read_or_that_is_damaged_is_refused(
    mode: int, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys" / "master.key"
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(mode)
    settings = load({"CRISIS_DATA_DIR": str(tmp_path)}, working_dir=tmp_path)
    with pytest.raises(SettingsError) as caught:
        settings.load_master_key()
    assert KEY[:20] not in str(caught.value)
    assert file.read_text() == text


def test_every_setting_is_documented_and_has_a_field() -> None:
    assert {one.name for one in SETTINGS} == set(Settings.__dataclass_fields__)
    assert len({one.env for one in SETTINGS}) == len(SETTINGS)
    for one in SETTINGS:
        assert one.doc.endswith("."), one.name
        if one.kind in {"integer", "number"}:
            assert one.low is not None and one.high is not None, one.name
            assert isinstance(one.default, int | float), one.name
