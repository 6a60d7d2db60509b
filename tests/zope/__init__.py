"""A real Zope with zcasync's objects under its application: what visitors and scripts get."""
