"""Faults: where and when (`arming`), what (`kinds`)."""
