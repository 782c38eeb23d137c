"""
Restart two web servers under load, again and again: `python -m tests.deploy.campaign [--rounds 3]`.

A MariaDB, a Flight Service that takes its time, two `run_web` with the settings of production, `run_worker`, and
haproxy with its configuration, all real. In each round either web server is stopped and started again while
clients hold, pay and read, and nothing is tried twice. Prints a table; exits with 1 on any request that failed, or
seat out of step.
"""

from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    run_on_private_mariadb("tests.campaigns.deploy")
