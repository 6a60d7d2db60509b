"""Meetings: the records on which processes meet that change queues and claims at the same time.

ZODB finds conflicts record by record.  Of two operations each of which reads what the other one
writes, both are committed, and a job can be in no list then, or in two: write skew.  So any two
operations that may not both happen write one record, or one of them asserts with ``readCurrent``
what the other one writes; whoever is second gets a ConflictError, and is repeated on what the first
one has left.

The table has every operation in a row, committed first, and in a column, second.  The letter is the
class of the record that the second one conflicts on; a dot: both may happen, in either order.
``tests/meetings`` makes each pair with two connections and compares; afterwards every job has to be
in its one place.  ``python -m tests.meetings`` prints the table as it is found.

Whoever adds a method that changes one of these records adds it to ``MADE_BY``, and an operation to
the table where none of these makes it; a test knows the methods that are missing.
"""

from __future__ import annotations

LETTERS = {
    ".": "",
    "A": "Gate",
    "D": "Agenda",
    "C": "ClaimList",
    "G": "Page",
    "H": "Schedule",
    "I": "Incarnation",
    "L": "Lane",
    "N": "Ping",
    "P": "Partial",
    "Q": "QuotaUse",
    "R": "Quota",
    "S": "Sidecar",
    "T": "OOBTree",
    "U": "UndoGuard",
    "W": "Worker",
    "Z": "Size",
}

TABLE = """
                                1111111111222222222233333333334444444444555
                       1234567890123456789012345678901234567890123456789012
 1 put                 ..................G.................................
 2 put_first           ....................................................
 3 put_many            ..................G.................................
 4 withdraw            ...PPP......PP....L.........P...P...................
 5 select              ...PPP......PP....G.........P...P...................
 6 end_waiting         ...PPP......PP....L.........P...P...................
 7 end_with_callbacks  ......P.....PP....L........................P........
 8 end_claimed         .......PP.....P.......PP.P.PPP......P...............
 9 add_callback        .......SS...........................................
10 set_size            .........Z..........................................
11 add_worker          ..........T.........................................
12 remove_worker       ...........W............W...........................
13 claim_by_a          ...PPPP.....LLCCCC.L..CC.C..P..CP.LLC.PP...P........
14 claim_by_b          ...PPPP.....LL.....L........P...P.LL..PP...P........
15 give_back           .......PP...C.PCCCL...PP.P.PPP.C....P...............
16 retire              ............C.CCCC....CC.CG...GC.G..C...............
17 move                ............C.CCCC....CC.C.....C....C...............
18 set_aside           ............C.CCCC....CC.C.....C....C...............
19 drop_lanes          G.GLGLL.......L...L...LL.L....GGL...LG.L....G...G.G.
20 retry_broken        ............LL.....L..............LL................
21 prune               ....................................................
22 ping                .....................N..............................
23 bury                .......PP...C.PCCCL..III.P.PPP.C....P...I...........
24 release             .......PP...C.PCCCL..III.PGPPPGC.G..P...I...........
25 register            ...........W............W...........................
26 deregister          .......PP...C.PCCCL..III.P.PPP.C....P...I...........
27 repair_completed    ...............G.......G..G...G..G..................
28 complete            .......PP.....P.......PP.P.UUU......P...............
29 wait_for            ...PPP.PP...PPP.......PP.P.UUU..P...P...............
30 reschedule          .......PP.....P.......PP.P.UUU......P...............
31 retry               ...............G..G....G..G...G..G..................
32 retry_claimed       ............C.CCCCG...CC.C.....C....C...............
33 discard_waiting     ...PPP......PP....L.........P...P...................
34 discard_over        ...............G.......G..G...G..G..................
35 discard_odd         ............LL.....L..............LL................
36 forget_passed       ............LL.....L..............LL................
37 put_aside           .......PP...C.PCCCL...PP.P.PPP.C....P...............
38 put_unique          ..................G..................T..............
39 keep_unique         ....................................................
40 replace_unique      ............PP....G...................PP............
41 quota_by_a          ........................................LQ..........
42 quota_by_b          ........................................QL..........
43 set_quota           ..........................................R.........
44 put_after           ...........................................S........
45 let_begin           ..................G.........................AP......
46 end_held            ............................................PP......
47 add_schedule        ..............................................TD.T.D
48 pause_schedule      ..............................................DHHTHD
49 run_schedule        ..................G............................HHHH.
50 remove_schedule     ..............................................THHTHD
51 tick                ..................G............................HHTH.
52 change_schedule     ..............................................DD.D.H
"""

#: The operations that make each change.
MADE_BY = {
    "PartialQueue.put": "put put_first put_unique keep_unique replace_unique",
    "PartialQueue.put_many": "put_many",
    "PartialQueue.begin": "let_begin",
    "PartialQueue.put_again": "retry retry_claimed",
    "PartialQueue.discard": "discard_waiting discard_over",
    "PartialQueue.pull": "withdraw forget_passed",
    "PartialQueue.pullNext": "withdraw forget_passed",
    "PartialQueue.claim": "claim_by_a claim_by_b",
    "PartialQueue.release": "give_back deregister",
    "PartialQueue.put_aside": "put_aside",
    "PartialQueue.announce": "select",
    "PartialQueue.withdraw": "withdraw",
    "PartialQueue.drop_entry": "end_waiting withdraw replace_unique",
    "PartialQueue.hand_over_callbacks": "end_with_callbacks",
    "PartialQueue.retry_broken": "retry_broken",
    "PartialQueue.drop_idle_lanes": "drop_lanes",
    "PartialQueue.lane": "put_first",
    "Lane.drop": "claim_by_a claim_by_b discard_odd forget_passed",
    "Lane.note_owner": "claim_by_a claim_by_b",
    "Lane.file": "give_back end_with_callbacks retry_broken",
    "Lane.take_expired": "claim_by_a claim_by_b",
    "Lane.note_deadline": "put_aside",
    "Lane.count_gone": "withdraw end_waiting",
    "Lane.take_broken": "retry_broken",
    "Lane.close": "drop_lanes",
    "Page.append": "put",
    "Page.begin_next": "put_many",
    "Inbox.extend": "put_many",
    "PageIndex.add": "put_many",
    "PageIndex.forget": "put_many",
    "ClaimList.keep": "retire give_back",
    "SizedSequence.add": "claim_by_a",
    "SizedSequence.remove": "retire",
    "SizedSequence.lists": "claim_by_a",
    "SizedSequence.readmit_unreadable": "bury release",
    "Worker.let_go": "retry retry_claimed discard_over",
    "Worker.leave": "remove_worker",
    "Workers.add": "add_worker register",
    "Workers.remove": "remove_worker",
    "Completed.add": "retire",
    "Completed.extend": "retire",
    "Completed.take": "retry discard_over",
    "Completed.discard": "repair_completed",
    "Completed.recount": "repair_completed",
    "Completed.prune": "prune",
    "Incarnation.end": "bury release deregister remove_worker",
    "Ping.write": "ping register",
    "PartialRecord.enter": "put put_many put_unique replace_unique",
    "ControlFields.name_key": "put_unique replace_unique",
    "ControlFields.note_act": "retry end_waiting",
    "PartialRecord.put_off": "replace_unique",
    "PartialRecord.settle": "claim_by_a claim_by_b",
    "PartialRecord.remember_context": "add_callback",
    "PartialRecord.name_policy": "select",
    "PartialRecord.leave": "withdraw",
    "PartialRecord.forget": "discard_waiting discard_over",
    "PartialRecord.become_callback_of": "add_callback",
    "PartialRecord.assign": "claim_by_a claim_by_b",
    "PartialRecord.reassign": "bury",
    "PartialRecord.disown": "end_with_callbacks",
    "PartialRecord.start": "complete",
    "AttemptRecord.record_attempt": "complete reschedule",
    "AttemptRecord.remember": "reschedule bury",
    "AttemptRecord.note_first_start": "complete reschedule bury",
    "AttemptRecord.snooze": "reschedule",
    "AttemptRecord.forget_first_start": "reschedule",
    "AttemptRecord.begin_once": "reschedule",
    "AttemptRecord.be_aside": "put_aside",
    "AttemptRecord.be_aside_no_more": "complete",
    "AttemptRecord.interrupt": "bury",
    "AttemptRecord.overrun": "bury",
    "AttemptRecord.forgive": "bury",
    "PartialRecord.reschedule": "reschedule",
    "PartialRecord.release": "give_back",
    "PartialRecord.let_begin": "let_begin",
    "PartialRecord.delay": "give_back",
    "PartialRecord.resume_later": "end_with_callbacks",
    "PartialRecord.wait_for": "wait_for",
    "PartialRecord.finish": "complete end_waiting end_claimed",
    "AttemptRecord.keep_progress": "complete",
    "AttemptRecord.leave_to_policy": "bury",
    "AttemptRecord.note_asked": "reschedule",
    "AttemptRecord.note_commits": "complete reschedule",
    "CheckpointRecord.note_checkpoint": "reschedule",
    "CheckpointRecord.drop_checkpoint": "complete",
    "CheckpointRecord.renew_checkpoint": "retry retry_claimed",
    "PartialRecord.complete": "complete",
    "PartialRecord.renew": "retry retry_claimed",
    "PartialRecord.rewrite": "retire claim_by_a",
    "PartialRecord.ensure_sidecar": "claim_by_a add_callback",
    "CallbackList.add_callback": "add_callback wait_for",
    "CallbackList.keep_callbacks": "retry retry_claimed",
    "PartialRecord.hand_result_to": "wait_for",
    "UndoGuard.write": "complete wait_for reschedule",
    "QuotaUse.keep": "quota_by_a quota_by_b",
    "Quota.define": "set_quota",
    "Quota.note_act": "set_quota",
    "Quota.remove": "set_quota",
    "Agenda.add": "add_schedule",
    "Agenda.plan": "add_schedule change_schedule",
    "Agenda.file": "tick pause_schedule",
    "Agenda.remove": "remove_schedule",
    "Agenda.touch": "add_schedule pause_schedule remove_schedule change_schedule",
    "Schedule.define": "add_schedule change_schedule",
    "Schedule.note_act": "pause_schedule change_schedule",
    "Schedule.file": "tick pause_schedule",
    "Schedule.pause": "pause_schedule",
    "Schedule.decide": "tick",
    "Schedule.note_run": "tick run_schedule",
    "Schedule.remove": "remove_schedule",
    # Of a pass that plans a schedule, which files it as a tick does; of a resume, which plans it.
    "Schedule.plan": "tick",
    "Schedule.resume": "pause_schedule",
    # In the place of a run, beside what the tick writes.
    "Schedule.note_skipped": "tick",
    # Of an entry that means nothing.
    "Agenda.drop_entry": "tick",
    # Of a salvage, in the place of what is missing or damaged: no operation can read that.
    "Agenda.restore_entry": "",
    "PartialQueue.replace_lane": "",
    "SizedSequence.replace_list": "",
    "Workers.replace": "",
}


def meetings() -> dict[tuple[str, str], str]:
    """Return the table: (first, second) -> the class of the record, '' where both may happen."""
    lines = TABLE.strip("\n").splitlines()[2:]
    names = [line.split()[1] for line in lines]
    return {
        (first, second): LETTERS[letter]
        for first, line in zip(names, lines, strict=True)
        for second, letter in zip(names, line.split()[2], strict=True)
    }
