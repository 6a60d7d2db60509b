"""What the tests' partials call: modules that children and supervisors import.

- basic: counters, gates, results of every kind, and every way in which a job ends its process
- cancel, retry, progress: jobs that are cancelled, that fail at first, that report
- load, orphan: jobs that hold the interpreter, that leave a process behind
- process_acts: what jobs do to their own process, and what they start
- kit: a job for the testing kit
- acts: what a job does to the process that has to outlive it
- surroundings_acts: jobs that change what is around them, and jobs that say which process they have
- samples: callables and classes that need no process of their own
"""
