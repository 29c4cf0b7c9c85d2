"""Photographs of pages by a headless Chromium, and a server of an index to be photographed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from urllib.request import urlopen

COLOURS = 128
"""Of a picture; more are not told apart in one of text and lines, and make it several times as large."""


class Server:
    """`splade serve` on a free port of this machine while the block lasts."""

    def __init__(self, index: Path) -> None:
        self.index = index
        self.address = ""

    def __enter__(self) -> Server:
        command = [
            sys.executable,
            "-m",
            "splade_cli",
            "serve",
            "--index",
            str(self.index),
            "--port",
            "0",
            "--no-marks",
        ]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                self.address = found.group(0)
                return self
        raise RuntimeError("the server did not start")

    def ask(self, what: str) -> None:
        """Has it answer once, so that a photograph does not show how long models take to be opened."""
        query = what.partition("&")[0]
        with urlopen(f"{self.address}/search?{query}", timeout=120) as answer:
            answer.read()

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate()


def photograph(address: str, file: Path, scheme: str, width: int, height: int) -> None:
    """Writes what a page looks like in a window, as PNG of few colours.

    Args:
        scheme: ``light`` or ``dark``, as the reader's system would ask for.
    """
    with tempfile.TemporaryDirectory() as profile:
        command = [
            str(shutil.which("chromium")),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ]
        command += [f"--user-data-dir={profile}", f"--window-size={width},{height}", "--timeout=60000"]
        command += ["--virtual-time-budget=20000", f"--screenshot={file}", "--disable-background-networking"]
        command += [f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}", address]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    fewer_colours(file)


def fewer_colours(file: Path) -> None:
    """Makes a PNG smaller where Pillow is installed."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)
