"""MariaDB servers that can be backed up and restored."""

import subprocess
from pathlib import Path

import yaml

from devtools.mariadb import DATABASE, PrivateMariaDB
from devtools.processes import HOST
from tests.support.processes import REPOSITORY

# Whatever the size, a tool that takes longer than this hangs here.
TOOL_SECONDS = 120


class LoggingMariaDB(PrivateMariaDB):
    """A private MariaDB with the options of compose.yaml, binary log and all."""

    def _server_command(self) -> list[str]:
        compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
        return [*super()._server_command(), *compose["services"]["mariadb"]["command"]]

    def dump(self, file: Path) -> None:
        """Write all of the database into a file, as of one moment, while others go on writing."""
        with file.open("wb") as target:
            self._tool(
                "mariadb-dump",
                *("--single-transaction", "--master-data=2", "--hex-blob", "--routines", "--triggers", DATABASE),
                stdout=target,
            )

    def load(self, file: Path) -> None:
        """Put what is in a file into the database."""
        with file.open("rb") as source:
            self._tool("mariadb", DATABASE, stdin=source)

    def binary_logs(self) -> list[Path]:
        """Name the files of the binary log, the oldest first; they are there after a crash too."""
        return sorted(self._data_folder.glob("bookings.[0-9]*"))

    def _tool(self, name: str, *words: str, **streams: object) -> None:
        address = ("--no-defaults", f"--host={HOST}", f"--port={self.port}", "--user=root")
        subprocess.run([name, *address, *words], check=True, timeout=TOOL_SECONDS, **streams)
