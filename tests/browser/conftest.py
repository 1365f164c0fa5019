"""Chromium before a real server: pages as people have them, at a desk and on a phone.

desk = await windows.open("desk", "/board")           # signed in as the seeded account
phone = await windows.open(phone_name(0), "/phone", PHONE)

After each test every window must have been quiet: no error on its console, no script that failed,
nothing that the content security policy forbids.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    Request,
    async_playwright,
    expect,
)

from tests.e2e.kit import Server
from tests.web.kit import PASSWORD
from web.ui import build

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Draws maps without a graphics card; root in a container has no sandbox.
_FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
#: Where no browser is, the first test waits until one is installed.
_TIMEOUT_S = 300 if any(map(shutil.which, _NAMES)) else 900
_HERE = Path(__file__).parent
# Of a machine that does much else at the same time, in milliseconds.
expect.set_options(timeout=20_000)


#: Returns what is seriously wrong with a page, by rule and place.
Axe = Callable[[Page], Awaitable[list[str]]]


class Screen(NamedTuple):
    """A screen's size in CSS pixels; ``is_phone``: with touch, and taken for a phone."""

    width: int
    height: int
    is_phone: bool = False


DESK = Screen(1440, 900)
TABLET = Screen(820, 1180)
PHONE = Screen(390, 844, is_phone=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


@pytest.fixture(scope="session")
def built() -> None:
    """The pages, built from the sources as they stand."""
    build.build()


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Judges how well everybody can use a page: ``assert await axe(page) == []``."""
    build.install_packages(dev=True)
    script = (build.UI / "node_modules" / "axe-core" / "axe.min.js").read_text()

    async def judge(page: Page) -> list[str]:
        await page.evaluate(f"() => {{ {script}; }}")
        found = await page.evaluate("() => axe.run()")
        return [
            f"{violation['id']}: {node['target']}"
            for violation in found["violations"]
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]

    return judge


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright itself."""
    async with async_playwright() as started:
        yield started


@pytest.fixture(scope="session")
async def chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """A browser: the machine's, else one that is installed for it."""
    with _alone():
        browser = await _launch(playwright)
        for install in (_install_own, _install_debian):
            if browser is None and install():
                browser = await _launch(playwright)
    if browser is None:
        pytest.fail(
            "The browser tests need Chrome or Chromium: install it, or run "
            "`python -m playwright install --with-deps chromium`.",
            pytrace=False,
        )
    yield browser
    await browser.close()


async def _launch(playwright: Playwright) -> Browser | None:
    found = [path for name in _NAMES if (path := shutil.which(name)) is not None]
    found.append(playwright.chromium.executable_path)
    for path in found:
        try:
            return await playwright.chromium.launch(executable_path=path, args=_FLAGS)
        except Error:
            # Not there, or a library that it needs isn't.
            continue
    return None


def _install_own() -> bool:
    return _runs(sys.executable, "-m", "playwright", "install", "chromium")


def _install_debian() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    return _runs("apt-get", "update") and _runs("apt-get", "install", "-y", "chromium")


def _runs(*command: str) -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, timeout=240, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time install."""
    with (Path(tempfile.gettempdir()) / "crisis-test-browser.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
async def server(built: None, dsn: str, open_folder: Path) -> AsyncIterator[Server]:
    """A server with a county, four teams on shift and their people; see ``tests.e2e.kit``."""
    folder = folder_in(open_folder)
    async with Server.running(folder, dsn=dsn) as running:
        yield running


def folder_in(folder: Path) -> Path:
    """A directory below ``folder`` that PostgreSQL's unprivileged user can reach."""
    made = Path(tempfile.mkdtemp(dir=folder))
    made.chmod(0o711)
    return made


class Windows:
    """The windows of one test, each a browser profile of its own, and what they complained of.

    Attributes:
        complaints: what a window should not have said; the test fails unless it is empty.
    """

    def __init__(self, chromium: Browser, server: Server) -> None:
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []
        self.server = server
        self.complaints: list[str] = []

    @property
    def url(self) -> str:
        """Where pages are: by a name for which browsers ask no https."""
        return f"http://localhost:{self.server.port}"

    async def blank(self, screen: Screen = DESK, **options: Any) -> Page:
        """A window of a new profile; ``options``: Playwright's, as color_scheme or locale."""
        context = await self._chromium.new_context(
            base_url=self.url,
            viewport={"width": screen.width, "height": screen.height},
            has_touch=screen.is_phone,
            is_mobile=screen.is_phone,
            **{"locale": "en-US", **options},
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("requestfailed", self._miss)
        page.on("pageerror", lambda error: self.complaints.append(f"script failed: {error}"))
        return page

    async def open(self, who: str, path: str, screen: Screen = DESK, **options: Any) -> Page:
        """A page of somebody who signs in at the sign-in page."""
        page = await self.blank(screen, **options)
        await page.goto(path)
        await page.fill("[name=username]", who)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await page.wait_for_url(f"**{path}")
        return page

    def _miss(self, request: Request) -> None:
        # What a page gave up itself, by going elsewhere, is no fault.
        if request.failure is not None and "ERR_ABORTED" not in request.failure:
            self.complaints.append(f"{request.method} {request.url} failed: {request.failure}")

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning", "assert"}:
            self.complaints.append(f"{kind}: {text}")

    def excuse(self, part: str) -> None:
        """Take back complaints that hold ``part``, as of a server that the test stopped."""
        self.complaints = [one for one in self.complaints if part not in one]

    async def close(self) -> None:
        """Close them all."""
        for context in self._contexts:
            await context.close()


@pytest.fixture
async def windows(chromium: Browser, server: Server) -> AsyncIterator[Windows]:
    """Opens windows before the server."""
    opened = Windows(chromium, server)
    yield opened
    await opened.close()
    assert opened.complaints == []
