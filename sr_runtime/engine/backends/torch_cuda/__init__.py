"""The torch backend: ``backend`` (the engine's view), ``program`` (a hop's functions), ``weights`` (files).

The one part of the engine that knows the networks of :mod:`sr_runtime.model`; the rest knows graphs.
"""
