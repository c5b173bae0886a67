"""Versions of drivers and libraries, found in files below any root: of a host, a container, a mounted image."""
