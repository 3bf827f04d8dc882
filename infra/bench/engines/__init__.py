"""One driver per renderer: a child process that makes the sizes of one photo after another.

Drivers run in environments of their own, so this package imports nothing of the project.
"""
