"""The results of calls, for those who have put them: waiting, having, gathering.

This room writes nothing, and needs no reactor: applications call it in threads of their own.

    watch.py       Watch: hears of commits to some records, or says when to look again
    waitable.py    whether somebody may wait here, and for these: refuses what would never end
    wait.py        as_over: partials one by one, as they end; wait for one
    progress.py    progress_of: the progress of a call
    raised.py      the exception that a Failure stands for, with its traceback elsewhere as cause
    gather.py      gather: the results of many, with counts
"""
