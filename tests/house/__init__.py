"""The figures of the house, counted from its source and the same way for every state of it.

``python -m tests.house [ROOT ...]`` prints them; ``tests/test_dependencies.py`` holds their limits.

``source``      the modules of a checkout, each read and parsed once
``floors``      the order of the rooms, from the ground upward
``imports``     who imports whom: arrows, imports back up, circles, imports inside functions
``private``     private names that are used where they are not defined
``functions``   lengths and parameters
``docstrings``  their first words, and the public names that have none
``bases``       where a method without a docstring is documented: its interface, its base class
``figures``     all of it for one checkout, as a table and as JSON
"""
