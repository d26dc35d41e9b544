"""The state without HTTP: live views that keep the service's rules and leave no trace in the journal."""
