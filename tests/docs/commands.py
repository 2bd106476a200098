"""Reads a page's code blocks and does what they say: files are written, commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
ANYTHING = "…"

_BLOCK = re.compile(r"^```(?P<kind>[^\n]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"\A:caption: (?P<path>\S+)(?P<at_end> \(at the end\))?\n")


@dataclass(frozen=True)
class File:
    """A block with a file's name above it."""

    path: str
    text: str
    at_end: bool

    def write(self, folder: Path) -> None:
        path = folder / self.path
        before = path.read_text() + "\n\n" if self.at_end else ""
        path.write_text(before + self.text)


@dataclass(frozen=True)
class Command:
    """A line `$ …`, and the lines below it that a reader should see."""

    line: str
    expected: str

    def run(self, folder: Path) -> str:
        """Run it as a reader would, and give what it printed."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DJANGO_SETTINGS_MODULE", "PYTHONPATH"}
        }
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment["PYTHONUNBUFFERED"] = "1"
        result = subprocess.run(
            ["bash", "-c", self.line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=250,
            check=False,
        )
        assert result.returncode == 0, f"$ {self.line}\n{result.stdout}"
        return result.stdout

    def fits(self, printed: str) -> bool:
        """Compare word for word; `…` stands for anything, blanks and ends of lines count once.

        Nothing to be expected means that nothing is said about it.
        """
        wanted = ANYTHING.join(
            " ".join(part.split()) for part in re.split(rf"\s*{ANYTHING}\s*", self.expected)
        )
        pattern = ".*".join(re.escape(part) for part in wanted.split(ANYTHING))
        return not self.expected or re.fullmatch(pattern, " ".join(printed.split())) is not None


def follow(step: File | Command, folder: Path) -> None:
    """Do what a page says at one place, and compare what is printed with what it says."""
    if isinstance(step, File):
        step.write(folder)
        return
    printed = step.run(folder)
    assert step.fits(printed), f"$ {step.line}\n{printed}\n--- the page says ---\n{step.expected}"


def steps(page: str) -> list[File | Command]:
    """Give what a page asks its reader to do, in order.

    Raises:
        ValueError: at a block that is neither a file nor commands, as nobody would test it.
    """
    found: list[File | Command] = []
    for block in _BLOCK.finditer((DOCS / page).read_text()):
        kind, body = block["kind"], block["body"]
        if kind == "console":
            found += _commands(body)
            continue
        caption = _CAPTION.match(body)
        if caption is None:
            raise ValueError(f"{page} has a block of {kind!r} that is no file and no command")
        text = body[caption.end() :]
        found.append(File(caption["path"], text, at_end=bool(caption["at_end"])))
    return found


def _commands(body: str) -> list[Command]:
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not parts[0].strip(), "output without a command"
    lines = [part.partition("\n") for part in parts[1:]]
    return [Command(line, expected.strip()) for line, _, expected in lines]
