"""What a training does and how long it will take, on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """Named steps with weights that say how long each takes compared with the others.

    The time left is what the steps so far took, by weight: rough at first, and mended by every step.
    """

    def __init__(self, steps: Sequence[tuple[str, float]], *, quiet: bool) -> None:
        self._weights = dict(steps)
        self._total = sum(self._weights.values())
        self._done = 0.0
        self._index = 0
        self._started = time.monotonic()
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._bar: Progress | None = None
        if console.is_terminal and not quiet:
            columns = (
                TextColumn("{task.description:<34}"),
                BarColumn(),
                TextColumn("{task.fields[left]:>16}"),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=console, transient=True)
            self._task: TaskID = self._bar.add_task("", total=self._total, left="")

    def __enter__(self) -> "Steps":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def step(self, name: str) -> Iterator["Part"]:
        """Run one step; the yielded part may report how far inside the step it is."""
        self._index += 1
        began = time.monotonic()
        part = Part(self, name)
        part.show(0.0)
        if self._bar is None and not self._quiet:
            self._line(f"[{self._index}/{len(self._weights)}] {name} … {self._left(self._done)}")
        yield part
        self._done += self._weights[name]
        if self._bar is None and not self._quiet:
            self._line(f"[{self._index}/{len(self._weights)}] {name}: {time.monotonic() - began:.1f} s")

    def say(self, text: str) -> None:
        """A line that stays, unless quiet."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False)
        else:
            self._line(text)

    def show(self, name: str, share: float) -> None:
        """Move the bar to `share` (0 to 1) of the step `name`."""
        if self._bar is not None:
            done = self._done + share * self._weights[name]
            self._bar.update(self._task, completed=done, description=name, left=self._left(done))

    def _left(self, done: float) -> str:
        if done <= 0:
            return ""
        seconds = (time.monotonic() - self._started) / done * (self._total - done)
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    @staticmethod
    def _line(text: str) -> None:
        sys.stderr.write(text.rstrip() + "\n")
        sys.stderr.flush()


class Part:
    """The inside of one step."""

    def __init__(self, steps: Steps, name: str) -> None:
        self._steps, self._name = steps, name

    def show(self, share: float) -> None:
        self._steps.show(self._name, share)
