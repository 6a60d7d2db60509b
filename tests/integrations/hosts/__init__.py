"""Workers on several hosts, as namespaces, and all that happens to hosts and to networks.

``make integrations-hosts`` runs this, as root.

- site: the hosts, what runs on them, and the claims that hold after whatever has happened
- test_hosts: the hosts themselves
- test_links: links that are slow, lossy, cut, half open; partitions between each pair
- test_moves: a host that vanishes, a server that moves, clocks that are set apart
- test_operators: what operators see and do
"""
