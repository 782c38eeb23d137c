"""The command line of the web server: the one place where it stands."""


def granian(*, host: str, port: int, workers: int, threads: int, finish_seconds: int) -> list[str]:
    """
    Give the words, after `python`, that start granian on this machine's copy of the service.

    :param finish_seconds: how long running requests may take after SIGTERM; what runs longer is cut off
    """
    return [
        *("-m", "granian", "--interface", "wsgi", "--no-ws", "--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(threads)),
        # It counts connections here, idle ones too: fewer, and a few quiet browsers would lock everybody out.
        *("--backpressure", "256"),
        # The most that a request's headers may take; more costs time before the service can refuse it.
        *("--http1-buffer-size", "32768"),
        *("--respawn-failed-workers", "--workers-kill-timeout", str(finish_seconds)),
        # Its warning is that two cores are few for this many threads; the threads wait for the database and the
        # Flight Service.
        *("--log-level", "error", "--no-access-log"),
        "bookingsite.wsgi:application",
    ]
