"""Apache Kafka from Maven Central: a single KRaft node in a process of its own, at free ports, on temporary data."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.broker import secure
from tests.broker.handle import Kind, Unavailable, free_ports
from tests.broker.node import NODE, VERSION, wait_until_up

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


class MavenBroker:
    """Implements `tests.broker.handle.Broker`."""

    kind = Kind.MAVEN
    detour: int
    """Port at which clients of one listener look for the node: no one is there until someone puts a proxy before
    `behind_detour`, and then they can be cut off while others are not."""
    can_stop = True
    version = f"Apache Kafka {VERSION}, KRaft, single node"

    def __init__(self, **overrides: str) -> None:
        """Format its data and start it; `overrides` are broker settings, with `_` for each dot.

        Raises:
            Unavailable: it cannot be fetched or does not come up.
        """
        self._jars = jars()
        self._folder = Path(tempfile.mkdtemp(prefix="notice-pipeline-kafka-"))
        plain, secured, controller, back, self.detour = free_ports(5)
        keys = secure.make_keys(self._folder)
        self.bootstrap_servers = f"127.0.0.1:{plain}"
        self.secure = secure.client_config(keys, f"127.0.0.1:{secured}")
        self.behind_detour = back
        listeners = f"PLAINTEXT://{self.bootstrap_servers},SASL_SSL://127.0.0.1:{secured}"
        config = {
            **NODE,
            **secure.listener_config(keys),
            "listeners": f"{listeners},DETOUR://127.0.0.1:{back},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"{listeners},DETOUR://127.0.0.1:{self.detour}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self._folder / "data"),
            **{name.replace("_", "."): value for name, value in overrides.items()},
        }
        self._config = self._folder / "server.properties"
        self._config.write_text("".join(f"{name}={value}\n" for name, value in config.items()))
        (self._folder / "log4j2.properties").write_text(LOG4J)
        self.log = self._folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        try:
            self._format()
            self.start()
        except Unavailable:
            self.close()
            raise

    def _java(self, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xmx512m",
            # The node lives for minutes: a fast start is worth more than fast code.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}",
            "-cp",
            f"{self._jars}/*",
            *arguments,
        ]

    def _format(self) -> None:
        scram = f"SCRAM-SHA-512=[name={secure.USER},password={secure.PASSWORD}]"
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._config), "--add-scram", scram]
        done = subprocess.run(self._java(*tool), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Unavailable(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr)[-300:]}")

    def start(self) -> None:
        """Bring it up, at first or again."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._config)), stdout=log, stderr=log, start_new_session=True
            )
        # When this process ends in whatever way, its end of the pipe closes and the guard ends the broker.
        self._guard = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -9 "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_until_up(self.bootstrap_servers)
        except Unavailable as why:
            raise Unavailable(f"{why}; its log ends: {self._log_end()}") from None

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-500:] if self.log.exists() else "(none)"

    def stop(self) -> None:
        """Shut it down in good order; killed after 20 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still: its connections stay, and nothing comes of them."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, by: signal.Signals) -> None:
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

    def close(self) -> None:
        """Stop it permanently and remove its files."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
