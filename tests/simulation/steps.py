"""The steps that histories are made of, chosen by chance: plain chance, or that of hypothesis."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from ZODB.POSException import POSKeyError

from tests.simulation.history import History
from tests.simulation.kinds import CALLBACKS, KINDS, MANY
from tests.simulation.schedules import CATCH_UP, EVERY
from tests.simulation.twists import PLANS, PLANS_APART, Twist, plans

NAMES, WEIGHTS = list(KINDS), [kind.weight for kind in KINDS.values()]
CALLBACK_NAMES, CALLBACK_WEIGHTS = list(CALLBACKS), [one.weight for one in CALLBACKS.values()]
CLIENT_PLANS = plans(
    before=("pass", "work", "put"), voted=("pass", "work"), lost=("doubt",), after=("doubt",)
)
CLIENT_PLANS_APART = plans(before=("pass", "work", "put"))
FAIL_PLANS = plans(before=("crash", "pass"), after=("crash", "crash"))
FAIL_PLANS_APART = plans(before=("crash", "pass"))
CALLBACK_PLANS = plans(before=("work", "work+pass", "work+pass", "pass"))


#: How long a step may take.  All times are sums of powers of two, which are exact as floats: where
#: time stands still meanwhile, a pass that comes a rounding error too early would come for ever.
SECONDS = (0.0, 0.25, 0.5)
#: What somebody does, by name, with the seed of its chance.
Part = tuple[str, int]
#: Several parts are done together, in turns.
Step = tuple[Part, ...]


def chance_of(step: Step) -> random.Random:
    """The chance that is none of its parts'."""
    return random.Random(step[0][1] + 1)


class Steps:
    """Takes steps in a history; ``taken`` says which."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.taken: list[str] = []

    def take(self, step: Step) -> None:
        """Take a step, which takes its time."""
        self.history.world.pass_by(chance_of(step).choice(SECONDS))
        if len(step) == 1:
            ((name, seed),) = step
            self.do(name, random.Random(seed))
            return
        self.taken.append(f"{len(step)} together:")
        tasks = [partial(self.do, name, random.Random(seed), "| ") for name, seed in step]
        self.history.world.turns.together(tasks, chance_of(step))
        self.history.world.count("steps together")

    def do(self, name: str, chance: random.Random, mark: str = "") -> None:
        """Do one thing."""
        doing = Doing(self.history, chance, self.taken, mark + name)
        call: Callable[[], None] = getattr(doing, name)
        try:
            call()
        except POSKeyError:
            if not self.history.world.was_meddled_with:  # else it was about what is gone
                raise


class Doing:
    """What somebody does: each method is a kind of it."""

    def __init__(
        self, history: History, chance: random.Random, taken: list[str], name: str
    ) -> None:
        self.history = history
        self.chance = chance
        self._taken, self._number_of_line = taken, len(taken)
        taken.append(name)

    def _number(self) -> int:
        return self.chance.randrange(12)

    def _say(self, what: object) -> None:
        self._taken[self._number_of_line] += f" {what}"

    def _one_of(self, names: list[str], weights: list[int]) -> str:
        found = self.chance.choices(names, weights)[0]
        self._say(found)
        return found

    def _twist(
        self,
        often: float = 0.4,
        plans: tuple[str, ...] = PLANS,
        apart: tuple[str, ...] = PLANS_APART,
    ) -> Twist | None:
        if self.chance.random() >= often:
            return None
        plan = self.chance.choice(apart if self.history.world.apart else plans)
        nth = self.chance.choice([0, 0, 0, 1, 2])
        self._say(f"({plan} at {nth})")
        return self.history.plan(plan, nth, self._number())

    def _priority(self) -> int:
        """Of few jobs, but of those the same ones: each has a lane of its own."""
        found = self.chance.choice([0, 0, 0, 0, -2, -2, 3])
        if found:
            self._say(f"priority {found}")
        return found

    # clients

    def put(self) -> None:
        """One job."""
        name = self._one_of(NAMES, WEIGHTS)
        after = self.chance.choice([0, 0, 0, 0, 3, 3600, 7200])
        by = self.chance.choice([None] * 7 + [0, 30])
        worker = None
        if self.chance.random() < 0.2:
            worker = (self.chance.randrange(3), self.chance.random() < 0.5)
        twist = self._twist(0.2, CLIENT_PLANS, CLIENT_PLANS_APART)
        number = self._number()
        self.history.put([name], number, after, by, worker, twist, self._priority())

    def put_many(self) -> None:
        """Several at once."""
        name = self.chance.choice(MANY)
        self._say(name)
        count, number = self.chance.randint(2, 6), self._number()
        self.history.put([name] * count, number, priority=self._priority())

    def add_callback(self) -> None:
        """One more callback."""
        name = self._one_of(CALLBACK_NAMES, CALLBACK_WEIGHTS)
        twist = self._twist(0.6, CALLBACK_PLANS, CALLBACK_PLANS)
        self.history.add_callback(self._number(), name, self._number(), twist)

    def touch_a_schedule(self) -> None:
        """Somebody adds a schedule, or changes one."""
        acts = ["add", "add", "pause", "resume", "run_now", "remove"]
        what = self.chance.choice(acts)
        self._say(what)
        twist = self._twist(0.3, CLIENT_PLANS, CLIENT_PLANS_APART)
        every, how = self.chance.choice(EVERY), self.chance.choice(CATCH_UP)
        number, schedules = self._number(), self.history.expected.schedules
        with self.history.world.client(number, twist) as client:
            if what == "add":
                schedules.add(client, every, how)
            else:
                schedules.change(client, number, what)

    def interfere(self) -> None:
        """Somebody changes their mind."""
        what = self.chance.choice(["fail", "cancel", "cancel", "size", "size", "size", "release"])
        self._say(what)
        if what == "size":
            kind = self.chance.choice(["thread", "thread", "reactor"])
            self.history.set_size(self._number(), self.chance.choice([0, 1, 2, 3, 3]), kind)
        elif what == "fail":
            twist = self._twist(0.7, FAIL_PLANS, FAIL_PLANS_APART)
            self.history.fail(self._number(), twist)
        else:
            getattr(self.history, what)(self._number(), self._number())

    # processes

    def make_pass(self) -> None:
        """A poll pass."""
        self.history.make_pass(self._number(), self.chance.random() < 0.8, self._twist(0.4))

    def work(self) -> None:
        """A thread job; where no child has one, a pass that may change that."""
        if self.history.world.at_rest():
            self.history.work(self._number(), self._twist(0.5))
        else:
            self.make_pass()

    def work_in_reactor(self) -> None:
        """A reactor job."""
        self.history.work_in_reactor(self._number(), self._twist())

    def fire(self) -> None:
        """A Deferred."""
        self.history.fire(self._number(), self.chance.random() < 0.8)

    def touch_a_child(self) -> None:
        """Something happens to a child."""
        what = self.chance.choice(["begin", "kill_child", "take_back", "delay_news", "delay_news"])
        self._say(what)
        getattr(self.history, what)(self._number())

    def give_back(self) -> None:
        """What a child was to do waits again."""
        self.history.give_back(self._number(), self.chance.random() < 0.5)

    def undo(self) -> None:
        """A commit of the latest ones."""
        self.history.undo(self._number())

    def restore(self) -> None:
        """An older database."""
        self.history.restore(self._number())

    def stop_a_supervisor(self) -> None:
        """In this or that way."""
        what = self.chance.choice(["kill", "freeze", "kill", "freeze", "stop"])
        self._say(what)
        if what == "stop":
            self.history.stop(self._number())
        else:
            getattr(self.history, what)(self._number(), self.chance.random() < 0.5)

    def leave(self) -> None:
        """A supervisor is stopped cleanly: what its children have not begun waits again."""
        self.history.leave(self._number())

    def go_on(self) -> None:
        """What stood still goes on, what was dead is started."""
        self.history.thaw()
        self.history.restart(self._number())

    def advance(self) -> None:
        """Time passes, and the storage's clock jumps to wherever it likes."""
        self.history.world.was_clock_set = True
        self.history.world.storage_offset = self.chance.choice([-1e6, 0.0, 1e6])
        self.history.world.advance(self.chance.choice([0.5, 3.0, 6.0, 22.0]))


#: How often each step is taken.
HOW_OFTEN = {
    "put": 14,
    "put_many": 3,
    "touch_a_schedule": 3,
    "add_callback": 8,
    "interfere": 6,
    "make_pass": 14,
    "work": 28,
    "work_in_reactor": 7,
    "fire": 4,
    "touch_a_child": 6,
    "give_back": 2,
    "stop_a_supervisor": 4,
    "go_on": 6,
    "advance": 6,
    "restore": 1,
    "undo": 3,
}
#: Where things are done together, work goes to and fro between engines that live:
HOW_OFTEN_BETWEEN = HOW_OFTEN | {
    "make_pass": 28,
    "give_back": 14,
    "work": 14,
    "interfere": 3,
    "stop_a_supervisor": 2,
    "go_on": 14,
    "advance": 3,
}
#: and of what is done together most writes records that others write, too.
HOW_OFTEN_TOGETHER = HOW_OFTEN | {"make_pass": 50, "give_back": 30, "leave": 30, "go_on": 10}
