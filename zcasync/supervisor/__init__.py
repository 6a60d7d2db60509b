"""The process that owns the reactor: polls, runs reactor jobs, and looks after the children."""
