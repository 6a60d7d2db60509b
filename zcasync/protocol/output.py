"""How a child marks in its output which job the following lines belong to."""

#: Begins a line that is not output but names a job: ``MARK`` and the job's id.
MARK = "\x00zcasync job "
