"""Marks in a child's output: the job that the lines belong to, and the end of a Python stack."""

from __future__ import annotations

import signal

#: Begins a line that is not output but names a job: ``MARK`` and the job's id.
MARK = "\x00zcasync job "
#: A child answers this signal with the Python stack of each of its threads, on its stderr.
STACK_SIGNAL = signal.SIGUSR2
#: In the last line of that answer: the outermost call of the main thread, which comes last.
STACK_END = "in _run_module_as_main"
