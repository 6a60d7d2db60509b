"""Real Zope with real workers, over a ZEO server."""
