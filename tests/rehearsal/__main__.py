"""
Rehearse outages: `python -m tests.rehearsal [--outages ...]`, or `make rehearse`.

Two web processes, `run_worker`, a stand-in Flight Service and a MariaDB, all real and all on 127.0.0.1, under
a few clients. One after another something breaks; then nothing may be lost, nobody may get an answer that they
cannot act upon, and all must be in step again in time. Prints a table; exits with 1 on any fault.
"""

from devtools.mariadb_pair import EITHER
from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    # With the log that a replica is fed from.
    run_on_private_mariadb("tests.campaigns.rehearsal", options=("--server-id=1", *EITHER))
