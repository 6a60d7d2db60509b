"""What is installed: the constraints with their hashes, and the known vulnerabilities of all that.

``constraints.py`` reads a file of ``constraints/``; ``audit.py`` has ``pip-audit`` look for known
vulnerabilities, and says so where that was not possible; ``make audit`` runs it.
"""
