"""Acts: what a manager has done to a job, by the functions of the commands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zcasync.control import again
from zcasync.control.cancelling import Supervisor, end, end_waiting, is_cancelled, is_over
from zcasync.control.jobs import Job, find_job, text_of
from zcasync.control.refusal import AWAY, Refusal
from zcasync.database.receipts import are_signed, sign
from zcasync.errors import ConfigurationError, NotRunning, StorageAway
from zcasync.panel.desk import Desk
from zcasync.protocol.actor import actor_name
from zcasync.text import cut, printable

#: A supervisor is waited for so long, and looked after so often.
ASK_SECONDS, WAIT_SECONDS, LOOK_SECONDS = 5.0, 3.0, 0.05
#: What came of an act: it is done, or the supervisor does it.
RETRIED, CANCELLED, ASKED = "retried", "cancelled", "asked"


@dataclass(frozen=True)
class Act:
    """Who acts on which job, and what is known of the supervisor."""

    desk: Desk
    job: Job
    user: str
    supervisor: Any

    @property
    def _claim(self) -> str:
        return cut(printable(self.user)) or "somebody"

    def retry(self) -> str:
        """Let the job wait in its queue again; return RETRIED.  Raises Refusal."""

        who = actor_name(os.geteuid(), self._claim)

        def change(connection: Any, manager: Any) -> Any:
            why = again.retry(connection, manager, [self.job], who)[self.job]
            if why:
                raise Refusal(f"job {text_of(self.job)} is not retried: {why}")
            return sign(connection)

        self.desk.change(
            change,
            lambda connection, _, signed: are_signed(connection, signed),
            f"zcasync panel: retry of job {text_of(self.job)}",
            self._claim,
        )
        return RETRIED

    def cancel(self) -> str:
        """End the job, or have the supervisor end it; return CANCELLED or ASKED.

        Raises Refusal, with the reason and what to do, where neither can be.
        """
        who = actor_name(os.geteuid(), self._claim)
        if self._end(who, end):
            return CANCELLED
        try:
            return self._ask()
        except (NotRunning, StorageAway, ConfigurationError) as error:
            if self._end(who, end_waiting):
                return CANCELLED
            raise Refusal(str(error), AWAY) from error

    def _end(self, who: str, way: Callable[..., bool]) -> bool:
        def change(connection: Any, manager: Any) -> bool:
            return way(find_job(connection, self.job), manager, who, self.supervisor)

        def is_there(connection: Any, manager: Any, is_ended: bool) -> bool:
            return is_ended and is_cancelled(find_job(connection, self.job), who)

        return self.desk.change(
            change, is_there, f"zcasync panel: cancel of job {text_of(self.job)}", self._claim
        )

    def _ask(self) -> str:
        """Have the supervisor end the job.  Raises Refusal, NotRunning, StorageAway."""
        home = self.supervisor.home
        if home is None:
            raise NotRunning(
                f"job {text_of(self.job)} can be ended by its supervisor only, which cannot be "
                f"reached from here: {self.supervisor.why}"
            )
        supervisor = Supervisor(home, ASK_SECONDS, self._claim)
        try:
            who = supervisor.cancel(self.job[1])
        finally:
            supervisor.close()
        return self._wait(who)

    def _wait(self, who: str) -> str:
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.desk.look(lambda here, _: is_over(find_job(here, self.job), who)):
            if time.monotonic() > deadline:
                return ASKED
            time.sleep(LOOK_SECONDS)
        return CANCELLED


#: By their names in forms.
ACTS: dict[str, Callable[[Act], str]] = {"cancel": Act.cancel, "retry": Act.retry}
