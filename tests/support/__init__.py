"""What all tests share.

- fixtures: databases, sessions, clocks, logs, homes; tests/conftest.py hands them on
- sessions, scenes: a connection of its own, workers and claims of an engine
- instance, leftovers: a supervisor as a process, a client, and what a test has left behind
- gates, ports: places where a job waits for its test, and free ports
- other_users, become: other users of the machine, and how a process becomes one
- hosts: hosts on this machine, and a network between them that can be bad
- actors: threads that a test moves step by step
"""
