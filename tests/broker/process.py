"""One Kafka node in a process of its own, from the jars of Maven Central."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.broker.handle import Unavailable
from tests.broker.node import VERSION

PROJECT = Path(__file__).resolve().parents[2]
JARS = PROJECT / ".cache" / f"kafka-{VERSION}"
CLUSTER_ID = "bm90aWNlLXBpcGVsaW5lLQ"
DOWNLOAD_SECONDS = 300
LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
"""


def jars() -> Path:
    """The folder with Kafka's jars; fetched once, then kept in the project's .cache.

    Raises:
        Unavailable: no Java, no Maven, or nothing to fetch from.
    """
    java = shutil.which("java")
    if java is None:
        raise Unavailable("there is no java")
    if (JARS / "complete").exists():
        return JARS
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("there is no mvn to fetch Kafka with")
    JARS.mkdir(parents=True, exist_ok=True)
    command = [maven, "-q", "-B", "-f", str(Path(__file__).with_name("pom.xml")), "dependency:copy-dependencies"]
    try:
        fetched = subprocess.run(
            [*command, f"-DoutputDirectory={JARS}"],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"mvn did not end within {DOWNLOAD_SECONDS} s") from None
    if fetched.returncode != 0:
        lines = [line for line in fetched.stdout.splitlines() if line.startswith("[ERROR]")]
        raise Unavailable(f"mvn could not fetch Kafka: {lines[0][:300] if lines else 'no word why'}")
    (JARS / "complete").touch()
    return JARS


class KafkaProcess:
    """A node with its own folder, configuration and data."""

    def __init__(self, folder: Path, config: Mapping[str, str], options: Sequence[str] = ()) -> None:
        """Write the configuration; `options` are the virtual machine's, beside the usual ones.

        Raises:
            Unavailable: the jars cannot be had.
        """
        self._jars = jars()
        self._folder = folder
        self._options = options
        self._config = folder / "server.properties"
        self._config.write_text("".join(f"{name}={value}\n" for name, value in config.items()))
        (folder / "log4j2.properties").write_text(LOG4J)
        self.log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def _java(self, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xmx512m",
            # The node lives for minutes: a fast start is worth more than fast code.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}",
            *self._options,
            "-cp",
            f"{self._jars}/*",
            *arguments,
        ]

    def format(self, *options: str) -> None:
        """Format its data.

        Raises:
            Unavailable: it cannot be formatted.
        """
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._config), *options]
        done = subprocess.run(self._java(*tool), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise Unavailable(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr)[-300:]}")

    def launch(self) -> None:
        """Start the process; it does not answer yet."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._config)), stdout=log, stderr=log, start_new_session=True
            )
        # When this process ends in whatever way, its end of the pipe closes and the guard ends the node.
        self._guard = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -9 "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def is_running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def log_end(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-500:] if self.log.exists() else "(none)"

    def freeze(self) -> None:
        """Let it stand still: its connections stay, and nothing comes of them."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def end(self, by: signal.Signals) -> None:
        """End it by this signal; killed after 20 s. A process that has ended by itself is only cleared away."""
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(by)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
