"""Ways to run a bundle's graphs; each offers ``graph(name)`` with ``run`` and ``bind``."""
