"""The settings of a supervisor that runs: some of them can change before it is started again."""

from __future__ import annotations

from dataclasses import dataclass, fields

from zcasync.instance.settings import Settings

#: Those that are read each time that they count.  Of those of children some count for the next
#: child that is started.
LIVE = frozenset(
    {
        "boot_timeout",
        "frozen_timeout",
        "grace_period",
        "isolate",
        "keep_completed",
        "keep_failed",
        "load_timeout",
        "max_age",
        "max_children",
        "max_jobs",
        "memory_limit",
        "output_lines",
        "recycle_memory",
        "set_aside_limit",
        "spare",
    }
)


@dataclass(frozen=True)
class Change:
    """A setting whose value has changed; ``name`` as in the configuration."""

    name: str
    before: object
    after: object
    counts: bool  # now; else when the supervisor is started again

    def __str__(self) -> str:
        if self.counts:
            return f"{self.name} is {_shown(self.after)} now (before: {_shown(self.before)})"
        return (
            f"{self.name} cannot change while this runs: it is {_shown(self.before)} until the "
            f"supervisor is started again, and {_shown(self.after)} then"
        )


@dataclass(frozen=True)
class LiveSettings(Settings):
    """Settings of which those of ``LIVE`` may have changed when they are read again."""

    @classmethod
    def of(cls, settings: Settings) -> LiveSettings:
        """Return the same settings, live."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(settings)})

    def adopt(self, settings: Settings) -> list[Change]:
        """Go by other settings from now on, as far as that is possible; return what differs."""
        changes = []
        for one in fields(settings):
            before, after = getattr(self, one.name), getattr(settings, one.name)
            if before != after:
                counts = one.name in LIVE
                changes.append(Change(one.name.replace("_", "-"), before, after, counts))
                if counts:
                    object.__setattr__(self, one.name, after)
        return changes


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "unset"
    return f"{value:g}" if isinstance(value, float) else str(value)
