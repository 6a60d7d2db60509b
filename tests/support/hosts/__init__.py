"""Hosts on this machine: namespaces of their own, and a network that can be bad.

Each has interfaces, mounts, processes, a host name, a boot id and a monotonic clock of its own.
Nothing of it is seen outside: the network between them is a thread of the test's process, and all
is gone when that is.

- network: passes packets from host to host, late, not all of them, or none in one direction
- boot: the first process of a host, which sets it up
- host: a host, the commands inside of it, its sudden end, and why there can be none here
- workers: supervisors, a database server and clients of it, on hosts
"""
