"""The command line of the web server: the one place that builds it."""

# Threads for requests that nothing works on: that wait for their turn, send their body or receive a file; and for
# health meanwhile. See `bookingsite.web.lanes`, which counts them. The server starts a thread when it needs one.
CARRIERS_BESIDE_THREADS = 192


def granian(*, host: str, port: int, workers: int, threads: int, finish_seconds: int) -> list[str]:
    """
    Give the words, after `python`, that start granian on this machine's copy of the service.

    :param threads: how many requests each process works on at once; its environment must say the same
    :param finish_seconds: how long running requests may take after SIGTERM; what runs longer is cut off
    """
    return [
        *("-m", "granian", "--interface", "wsgi", "--no-ws", "--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(threads + CARRIERS_BESIDE_THREADS)),
        # It counts connections here, idle ones too: with fewer, a few idle browsers would lock all clients out. The
        # proxy of deploy/ opens 256 at most, to all processes together, so its health checks are always heard.
        *("--backpressure", "512"),
        # No client needs HTTP/2 without TLS, and an attacker could make a proxy open a tunnel to it.
        *("--http", "1"),
        # The most that a request's headers may take; more costs time before the service can refuse it.
        *("--http1-buffer-size", "32768"),
        *("--respawn-failed-workers", "--workers-kill-timeout", str(finish_seconds)),
        # It warns that two cores are few for so many threads; these threads wait for the database and the
        # Flight Service.
        *("--log-level", "error", "--no-access-log"),
        "bookingsite.wsgi:application",
    ]
