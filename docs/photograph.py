"""Photographs the pages of a real run for README and guides: `make pictures` writes `docs/pictures/*.webp`.

It runs the demo and Studio as a reader would, on the loopback address, and needs Chromium (`make tools`).
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUALITY = 88
"""Of WebP, 0 to 100: below this, small letters blur."""
SETTLE_MILLISECONDS = 1_500
"""Until the pages' first data and fonts are there."""


class Picture(NamedTuple):
    """One file: the address of its page, and the window in CSS pixels."""

    name: str
    url: str
    width: int = 1280
    height: int = 800


def find_chromium() -> str | None:
    """Return Chromium's path: the environment variable `CHROMIUM`, else the first that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)


def chromium_arguments() -> list[str]:
    """Return its arguments here: its own sandbox refuses to run as root, as containers do."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


@contextmanager
def running(*command: str, until: str) -> Iterator[tuple[str, ...]]:
    """Run a command of ours until its output matches `until`; yields the groups, and ends it by Ctrl-C.

    Raises:
        SystemExit: it ended before.
    """
    process = subprocess.Popen(  # noqa: S603 - commands of this file
        [sys.executable, "-m", "pipeline", *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        yield _reported(process, until)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _reported(process: subprocess.Popen[str], until: str) -> tuple[str, ...]:
    output = ""
    for line in process.stdout or ():
        output += line
        if (found := re.search(until, output)) is not None:
            return found.groups()
    sys.exit(f"it ended early:\n{output}")


def photograph(browser: Browser, picture: Picture) -> None:
    """Write one page, as it is after its first data, to its file."""
    with browser.new_context(viewport={"width": picture.width, "height": picture.height}) as context:
        page = context.new_page()
        page.goto(picture.url)
        page.wait_for_timeout(SETTLE_MILLISECONDS)
        (PICTURES / f"{picture.name}.webp").write_bytes(_webp(page))


def _webp(page: Page) -> bytes:
    # Playwright itself writes PNG and JPEG only; WebP is a fifth of a PNG.
    session = page.context.new_cdp_session(page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return base64.b64decode(shot["data"])


def main() -> None:
    """Write every picture."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is not installed: `make tools` gets it on Debian; or name one in CHROMIUM")
    PICTURES.mkdir(exist_ok=True)
    with (
        sync_playwright() as playwright,
        running("demo", "--keep", "--events", "1000", until=r"status: (\S+) +messages: (\S+)") as (status, messages),
        running("studio", "rules", "--port", "0", until=r"(http://\S+)") as (studio,),
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=chromium_arguments())
        for picture in (
            Picture("studio", studio),
            Picture("studio-phone", studio, width=390, height=760),
            Picture("status", status),
            Picture("messages", messages),
        ):
            photograph(browser, picture)
            print(f"written: docs/pictures/{picture.name}.webp")
        browser.close()


if __name__ == "__main__":
    main()
