"""A baker's shop: the module whose functions the jobs in docs/story.rst call.

The story quotes every function of it; tests/docs/test_story.py holds the two together.
"""

import threading

import persistent
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

import zcasync
from zcasync import Partial, twist
from zcasync.interfaces import IDataManager


def ring(times=1):
    print(" ".join(["ding"] * times))


class Shelf(persistent.Persistent):
    loaves = 0

    def add(self, count=1):
        self.loaves += count
        return self.loaves


def price(loaves, each=3, *, discount=0):
    return loaves * each - discount


def sign(job, baker, note=""):
    job.annotations["baker"] = baker
    return f"{baker}: {note or 'no note'}, while the job was {job.state}"


def drop(shelf):
    shelf.add(100)
    raise ValueError("the tray fell down")


def drop_and_report(shelf):
    shelf.add(1)
    return Failure(ValueError("one loaf is burnt"))


def apologise(failure):
    return f"sorry: {failure.getErrorMessage()}"


def slice_up(loaves):
    return loaves * 20


def stack(slices):
    return f"a stack of {slices}"


def ask_for_more(job, order, result):
    order.addCallback(Partial(stack))
    return "asked"


HAS_POWER = threading.Event()


def heat(result):
    if not HAS_POWER.is_set():
        raise KeyboardInterrupt  # what somebody who stops the process does to it
    return "warm"


def deliver(job, loaves):
    ride = Partial(price, loaves, discount=1)
    IDataManager(job).thread.put(ride)
    return ride


def rise(minutes):
    from twisted.internet import reactor

    return deferLater(reactor, minutes * 60, lambda: f"risen for {minutes} minutes")


def plan_day(job):
    morning = Partial.bind(plan_morning)
    IDataManager(job).thread.put(morning)
    return morning


def plan_morning(job):
    dough = Partial(rise, 5)
    IDataManager(job).reactor.put(dough)
    return dough


HALF_DONE = threading.Event()
GO_ON = threading.Event()


def bake_trays(job):
    from twisted.internet import reactor

    print("first tray in, first tray out")
    reactor.callFromThread(twist.Partial(annotate, job, "shop.half_done", True))
    HALF_DONE.set()
    GO_ON.wait(60)
    return 42


def annotate(job, key, value):
    job.annotations[key] = value


def knead(portions, seconds_left, seconds_each):
    for portion in range(portions):
        if seconds_left < seconds_each:
            return Failure(TimeoutError(f"{portion} of {portions} portions are kneaded"))
        seconds_left -= seconds_each
    return "all kneaded"


def which_thread():
    is_main = threading.current_thread() is threading.main_thread()
    return "main" if is_main else "another"


IS_OPEN = threading.Event()


def wait_for_customer(seconds):
    IS_OPEN.set()
    if not GO_ON.wait(seconds):
        raise TimeoutError("nobody came")
    return "served"


async def proof(minutes):
    from twisted.internet import reactor

    await deferLater(reactor, minutes * 60, lambda: None)
    return f"proofed for {minutes} minutes"


PHONE = Deferred()


def ask_weather():
    return PHONE


WITH_OVEN = set()


def has_oven():
    return zcasync.current().claim.worker in WITH_OVEN


def bake(what):
    return f"{what} from {zcasync.current().claim.worker}"


def close_shutters():
    return str(zcasync.current().claim.worker)
