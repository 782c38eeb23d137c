"""Whether this web process is about to stop. `run_web` says so to all of its processes at once, by a file."""

import os

# Names the file; a process without it never drains.
FLAG = "DRAINING_FLAG"


def is_draining() -> bool:
    """Tell whether no new work should be sent here any more; requests that still come are answered."""
    flag = os.environ.get(FLAG)
    return flag is not None and os.path.exists(flag)
