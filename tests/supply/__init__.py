"""What is installed: the constraints with their hashes, their known faults, and the package itself.

``constraints.py`` reads a file of ``constraints/``; ``audit.py`` has ``pip-audit`` look for known
vulnerabilities, and says so where that was not possible; ``make audit`` runs it.  ``package.py``
builds zcasync as its users get it, ``trial.py`` installs that where nothing else is and has it do a
job; ``make package`` runs them.  ``sizes.py`` measures what is installed.
"""
