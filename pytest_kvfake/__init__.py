"""In-memory fakes of hosted key-value services, for tests."""
