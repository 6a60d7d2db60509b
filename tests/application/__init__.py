"""The application in the processes that perform its calls."""
