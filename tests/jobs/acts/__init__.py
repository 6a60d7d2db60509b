"""The acts of jobs that their process has to outlive: each a small function with a name.

- table: ACTS, by name, and how the job of an act may end
- scene: what an act is given
- performing: the jobs that perform acts, and the ordinary ones beside them
- commits, transactions: other participants of the commit, hooks, synchronizers, the manager, the
  connection and its database
- ends: the ways in which a call, its thread or its process ends
- streams, output: what becomes of stdout, stderr and file descriptors, and what is written there
- threads, processes: what a job starts and leaves
- surroundings, interpreter: what a job changes around it
- arguments: what a job does to what it was given
"""
