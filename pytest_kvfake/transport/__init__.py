"""How requests come in and answers go out: the only place that knows sockets and servers."""
