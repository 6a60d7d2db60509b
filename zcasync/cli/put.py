"""``zcasync put``: a call from the command line."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli.arguments import Arguments
from zcasync.cli.callables import find_callable
from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_NO, Refusal, say
from zcasync.cli.options import Seconds, common_options, examples

if TYPE_CHECKING:
    pass

#: The seconds that ``--wait`` waits when it has no number.
WAIT_SECONDS = 60.0
#: As ``zcasync.job.control_fields``, which is not loaded for the help.
HIGHEST_PRIORITY, LOWEST_PRIORITY = -100, 100
LOOK_SECONDS = 0.02


class PutCommand(click.Command):
    """A command whose ``--wait`` may have no number, also in front of the callable's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _complete_wait(args))


def _complete_wait(args: list[str]) -> list[str]:
    given: list[str] = []
    for number, argument in enumerate(args):
        if argument == "--":
            return [*given, *args[number:]]
        following = args[number + 1 : number + 2]
        if argument == "--wait" and not (following and _is_number(following[0])):
            argument = f"--wait={WAIT_SECONDS:g}"
        given.append(argument)
    return given


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@click.command(
    "put",
    cls=PutCommand,
    short_help="Put a call in a queue.",
    epilog=examples(
        "zcasync put operator.add --arg 1 --arg 2",
        "zcasync put math.factorial --arg 20 --wait",
        """zcasync put builtins.sorted --arg '["b", "a"]' --kwarg reverse=true --wait 5 --json""",
        """echo '["a secret"]' | zcasync put builtins.len --arg - --secret --wait""",
        """zcasync put builtins.len --arg '"@anna"' --wait""",
    ),
)
@click.argument("call", metavar="DOTTED.NAME")
@click.option(
    "--arg",
    "args",
    multiple=True,
    metavar="JSON|@FILE|-",
    help="A positional argument: JSON, also from a file or from standard input.",
)
@click.option(
    "--kwarg",
    "kwargs",
    multiple=True,
    metavar="NAME=JSON|@FILE|-",
    help="A keyword argument.",
)
@click.option(
    "--secret",
    "is_secret",
    is_flag=True,
    help="Never show the arguments: not in job and jobs, --json, logs and errors.",
)
@click.option(
    "--queue",
    metavar="NAME",
    default="thread",
    show_default=True,
    help="reactor: in the supervisor, must not block; any other: in a child process.",
)
@click.option(
    "--priority",
    type=click.IntRange(HIGHEST_PRIORITY, LOWEST_PRIORITY),
    metavar="N",
    help="The lower number goes first; 0 unless told.  A step counts as an hour of waiting.",
)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="NAME",
    help="Begin only when there is room in this quota; more than one: in each.",
)
@click.option(
    "--soft-limit",
    type=Seconds(),
    help="Tell each attempt to end after so many seconds.",
)
@click.option(
    "--hard-limit",
    type=Seconds(),
    help="End each attempt after so many seconds, with its process.",
)
@click.option(
    "--wait",
    type=Seconds(zero=True),
    metavar="[SECONDS]",
    help=f"Wait for the result, {WAIT_SECONDS:g} seconds unless told.",
)
@common_options
def command(
    call: str,
    args: tuple[str, ...],
    kwargs: tuple[str, ...],
    is_secret: bool,
    queue: str,
    priority: int | None,
    quotas: tuple[str, ...],
    soft_limit: float | None,
    hard_limit: float | None,
    wait: float | None,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Put the call of DOTTED.NAME in a queue, and print the job's id.

    DOTTED.NAME is a function that can be imported here and by the workers.  With --wait the result
    is printed as JSON instead, once it is there (as a JSON string with its repr, when it has no
    JSON form); the id goes to standard error.  Exit code 1 when the job failed or has not ended in
    time; it stays in the queue then.

    What is on a command line can be seen by other users and is kept by shells; @FILE and - are not.
    A text that begins with @ is given as JSON: '"@anna"'.  Arguments stay in the database until the
    job is forgotten and the database packed, secret ones too.
    """
    from zcasync.instance.home import Home

    limits = _limits(soft_limit, hard_limit)
    arguments = Arguments.parse(args, kwargs, is_secret)
    found = find_callable(call, Home.find(home))
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import writing

    with writing(Home.find(home), timeout) as session:
        options = {"priority": priority, "quota": quotas or None, **limits}
        oid, job_id = _put(session, Home.find(home), queue, found, arguments, **options)
        if wait is None:
            if as_json:
                print_json({"id": job_id})
            else:
                print_line(job_id)
            return 0
        if not as_json:
            say(f"job {job_id}")
        job = _wait_for(session, oid, job_id, wait)
    return _print_outcome(job, wait, as_json)


def _limits(soft: float | None, hard: float | None) -> dict[str, float | None]:
    """Return the time limits as options of a put.  Raises UsageError unless soft is less."""
    if soft is not None and hard is not None and soft >= hard:
        raise click.UsageError(
            f"--soft-limit {soft:g} must be less than --hard-limit {hard:g}",
            click.get_current_context(),
        )
    return {"soft_limit": soft, "hard_limit": hard}


def _put(
    session: Any, home: Any, queue: str, call: Any, arguments: Arguments, **options: Any
) -> tuple[bytes, str]:
    """Put, with these options, and commit; return the partial's oid and id.

    Raises Refusal for options that the put refuses; StorageAway, with the id where it may have been
    put.
    """
    from zcasync.cli.session import require_manager
    from zcasync.errors import StorageAway, ZCAsyncError
    from zcasync.job.ids import id_of
    from zcasync.partial import Partial

    made: list[tuple[bytes, str, int]] = []

    def put(connection: Any, manager: Any) -> tuple[bytes, str, int]:
        made_of = Partial(call, *arguments.positional, **arguments.named)
        try:
            partial = manager.queue(queue).put(made_of, secret=arguments.is_secret, **options)
        except ZCAsyncError:
            raise
        except (TypeError, ValueError) as error:  # of the options here, or of those declared
            raise Refusal(str(error)) from error
        made.append((partial._p_oid, id_of(partial), partial.due))
        return made[-1]

    session.do(lambda connection, manager: require_manager(home, manager))
    try:
        oid, job_id, _ = session.change(put, _is_put)
    except StorageAway as error:
        if not made:
            raise
        job_id = made[-1][1]
        raise StorageAway(
            f"{error}; whether the job is put is not known; look with: zcasync job {job_id}"
        ) from error
    return oid, job_id


def _is_put(connection: Any, manager: Any, made: tuple[bytes, str, int]) -> bool:
    """Return whether the partial with this oid and due time is stored."""
    from ZODB.POSException import POSKeyError

    from zcasync.job.record import PartialRecord

    oid, _, due = made
    try:
        found = connection.get(oid)
    except POSKeyError:
        return False
    # A server that was killed may give an id again, to another client's object.
    return isinstance(found, PartialRecord) and found.due == due


def _wait_for(session: Any, oid: bytes, job_id: str, seconds: float) -> dict[str, Any]:
    """Return the whole job once it has ended, or as it is when the time has run out.

    The database server may be started again meanwhile.
    """
    from ZEO.Exceptions import ClientDisconnected

    from zcasync.errors import StorageAway
    from zcasync.interfaces import COMPLETED
    from zcasync.reports.job import describe

    def look(connection: Any, manager: Any) -> dict[str, Any] | None:
        partial = connection.get(oid)
        is_over = partial.state == COMPLETED or time.monotonic() >= deadline
        return describe(partial) if is_over else None

    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                job: dict[str, Any] | None = session.do(look)
            except ClientDisconnected:
                if time.monotonic() >= deadline:
                    raise
            else:
                if job is not None:
                    return job
            time.sleep(LOOK_SECONDS)
    except StorageAway as error:
        raise StorageAway(f"{error}; job {job_id} is put and will run") from error


def _print_outcome(job: dict[str, Any], wait: float, as_json: bool) -> int:
    from zcasync.cli.output import json_text, print_json, print_line, print_lines

    problem = _problem(job, wait)
    if problem is None:
        has_form = job["result"] is not None or job["result_repr"] == "None"
        result = job["result"] if has_form else job["result_repr"]
        print_json(job) if as_json else print_line(json_text(result))
        return 0
    remedy = f"see: zcasync job {job['id']}"
    if as_json:
        print_json(
            job
            | Ending(
                EXIT_NO, "JobFailed" if job["failure"] else "NotOver", problem, remedy
            ).as_dict()
        )
    say(problem if job["failure"] else f"{problem}; {remedy}")
    if job["failure"] and not as_json:
        print_lines(job["failure"]["traceback"], "  ", sys.stderr)
    return EXIT_NO


def _problem(job: dict[str, Any], wait: float) -> str | None:
    """Return why a job that was waited for has no result, in words; None: it has one."""
    if job["state"] != "completed":
        return f"job {job['id']} is still {job['state']} after {wait:g} s"
    failure = job["failure"]
    if failure is None:
        return None
    return f"job {job['id']} failed: {failure['type']}: {failure['message']}"
