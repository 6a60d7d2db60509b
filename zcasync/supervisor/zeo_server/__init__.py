"""zeo_server."""
