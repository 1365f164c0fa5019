"""The command line as a person meets it: help, exit codes, imports, and a service that stops."""

from __future__ import annotations

import asyncio
import csv
import re
import signal
import socket
import time
import urllib.request
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from dispatch.store.sealing import CountyKeys
from tests.e2e.cli_kit import Cli, InProcess

MASTER_KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ("First steps", "exit codes", "serve", "replay", "doctor")),
        (("serve",), ("--seed", "SIGTERM", "marked simulated")),
        (("migrate",), ("Safe to run again",)),
        (("user", "add"), ("--password-file", "--generate", "dispatcher")),
        (("user", "import"), ("username", "roles", "(required)", "--dry-run", "--passwords-to")),
        (("county", "add"), ("58",)),
        (("county", "policy"), ("TOML",)),
        (("county", "zones"), ("GeoJSON", "area_class")),
        (("county", "import"), ("agencies",)),
        (("team", "import"), ("call_sign", "latitude")),
        (("responder", "import"), ("core_trained", "kept encrypted")),
        (("shift", "plan"), ("naloxone", "telehealth")),
        (("shift", "import"), ("crew", "24 hours")),
        (("replay",), ("received_at", "--resimulate", "--column", "--keep")),
        (("report", "response-times"), ("--since", "--list", "unserved")),
        (("audit", "verify"), ("--head", "rewritten")),
        (("incident", "reads"), ("newest first",)),
        (("incident", "erase"), ("--purpose", "audit", "--yes")),
        (("doctor",), ("Changes nothing",)),
    ],
)
def test_every_command_explains_itself(
    command: tuple[str, ...], words: tuple[str, ...], in_process: InProcess
) -> None:
    told = in_process(*command, "--help").stdout
    plain = " ".join(told.split())
    for word in words:
        assert word in plain, word


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "required: COMMAND; see crisis-dispatch --help"),
        (("dance",), 2, "invalid choice"),
        (("replay",), 2, "required: CALLS.csv; see crisis-dispatch replay --help"),
        (("replay", "x.csv", "--teams", "0"), 2, "from 1 to 500; see crisis-dispatch replay"),
        (("serve", "--dance"), 2, "no such flag: --dance"),
        (("county", "add"), 2, "required: COUNTY; see crisis-dispatch county add --help"),
        (("county", "add", "Atlantis"), 3, "no county of California"),
        (("replay", "nowhere.csv"), 2, "can't be read"),
        (("report", "response-times", "--county", "Kern", "--since", "soon"), 2, "is no day"),
        (("user", "add", "x", "--county", "Kern"), 2, "--county and --role together"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_line(
    arguments: tuple[str, ...], code: int, told: str, in_process: InProcess
) -> None:
    done = in_process(*arguments, expect=code)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_exit_code_is_the_process_s(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert "First steps" in cli("--help").stdout
    cli("dance", expect=2)
    cli("county", "add", "Atlantis", expect=3)


def test_all_problems_of_the_settings_are_told_and_no_secret(tmp_path: Path) -> None:
    done = Cli(tmp_path)(
        "user",
        "list",
        expect=2,
        CRISIS_PORT="none",
        CRISIS_LOG_LEVEL="loud",
        CRISIS_MASTER_KEY="hush-hush",
    )
    for name in ("CRISIS_PORT", "CRISIS_LOG_LEVEL", "CRISIS_MASTER_KEY"):
        assert name in done.stderr
    assert "hush-hush" not in done.stderr


def test_a_data_directory_that_is_a_file_is_told(in_process: InProcess) -> None:
    file = in_process.file("data", "")
    for command in ("serve", "migrate", "doctor"):
        done = in_process(command, "--data-dir", file, expect=1 if command == "doctor" else 2)
        assert f"names a file, not a directory: {file}" in done.stdout + done.stderr
    assert file.read_text() == ""


def test_doctor_tells_of_a_data_directory_that_is_closed_to_its_user(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To root none is closed, so that permissions alone wouldn't do here.
    monkeypatch.setattr("os.access", lambda folder, mode: False)
    told = in_process("doctor", "--data-dir", in_process.folder, expect=1).stdout
    assert re.search(r"^fail +folder +.* is closed to this user", told, re.MULTILINE)


def test_a_traceback_shows_only_to_who_asks_for_it(tmp_path: Path) -> None:
    done = Cli(tmp_path)("county", "add", "Atlantis", expect=3, CRISIS_LOG_LEVEL="debug")
    assert "Traceback" in done.stderr


def test_a_database_that_cannot_be_reached_is_a_failure_not_a_refusal(tmp_path: Path) -> None:
    url = "postgresql://nobody:hush@127.0.0.1:1/none"
    done = Cli(tmp_path)("county", "list", expect=1, DATABASE_URL=url)
    assert "hush" not in done.stderr
    assert "can't be reached (Connection refused)" in done.stderr
    assert "DATABASE_URL" in done.stderr
    doctor = Cli(tmp_path)("doctor", expect=1, DATABASE_URL=url)
    assert re.search(r"^fail +database +.*can't be reached", doctor.stdout, re.MULTILINE)
    assert "hush" not in doctor.stdout


def test_a_database_host_that_does_not_answer_is_told_as_such(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody:hush@127.0.0.1:{silent.getsockname()[1]}/none"
        done = Cli(tmp_path)("county", "list", expect=1, DATABASE_URL=url)
        assert "can't be reached (its host does not answer)" in done.stderr
        assert "busy" not in done.stderr
        doctor = Cli(tmp_path)("doctor", expect=1, DATABASE_URL=url)
    assert re.search(r"^fail +database +.*can't be reached", doctor.stdout, re.MULTILINE)


TEAMS = """\
call_sign,agency,base,zones,capabilities,retired
North 1,Kern mobile,35.37 -119.02,,,
North 2,Kern mobile,not a place,,,
South 1,Nobody,,,,
,Kern mobile,,,,
"""
PEOPLE = """\
code,agency,provider_type,name,licence,licence_until,core_trained,naloxone,can_assess,lpha
K1,Kern mobile,lcsw,Kim Canary,L1,2030-01-01,2024-01-01,yes,yes,yes
K2,Kern mobile,peer_support_specialist,,P2,,2024-01-01,yes,,
K3,Kern mobile,astrologer,,,,,,,
"""
SHIFTS = """\
team,starts,ends,crew
North 1,2027-06-01 08:00,2027-06-01 20:00,K1:naloxone;K2
North 1,2027-06-01 12:00,2027-06-01 23:00,K1
North 1,2027-11-07 01:30,2027-11-07 09:00,K1
North 1,2027-06-02 08:00,2027-06-02 20:00,K1;K9
"""
USERS = """\
username,label,county,roles,agency,responder
ana,Ana,Kern,dispatcher;supervisor,,
kim,Kim,Kern,responder,Kern mobile,K1
bob,Bob,Kern,emperor,,
"""


def test_a_county_is_set_up_from_files_and_again_without_effect(on_server: Cli) -> None:
    cli = on_server
    counties = cli.file("counties.csv", "county,agencies\nKern,Kern mobile\nOz,\n")
    done = cli("county", "import", counties, expect=1)
    assert "row 3: Oz is no county of California" in done.stderr
    assert "1 changed, 0 unchanged, 1 could not be used." in done.stdout

    teams = cli.file("teams.csv", TEAMS)
    dry = cli("team", "import", teams, "--county", "Kern", "--dry-run", expect=1)
    assert "row 2: would add team North 1" in dry.stdout
    assert "North 1" not in cli("team", "list", "--county", "Kern").stdout
    done = cli("team", "import", teams, "--county", "Kern", expect=1)
    assert "row 3: base: not a place" in done.stderr
    assert "row 4: There is no agency Nobody; there are: Kern mobile" in done.stderr
    assert "row 5: call_sign is empty" in done.stderr
    done = cli("team", "import", teams, "--county", "Kern", expect=1)
    assert "0 changed, 1 unchanged, 3 could not be used." in done.stdout

    people = cli.file("people.csv", PEOPLE)
    done = cli("responder", "import", people, "--county", "Kern", expect=1)
    assert "2 changed" in done.stdout
    assert "row 4:" in done.stderr
    assert "Canary" not in cli("responder", "list", "--county", "Kern").stdout

    shifts = cli.file("shifts.csv", SHIFTS)
    done = cli("shift", "import", shifts, "--county", "Kern", expect=1)
    assert "row 2: plan North 1 from 2027-06-01 08:00" in done.stdout
    assert "row 3: The team has another shift in that time." in done.stderr
    assert (
        "row 4: starts: 2027-11-07 01:30 comes twice that night; add -0700 or -0800" in done.stderr
    )
    assert "row 5: crew: nobody with the code K9" in done.stderr
    assert cli("shift", "list", "--county", "Kern").stdout.count("North 1") == 1

    users = cli.file("users.csv", USERS)
    secrets = cli.folder / "passwords.csv"
    done = cli("user", "import", users, "--passwords-to", secrets, expect=1)
    assert "row 4: emperor is no role" in done.stderr
    assert secrets.stat().st_mode & 0o077 == 0
    with secrets.open(newline="") as file:
        made = {row["username"]: row["password"] for row in csv.DictReader(file)}
    assert set(made) == {"ana", "kim"}
    assert not any(password in done.stdout for password in made.values())
    assert "0 changed, 2 unchanged" in cli("user", "import", users, expect=1).stdout


def test_accounts_are_made_changed_and_disabled(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern", "--agency", "Kern mobile")
    secret = cli.file("secret", "a long and good one\n")
    cli("user", "add", "ana", "--password-file", secret, "--county", "Kern", "--role", "lead")
    refused = cli("user", "add", "ANA", "--password-file", secret, expect=3)
    assert "in use" in refused.stderr
    weak = cli.file("weak", "short\n")
    cli("user", "password", "ana", "--password-file", weak, expect=3)
    nobody_to_ask = cli("user", "password", "ana", expect=2)
    assert "--password-file or --generate" in nobody_to_ask.stderr
    shown = cli("user", "password", "ana", "--generate").stdout
    assert re.search(r"shown once\): [a-z2-9-]{19}\n", shown)
    cli("user", "grant", "ana", "--county", "029", "--role", "dispatcher", "--role", "supervisor")
    assert "6029: dispatcher, supervisor" in cli("user", "list", "--county", "Kern").stdout
    assert "disabled" in cli("user", "disable", "ana").stdout
    assert "disabled" in cli("user", "list").stdout
    cli("user", "disable", "nobody", expect=3)


def test_no_password_of_an_import_is_lost(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern")
    people = cli.file("people.csv", "username,county,roles\nana,Kern,lead\nbob,Kern,lead\n")
    taken = cli.file("taken.csv", "something else\n")
    assert "taken.csv" in cli("user", "import", people, "--passwords-to", taken, expect=1).stderr
    assert "ana" not in cli("user", "list").stdout
    new = cli.folder / "passwords.csv"
    cli("user", "import", people, "--passwords-to", new)
    rows = list(csv.reader(new.read_text().splitlines()))
    assert [row[0] for row in rows] == ["username", "ana", "bob"]
    assert new.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ('username,county,roles\nana,Kern,lead\nbob,"Kern,lead\n', 2, "never closed"),
        ("username;county;rolls\nana;Kern;lead\n", 2, "rolls (roles?)"),
        ("username,county,roles,roles\nana,Kern,lead,admin\n", 2, "roles more than once"),
        ("", 2, "lacks username, county, roles"),
        ("username,county,roles,\r\nana,Kern,lead,\r\nbob,Kern,lead,admin\r\n", 1, "row 3: "),
        ('username,county,roles\nana,Kern,lead\n"b\nb",Kern,lead\n,Kern,\n', 1, "row 4: "),
    ],
)
def test_a_file_that_is_not_as_it_should_be_changes_nothing_that_is_unsure(
    text: str, code: int, told: str, on_server: Cli
) -> None:
    cli = on_server
    cli("county", "add", "Kern")
    done = cli("user", "import", cli.file("people.csv", text), expect=code)
    assert told in done.stderr
    listed = cli("user", "list").stdout
    assert ("ana" in listed) == (code == 1)
    assert "bob" not in listed


def test_people_and_shifts_are_read_as_spreadsheets_write_them_and_crews_are_minded(
    on_server: Cli,
) -> None:
    cli = on_server
    cli("county", "add", "Kern", "--agency", "Kern mobile")
    teams = cli.file("teams.csv", "Call Sign;Agency\nNorth 1;Kern mobile\nNorth 2;Kern mobile\n")
    cli("team", "import", teams, "--county", "Kern")
    people = cli.folder / "people.csv"
    people.write_bytes(
        (
            "code;agency;provider_type;name;license;licence_until;core_trained;naloxone\r\n"
            "K1;Kern mobile;lcsw;Zoë Canary;L1;6/30/2028;1/15/2024;yes\r\n"
            "K2;Kern mobile;peer_support_specialist;Null;;--;1899-12-30;no\r\n"
        ).encode("cp1252")
    )
    dry = cli("responder", "import", people, "--county", "Kern", "--dry-run")
    assert "Note: the file isn't UTF-8; read as Windows-1252." in dry.stderr
    assert "row 3: mind: doesn't count on a crew today: core training missing" in dry.stderr
    assert "2 rows read: 2 to change" in dry.stdout
    cli("responder", "import", people, "--county", "Kern")
    listed = cli("responder", "list", "--county", "Kern").stdout
    assert re.search(r"^K1 +Kern mobile +lcsw +2028-06-30 +2024-01-15", listed, re.MULTILINE)
    assert "Canary" not in listed
    shifts = cli.file(
        "shifts.csv",
        "team,starts,ends,crew\n"
        "North 1,6/1/2027 08:00,6/1/2027 20:00,K1;K2\n"
        "North 2,6/1/2027 10:00,6/1/2027 16:00,K1\n"
        "North 2,6/1/2027 17:00,6/1/2027 19:00,K2\n",
    )
    dry = cli("shift", "import", shifts, "--county", "Kern", "--dry-run")
    done = cli("shift", "import", shifts, "--county", "Kern")
    # What is done is told in the words of the dry run, which told it before.
    assert done.stderr == dry.stderr
    assert "days like 6/7/2026 are read with their month first" in dry.stderr
    for said in (
        "row 2: mind: No member on site who is trained in naloxone carries it",
        "row 3: mind: rostered on another team at the same time: K1",
        "row 4: mind: rostered on another team at the same time: K2",
    ):
        assert said in dry.stderr, dry.stderr
    assert "4 rows read" not in dry.stdout
    assert "3 rows read: 3 changed, 0 unchanged, 0 could not be used." in done.stdout
    again = cli("shift", "import", shifts, "--county", "Kern", "--days", "month-first")
    assert "3 rows read: 0 changed, 3 unchanged" in again.stdout


def test_a_policy_and_zones_are_loaded_in_versions(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern")
    assert "All defaults hold." in cli("county", "policy", "Kern").stdout
    policy = cli.file(
        "policy.toml",
        'version = "kern-1"\neffective_from = 2024-01-01T00:00:00Z\n[offers]\nauto_offer = true\n',
    )
    dry = cli("county", "policy", "Kern", "--load", policy, "--dry-run")
    assert "offers.auto_offer: false -> true" in dry.stdout
    cli("county", "policy", "Kern", "--load", policy)
    assert "policy kern-1 is in force" in cli("county", "policy", "Kern").stdout
    cli("county", "policy", "Kern", "--load", policy, expect=3)
    wrong = cli.file(
        "wrong.toml", 'version = "kern-2"\neffective_from = 2024-01-01T00:00:00Z\nx=1\n'
    )
    assert "no such setting" in cli("county", "policy", "Kern", "--load", wrong, expect=3).stderr

    zones = cli.file(
        "zones.geojson",
        '{"type":"Feature","properties":{"name":"City","area_class":"urban"},"geometry":{"type":'
        '"Polygon","coordinates":[[[-119.1,35.3],[-118.9,35.3],[-118.9,35.5],[-119.1,35.3]]]}}',
    )
    cli("county", "zones", "Kern", "--load", zones, expect=2)
    loaded = cli("county", "zones", "Kern", "--load", zones, "--edition", "2027-01")
    assert re.search(r"2027-01 +City +urban", loaded.stdout)
    cli("county", "zones", "Kern", "--load", zones, "--edition", "2027-01", expect=3)
    # The day that the name tells, or another; a name without one needs one.
    undated = cli("county", "zones", "Kern", "--load", zones, "--edition", "new", expect=3)
    assert "from which day" in undated.stderr
    cli("county", "zones", "Kern", "--load", zones, "--edition", "new", "--from", "2099-01-01")
    listed = cli("county", "zones", "Kern").stdout
    assert re.search(r"new +City +urban +2099-01-01 +no", listed)

    bulletin = cli.file(
        "bulletin.toml",
        'version = "BHIN 99-001"\n[[fact]]\nkey = "response.rural.minutes"\nvalue = 90\n'
        'effective_from = 2099-01-01\nsource = "page 3"\nverified = true\n',
    )
    tried = cli("county", "standards", "Kern", "--load", bulletin, "--dry-run").stdout
    assert "Nothing was changed" in tried and "90" in tried
    cli("county", "standards", "Kern", "--load", bulletin)
    shown = cli("county", "standards", "Kern").stdout
    assert re.search(r"response.rural.minutes +120 +2023-01-01 +yes", shown)
    assert re.search(r"response.rural.minutes +90 +2099-01-01 +yes", shown)
    assert re.search(r"response.unclassified.minutes +60 +2023-01-01 +NO", shown)
    cli("county", "standards", "Kern", "--load", bulletin, expect=3)

    words = cli.file(
        "words.toml",
        'version = "2099-01"\n[[code]]\nset = "referral_source"\ncode = "school_line"\n'
        'label = "School line"\neffective_from = 2099-01-01\n',
    )
    cli("county", "codes", "Kern", "--load", words)
    assert re.search(r"school_line +2099-01-01 +School line", cli("county", "codes", "Kern").stdout)
    wrong = cli.file("w.toml", 'version = "x"\n')
    assert "empty" in cli("county", "codes", "Kern", "--load", wrong, expect=3).stderr
    found = cli("doctor").stdout
    assert "not verified: followup.counted_from" in found and "BHIN 99-001" in found


def test_a_report_of_an_empty_county_says_so_in_every_form(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern")
    months = ("--since", "2026-01-01", "--until", "2026-02-28")
    report = ("report", "response-times", "--county", "Kern", *months)
    assert "n/a" in cli(*report).stdout
    assert len(cli(*report, "--format", "csv").stdout.splitlines()) == 4
    assert '"percent": null' in cli(*report, "--format", "json").stdout
    backwards = ("--since", "2026-03-01", "--until", "2026-02-28")
    cli("report", "response-times", "--county", "Kern", *backwards, expect=3)
    unserved = cli("report", "response-times", "--county", "Napa", expect=3)
    assert "county add" in unserved.stderr
    assert "whole" in cli("audit", "verify").stdout


def test_a_line_and_a_row_of_a_file_mean_the_same(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern", "--agency", "Kern mobile")
    of = ("--county", "Kern")
    team = ("team", "add", "North 1", "--agency", "Kern mobile", *of)
    assert "Team North 1 is added." in cli(*team).stdout
    assert "Team North 1 is as it was." in cli(*team).stdout
    assert "is changed" in cli(*team, "--base", "35.37 -119.02").stdout
    file = cli.file("t.csv", "call_sign,agency,base\nNorth 1,Kern mobile,35.37 -119.02\n")
    assert "1 unchanged" in cli("team", "import", file, *of).stdout
    assert "is neither yes nor no" in cli(*team, "--retired", "perhaps", expect=2).stderr
    person = ("responder", "add", "K1", "--agency", "Kern mobile", "--provider-type", "lcsw", *of)
    done = cli(*person)
    assert "K1 is added." in done.stdout and "Mind: doesn't count" in done.stderr
    begins = ("--starts", "2027-01-05 08:00", "--ends", "2027-01-05 18:00")
    done = cli("shift", "plan", "North 1", *begins, "--crew", "K1", *of)
    assert "is added." in done.stdout and "Mind: " in done.stderr
    assert "North 1" in cli("shift", "list", *of).stdout


async def _past_incident(dsn: str, received_at: datetime) -> None:
    con = await asyncpg.connect(dsn)
    await con.execute(
        "INSERT INTO dispatch.incidents (county_id, incident_id, number, state, is_open, "
        "received_at, ended_at, referral_source, excluded_setting, back_entered, fold_version, "
        "body) VALUES (6029, $1, 7, 'closed', false, $2, $2, 'line', false, false, 3, '{}')",
        UUID(int=7),
        received_at,
    )
    await con.execute(
        "INSERT INTO dispatch.incident_keys (county_id, incident_id, wrapped) "
        "VALUES (6029, $1, $2)",
        UUID(int=7),
        CountyKeys(MASTER_KEY, 6029).create(UUID(int=7)),
    )
    await con.close()


def test_an_incident_is_erased_by_whoever_says_why_and_that_is_told(on_server: Cli) -> None:
    cli = on_server
    cli("county", "add", "Kern")
    of = ("--county", "Kern")
    assert "no incident 7" in cli("incident", "reads", "7", *of, expect=3).stderr
    dsn = cli.environ["DATABASE_URL"]
    cli.environ["CRISIS_MASTER_KEY"] = b64encode(MASTER_KEY).decode()
    asyncio.run(_past_incident(dsn, datetime(2010, 5, 3, tzinfo=UTC)))
    assert "Nobody has read" in cli("incident", "reads", "7", *of).stdout
    erase = ("incident", "erase", "7", *of, "--purpose", "record_request")
    assert "say --yes" in cli(*erase, expect=2).stderr
    assert "7 of Kern is erased." in cli(*erase, "--yes").stdout
    assert "already" in cli(*erase, "--yes").stdout
    told = cli("incident", "reads", "7", *of).stdout
    assert "incident_erased" in told and "record_request" in told


def test_doctor_tells_what_to_do_before_there_is_anything(cli: Cli) -> None:
    told = cli("doctor").stdout
    assert re.search(r"^warn +key +.*first start makes it", told, re.MULTILINE)
    assert re.search(r"^warn +database +none yet", told, re.MULTILINE)
    cli("county", "add", "Kern")
    told = cli("doctor").stdout
    assert re.search(r"^ok +schema", told, re.MULTILINE)
    assert re.search(r"^ok +counties +Kern", told, re.MULTILINE)
    (cli.folder / "data" / "keys" / "master.key").chmod(0o644)
    assert "chmod 600" in cli("doctor", expect=1).stdout


def test_a_master_key_that_is_not_the_data_s_is_told_and_nothing_starts_with_it(
    on_server: Cli,
) -> None:
    cli = on_server
    cli("county", "add", "Kern", "--agency", "Kern mobile")
    assert re.search(r"^ok +seals +nothing is sealed yet", cli("doctor").stdout, re.MULTILINE)
    people = cli.file("people.csv", "\n".join(PEOPLE.splitlines()[:3]))
    cli("responder", "import", people, "--county", "Kern")
    assert re.search(r"^ok +seals +the key opens", cli("doctor").stdout, re.MULTILINE)
    key = cli.folder / "data" / "keys" / "master.key"
    copy = key.read_text()

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    key.write_text("A" * 43 + "=\n")
    told = cli("doctor", expect=1).stdout
    assert re.search(r"^fail +seals +.*isn't the one.*of Kern: restore", told, re.MULTILINE)
    for command in (("serve", "--port", str(port)), ("migrate",)):
        refused = cli(*command, expect=1)
        assert "The master key isn't the one that sealed the private data of Kern" in refused.stderr
        assert str(key) in refused.stderr
    cli("responder", "import", people, "--county", "Kern", expect=1)

    key.unlink()
    told = cli("doctor", expect=1).stdout
    assert re.search(r"^fail +seals +The master key is missing", told, re.MULTILINE)
    assert "is missing" in cli("serve", "--port", str(port), expect=1).stderr
    # No new one was made, with which new data would have been sealed.
    assert not key.exists()

    key.write_text(copy)
    key.chmod(0o600)
    cli("doctor")
    cli("responder", "import", people, "--county", "Kern")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_seeded_service_serves_beside_the_command_line_and_stops_cleanly(
    cli: Cli, signum: signal.Signals
) -> None:
    with cli.serving("--seed", "Alameda") as (process, url, said):
        for name in ("dispatcher1", "supervisor", "lead", "admin", "blue1"):
            assert re.search(rf"^{name} +[a-z2-9-]{{19}} ", said, re.MULTILINE), said
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:  # noqa: S310 - ours
            assert answer.status == 200
        # A command while the service runs joins its database.
        cli("user", "add", "ana", "--generate", "--county", "Alameda", "--role", "dispatcher")
        assert cli("team", "list", "--county", "Alameda").stdout.count("available") == 12
        assert "a service is running on it" in cli("doctor").stdout
        process.send_signal(signum)
        began = time.monotonic()
        rest, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert "Stopped." in rest
        assert "Traceback" not in errors
        assert time.monotonic() - began < 15
    # It left nothing behind that a second start would stumble over, and keeps what was made.
    with cli.serving("--seed", "Alameda") as (process, _, said):
        assert "seeded already" in said
        process.send_signal(signum)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert "ana" in cli("user", "list").stdout


def test_made_up_people_are_not_put_into_a_database_for_real_work(cli: Cli) -> None:
    cli("county", "add", "Kern")
    done = cli("serve", "--seed", "--port", "0", expect=2)
    assert "CRISIS_PORT" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = cli("serve", "--seed", "--port", str(port), expect=1)
    assert "real" in done.stderr


def test_a_port_in_use_is_told(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("serve", "--port", str(port), expect=1)
    assert f"port {port}" in done.stderr
    assert "in use" in done.stderr
    assert "--port" in done.stderr
