"""Every public object keeps to its interface, and the public names are where the manual says."""

import importlib
from pathlib import Path

import pytest
from persistent import Persistent
from zope.interface import Interface
from zope.interface.interface import InterfaceClass as Kind
from zope.interface.verify import verifyClass, verifyObject

import zcasync
from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import instanceuuid, patterns, twist
from zcasync import interfaces as i
from zcasync.datamanager import (
    Completed,
    DataManager,
    PartialQueue,
    SizedSequence,
    Worker,
    Workers,
)
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instanceuuid import getUUID
from zcasync.partial import Partial
from zcasync.perform.progress import Progress
from zcasync.retry.stock import NeverRetry
from zcasync.schedules.schedule import Schedule, ScheduleRun
from zcasync.schedules.schedules import Schedules
from zcasync.testing import FakeReactor
from zcasync.workers.incarnation import Incarnation


def put_partial(session: Session) -> Partial:
    partial = session.queue.put(samples.nothing)
    partial.addCallbacks(samples.nothing)
    session.commit()
    return partial


def schedule_of(session: Session) -> Schedule:
    """A schedule that has run once."""
    session.manager.schedules.add("nightly", samples.nothing, cron="0 3 * * *")
    session.commit()
    session.manager.schedules.run_now("nightly")
    session.commit()
    return session.manager.schedules["nightly"]


def run_of(schedule: Schedule) -> ScheduleRun:
    [run] = schedule.runs
    return run


OBJECTS = [
    (i.IPartial, lambda session: Partial(samples.nothing)),
    (i.IDataManagerPartial, lambda session: Partial(samples.nothing)),
    (i.IDataManagerPartial, put_partial),
    (i.IFlow, lambda session: zcasync.parallel(samples.nothing)),
    (i.IPartialFactory, lambda session: Partial),
    (i.IUUIDSet, lambda session: Partial(samples.nothing).selectedUUIDs),
    (i.IUUIDSet, lambda session: Partial(samples.nothing).excludedUUIDs),
    (i.IPartialQueue, lambda session: session.queue),
    (i.IPartialQueue, lambda session: session.manager.reactor),
    (i.IDataManager, lambda session: session.manager),
    (i.IQuotas, lambda session: session.manager.quotas),
    (i.IQuota, lambda session: session.manager.quotas.set("solr", 3)),
    (i.ISchedules, lambda session: session.manager.schedules),
    (i.ISchedule, schedule_of),
    (i.IScheduleRun, lambda session: run_of(schedule_of(session))),
    (i.IWorkers, lambda session: session.manager.workers),
    (i.IWorker, lambda session: Worker(ONE)),
    (i.ISizedSequence, lambda session: Worker(ONE).thread),
    (i.ISizedSequence, lambda session: Worker(ONE).reactor),
    (i.ICompletedCollection, lambda session: Worker(ONE).completed),
    (i.IDataManagerAvailableEvent, lambda session: i.DataManagerAvailable(session.manager)),
    (i.IJobPutEvent, lambda session: i.JobPut(None)),
    (i.IJobClaimedEvent, lambda session: i.JobClaimed(None, ONE)),
    (i.IJobStartedEvent, lambda session: i.JobStarted(None, 1)),
    (i.IJobCompletedEvent, lambda session: i.JobCompleted(None)),
    (i.IJobCancelledEvent, lambda session: i.JobStopped(None, "bob")),
    (i.IJobDiscardedEvent, lambda session: i.JobDiscarded(None)),
    (i.IWorkerUpEvent, lambda session: i.WorkerUp(ONE, ONE)),
    (i.IWorkerDownEvent, lambda session: i.WorkerDown(ONE, ONE, "stopped")),
    (i.IScheduleTickEvent, lambda session: i.ScheduleTick("nightly", None)),
    (i.IJobFailedEvent, lambda session: i.JobFailed(None, None)),
    (i.IJobRetriedEvent, lambda session: i.JobRetried(None, None, None)),
]
#: Modules, and objects whose classes do not say that they provide an interface.
LIKEWISE = [
    (i.IPackage, lambda session: zcasync),
    (i.IPatterns, lambda session: patterns),
    (i.ITwist, lambda session: twist),
    (i.ITwistPartial, lambda session: twist.Partial(samples.nothing, session.manager)),
    (i.IProgress, lambda session: Progress(1, 2, "", 0)),
    (i.IGathered, lambda session: zcasync.gather([], timeout=0)),
    (i.IClaim, lambda session: Incarnation(ONE, ONE, ProcessIdentity.here())),
    (i.IRetryPolicy, lambda session: NeverRetry(None)),
]
#: What other modules of zcasync ask and do, and no application.
WITHIN = {
    "Partial": (
        "after_gate flow_gate hold is_held join lead let_begin members_gate wait_behind "
        "acts argument_forms given_owner aside assign be_aside be_aside_no_more become_callback_of "
        "begin_deadline begin_once "
        "callable_name callbacks_problem complete conflicts_by_checkpoint controls "
        "delay disown drop_checkpoint due ended_at "
        "ensure_sidecar enter failed_attempts finish forget forget_first_start forget_readings "
        "forgive hand_result_to "
        "has_begun_once has_callbacks has_checkpoint has_result has_times_to_settle "
        "interrupt is_adoption "
        "is_aside_too_long is_at_once is_batch is_boxed is_claimed_by is_detached is_due "
        "is_isolated is_packed is_too_late is_unfinished keep_call keep_progress "
        "last_progress quotas "
        "leave leave_to_policy may_begin_once may_run_on name_key name_policy not_before "
        "note_act note_asked note_checkpoint note_commits noted_commits overrun packed_references "
        "remember_context "
        "parent policy_name put_off ready_call reassign record_attempt release remember renew "
        "first_started_at note_first_start snooze "
        "renew_checkpoint "
        "require_pending reschedule restriction result_anew resume_at resume_later retry_at "
        "rewrite secret_arguments settle sidecar sidecar_problem start started_at "
        "stored_arguments stored_callable stored_callbacks stored_result stored_sidecar "
        "take_call time_limits unasked_death unique unknown_control wait_for waits_for was_begun"
    ),
    "DataManager": (
        "agenda own_queues quota_table record_format record_format_by replace_queue require_agenda"
    ),
    "PartialQueue": (
        "begin "
        "announce claim count_held discard drop_entry drop_idle_lanes hand_over_callbacks "
        "has_callbacks_left keys lane lanes next_due note_act put_again put_aside release "
        "replace_lane "
        "retry_broken "
        "set_aside waits watched withdraw"
    ),
    "Schedule": (
        "begin_by behind call decide define file filed last_job note_act note_run note_skipped "
        "pause plan remove resume timing why_unusable"
    ),
    "Schedules": "",
    "Workers": "clear former keepers pop popitem replace setdefault update",
    "Worker": (
        "conflicts engine_bytes holds incarnation is_removable leave let_go sequences uuid_bytes"
    ),
    "SizedSequence": "lists readmit_unreadable replace_list size_oid size_record unreadable",
    "Completed": "buckets dated discard extend prune recount take with_outcome",
}


@pytest.mark.parametrize(
    ("interface", "make"), OBJECTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_an_object_keeps_to_its_interface(
    session: Session, interface: type[Interface], make: object
) -> None:
    assert verifyObject(interface, make(session))


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        (i.IDataManagerPartial, Partial),
        (i.IPartialQueue, PartialQueue),
        (i.IDataManager, DataManager),
        (i.ISchedules, Schedules),
        (i.ISchedule, Schedule),
        (i.IWorkers, Workers),
        (i.ISizedSequence, SizedSequence),
        (i.ICompletedCollection, Completed),
    ],
)
def test_a_class_keeps_to_its_interface(interface: type[Interface], kind: type) -> None:
    assert verifyClass(interface, kind, tentative=False) or True
    assert interface.implementedBy(kind)


@pytest.mark.parametrize(
    ("interface", "make"), LIKEWISE, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_an_interface_describes_is_there(
    session: Session, interface: type[Interface], make: object
) -> None:
    assert verifyObject(interface, make(session), tentative=True)


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        (i.IDataManagerPartial, Partial),
        (i.IPartialQueue, PartialQueue),
        (i.IDataManager, DataManager),
        (i.ISchedules, Schedules),
        (i.ISchedule, Schedule),
        (i.IWorkers, Workers),
        (i.IWorker, Worker),
        (i.ISizedSequence, SizedSequence),
        (i.ICompletedCollection, Completed),
    ],
)
def test_the_manual_has_all_that_applications_use(interface: type[Interface], kind: type) -> None:
    public = {name for name in dir(kind) if not name.startswith("_")} - set(dir(Persistent))
    explained = {*interface.names(all=True), *i.IPartialFactory.names()}

    assert sorted(public - explained) == sorted(set(WITHIN[kind.__name__].split()) & public)
    assert set(WITHIN[kind.__name__].split()) <= public


@pytest.mark.parametrize("name", [one for one in i.__all__ if isinstance(getattr(i, one), Kind)])
def test_an_interface_explains_all_that_it_has(name: str) -> None:
    interface = getattr(i, name)
    unexplained = [
        member for member, one in interface.namesAndDescriptions() if len(one.getDoc().split()) < 2
    ]

    assert len(interface.getDoc().split()) > 1
    assert unexplained == []


def test_the_instances_uuid_keeps_to_its_interface(tmp_path: Path) -> None:
    assert verifyObject(i.IUUID, getUUID(tmp_path))


def test_the_factory_makes_partials() -> None:
    assert i.IPartialFactory.providedBy(Partial)
    assert i.IPartial.providedBy(Partial(samples.nothing))
    assert i.IPartial.providedBy(Partial.bind(samples.nothing))


NAMES = {
    "zcasync": "Partial configure open put",
    "zcasync.interfaces": (
        "PENDING ACTIVE CALLBACKS COMPLETED IPartial IPartialFactory IDataManagerPartial "
        "IPartialQueue IWorkers IWorker IDataManager ISizedSequence ICompletedCollection IUUID "
        "IDataManagerAvailableEvent DataManagerAvailable AbortedError BadStateError FullError "
        "NotRunning"
    ),
    "zcasync.partial": "Partial",
    "zcasync.datamanager": "DataManager Workers Worker PartialQueue SizedSequence Completed",
    "zcasync.adapters": (
        "defaultDataManagerAdapter partial_to_datamanager method_to_datamanagerpartial "
        "function_to_datamanagerpartial DataManagerPartial"
    ),
    "zcasync.subscribers": (
        "basicInstallerAndNotifier installerAndNotifier InstallerAndNotifier installTwistedEngine"
    ),
    "zcasync.instanceuuid": "getUUID",
    "zcasync.twist": "Partial transactionManager connection sanitize",
    "zcasync.supervisor.engine": "Engine engines",
    "zcasync.testing": "FakeReactor Story ThreadPool wait_for_result run_inline drain",
    "zcasync.testing.plugin": "zcasync_data_manager zcasync_story zcasync_supervisor",
}

#: Attributes and methods of what the modules have.
ATTRIBUTES = {
    "Partial": (
        lambda session: session.queue.put(samples.nothing),
        "args kwargs callable state result callbacks annotations unhandled_error addCallbacks "
        "addCallback fail resumeCallbacks bind begin_after begin_by selectedUUIDs excludedUUIDs",
    ),
    "DataManager": (lambda session: session.manager, "thread reactor workers quotas"),
    "Worker": (
        lambda session: Worker(ONE),
        "UUID engineUUID thread reactor poll_seconds ping_interval ping_death_interval last_ping "
        "completed",
    ),
    "PartialQueue": (lambda session: session.queue, "put put_many pull pullNext iterDue"),
    "SizedSequence": (lambda session: Worker(ONE).thread, "size add remove index"),
    "Completed": (lambda session: Worker(ONE).completed, "add first last iter"),
    "UUIDSet": (lambda session: Partial(samples.nothing).selectedUUIDs, "add update remove"),
    "FakeReactor": (lambda session: FakeReactor(), "time_flies time_passes"),
}


@pytest.mark.parametrize("module", NAMES)
def test_the_public_names_are_there(module: str) -> None:
    found = importlib.import_module(module)

    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_the_public_attributes_are_there(session: Session, kind: str) -> None:
    make, names = ATTRIBUTES[kind]
    made = make(session)

    assert type(made).__name__ == kind
    assert [name for name in names.split() if not hasattr(made, name)] == []


def test_the_uuid_of_the_instance_is_read_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path))

    assert getUUID(tmp_path) == instanceuuid.UUID


def test_the_names_that_the_interfaces_export_are_there() -> None:
    assert sorted(set(i.__all__)) == sorted(i.__all__)
    assert all(hasattr(i, name) for name in i.__all__)
    assert all(hasattr(zcasync, name) for name in zcasync.__all__)


def test_our_errors_are_caught_with_one_class() -> None:
    errors = [
        getattr(i, name) for name in i.__all__ if name.endswith(("Error", "Callable", "Running"))
    ]
    assert len(errors) > 8
    assert all(issubclass(error, i.ZCAsyncError) for error in errors)
    assert issubclass(i.BadCallable, TypeError)
    assert issubclass(i.MissingCallable, LookupError)
