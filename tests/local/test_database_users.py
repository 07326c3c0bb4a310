"""The script that makes the users of a managed database, on a real server: MariaDB, which is what Debian has.

Run as the Job runs it, but for the client's option that demands TLS, which MariaDB's calls `--ssl`. What differs from
MySQL 8.4: accounts sign in by `mysql_native_password` all, and not one of them by `caching_sha2_password`.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.backup import DUMP, whole
from ops.migrations import databases as databases_move

SCRIPT = Path(__file__).parents[2] / "manifests" / "rds" / "users.sh"
STARTED_S = 30
USERS = {"pipelines": "mlpipeline", "cache": "cachedb", "metadata": "metadb", "katib": "katib"}
PROGRAMS = {"mysql": "mariadb", "mysqldump": "mariadb-dump"}
# MariaDB keeps no variable over a restart, has no `super_read_only`, and its dumps no GTIDs to leave out.
CLIENT = """\
#!/bin/sh
for one; do
  shift
  case "$one" in
    --ssl-mode=REQUIRED) one=--ssl ;;
    --set-gtid-purged=OFF | --column-statistics=0) continue ;;
    *"SET PERSIST"*) one=$(printf %s "$one" | sed 's/PERSIST super_/GLOBAL /g; s/PERSIST/GLOBAL/g') ;;
  esac
  set -- "$@" "$one"
done
exec {program} --no-defaults --ssl-verify-server-cert=0 "$@"
"""


@dataclass(frozen=True)
class Server:
    """A MariaDB that takes nothing but TLS over the network, and the passwords that its users were given."""

    folder: Path
    port: int

    def users(self, passwords: dict[str, str]) -> None:
        """Runs the script."""
        given = {f"{name.upper()}_PASSWORD": password for name, password in passwords.items()}
        env = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(self.port),
            "DATABASE_USER": "kubeflow",
            "MYSQL_PWD": "admin",
            **given,
        }
        done = subprocess.run(["sh", SCRIPT], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def command(self, user: str, *, tls: bool = True) -> list[str]:
        """MariaDB's own client, as that user."""
        how = ["--ssl", "--ssl-verify-server-cert=0"] if tls else ["--skip-ssl"]
        return [
            "mariadb",
            "--no-defaults",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--user={user}",
            "--batch",
            *how,
        ]

    def ask(self, user: str, password: str, sql: str, *, tls: bool = True) -> str:
        """What the server answers to a user, or its error's number."""
        command = self.command(user, tls=tls)
        env = {**os.environ, "MYSQL_PWD": password}
        done = subprocess.run(
            [*command, "--skip-column-names", f"--execute={sql}"], env=env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else re.search(r"ERROR (\d+)", done.stderr)[1]  # type: ignore[index]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mariadb")
    for program in ("mysql", "mysqldump"):
        (folder / program).write_text(CLIENT.format(program=PROGRAMS[program]))
        (folder / program).chmod(0o755)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=database"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    made = Server(folder, free_port())
    # As RDS's: an administrator who is not root, may hand on what it has, and ends connections by a procedure.
    lines = [
        # Whom an installation makes for everybody on this machine, and RDS does not have.
        "DROP USER IF EXISTS ''@'localhost';",
        "CREATE USER kubeflow IDENTIFIED BY 'admin';",
        "GRANT ALL ON *.* TO kubeflow WITH GRANT OPTION;",
        "CREATE OR REPLACE DEFINER=kubeflow PROCEDURE mysql.rds_kill(IN id BIGINT) KILL id;",
    ]
    tls = ["--require-secure-transport=ON", f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}"]
    with running(folder, lines, f"--port={made.port}", "--bind-address=127.0.0.1", *tls):
        yield made


@contextmanager
def running(folder: Path, init: list[str], *options: str) -> Iterator[None]:
    """A MariaDB on the socket `s` of a folder, which has run these lines."""
    me = ["--user=root"] if os.geteuid() == 0 else []
    data, socket_file, lines = folder / "data", folder / "s", folder / "init.sql"
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, *me, "--skip-test-db"], check=True, capture_output=True)
    lines.write_text("\n".join(init))
    mariadbd = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    command = [mariadbd, "--no-defaults", *me, f"--datadir={data}", f"--socket={socket_file}", f"--init-file={lines}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--pid-file={folder / 'pid'}", *options], stdout=log, stderr=log)
    try:
        until(lambda: socket_file.exists() and "ready for connections" in (folder / "log").read_text())
        yield
    finally:
        process.terminate()
        process.wait(timeout=STARTED_S)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTED_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def passwords() -> dict[str, str]:
    return {name: secrets.token_hex(16) for name in USERS}


def test_each_user_does_its_own_and_nothing_else(server: Server) -> None:
    given = passwords()
    server.users(given)
    for user, password in given.items():
        own = USERS[user]
        assert server.ask(user, password, f"CREATE TABLE IF NOT EXISTS {own}.t (a INT); SELECT 1") == "1"
        assert server.ask(user, password, f"INSERT INTO {own}.t VALUES (1); SELECT COUNT(*) FROM {own}.t") == "1"
        for other in USERS.values():
            if other != own:
                assert server.ask(user, password, f"SELECT * FROM {other}.t") == "1142"
                assert server.ask(user, password, f"CREATE TABLE {other}.u (a INT)") == "1142"
        assert server.ask(user, password, "SELECT * FROM mysql.user") == "1142"
        assert server.ask(user, password, "CREATE DATABASE another") == "1044"
        assert server.ask(user, password, f"CREATE USER another; GRANT SELECT ON {own}.* TO another") == "1227"
        databases = server.ask(user, password, "SHOW DATABASES").split()
        assert set(databases) - {"information_schema"} == {own}
    # Its tables are made once, and never changed.
    assert server.ask("katib", given["katib"], "DROP TABLE katib.t") == "1142"


def test_programs_start_by_making_their_database_if_it_is_not_there(server: Server) -> None:
    given = passwords()
    server.users(given)
    for user in ("pipelines", "cache", "metadata"):
        assert server.ask(user, given[user], f"CREATE DATABASE IF NOT EXISTS {USERS[user]}; SELECT 1") == "1"


def test_nobody_signs_in_without_tls(server: Server) -> None:
    given = passwords()
    server.users(given)
    root = ["mariadb", "--no-defaults", f"--socket={server.folder / 's'}", "--user=root", "--execute"]
    subprocess.run([*root, "SET GLOBAL require_secure_transport=OFF"], check=True)
    try:
        # Also where the server itself would take it: RDS's parameter group and the users each say so.
        assert {server.ask(user, given[user], "SELECT 1", tls=False) for user in USERS} == {"1045"}
    finally:
        subprocess.run([*root, "SET GLOBAL require_secure_transport=ON"], check=True)
    assert server.ask("kubeflow", "admin", "SELECT 1", tls=False) != "1"


def test_run_again_it_changes_passwords_and_no_data(server: Server) -> None:
    first, second = passwords(), passwords()
    server.users(first)
    server.ask("pipelines", first["pipelines"], "CREATE TABLE IF NOT EXISTS mlpipeline.kept (a INT)")
    server.ask("pipelines", first["pipelines"], "DELETE FROM mlpipeline.kept; INSERT INTO mlpipeline.kept VALUES (7)")
    server.users(first)
    server.users(second)
    assert server.ask("pipelines", first["pipelines"], "SELECT 1") == "1045"
    assert server.ask("pipelines", second["pipelines"], "SELECT a FROM mlpipeline.kept") == "7"


def test_without_katib_it_has_no_user(server: Server) -> None:
    given = passwords()
    server.users(given)
    before = given["katib"]
    server.users({**passwords(), "katib": ""})
    assert server.ask("katib", before, "SELECT 1") == "1", "one that is there stays as it is"


def test_a_dump_is_whole_and_brings_back_what_was_there(server: Server, tmp_path: Path) -> None:
    """As a backup makes it: in the shell of the database's own container, whose client knows the socket."""
    (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={server.folder / 's'}\n")
    password = passwords()["pipelines"]
    env = {**os.environ, "HOME": str(tmp_path), "MYSQL_PWD": "", "MYSQL_ROOT_PASSWORD": password}

    def ask(sql: bytes, password: str = password) -> str:
        command = ["mariadb", "--user=root", "--batch", "--skip-column-names"]
        done = subprocess.run(command, env={**env, "MYSQL_PWD": password}, input=sql, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def dump(**given: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(["sh", "-c", DUMP], env={**env, **given}, capture_output=True, check=False)

    ask(f"ALTER USER root@localhost IDENTIFIED BY '{password}'".encode(), password="")
    try:
        ask(b"CREATE DATABASE dumped; CREATE TABLE dumped.t (a TEXT, b BLOB) CHARACTER SET utf8mb4")
        ask("SET NAMES utf8mb4; INSERT INTO dumped.t VALUES ('\u00e4\U0001f600\\n', X'00FF270A5C')".encode())
        done = dump()
        assert done.returncode == 0, done.stderr
        saved = b"".join(whole([done.stdout]))
        ask(b"DROP DATABASE dumped")
        ask(saved)
        assert ask(b"SELECT HEX(a), HEX(b) FROM dumped.t").split() == ["C3A4F09F98800A", "00FF270A5C"]
        assert b"Access denied" in dump(MYSQL_ROOT_PASSWORD="another").stderr
    finally:
        ask(b"ALTER USER root@localhost IDENTIFIED BY ''")


@dataclass(frozen=True)
class Release:
    """The release's own MySQL, as its pod has it: a client that finds the socket, and root's password."""

    folder: Path
    managed: Server

    def ask(self, sql: str) -> str:
        command = ["mariadb", "--no-defaults", f"--socket={self.folder / 's'}", "--user=root", "--batch"]
        env = {**os.environ, "MYSQL_PWD": "old"}
        done = subprocess.run(
            [*command, "--skip-column-names", f"--execute={sql}"], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def move(self, way: str, databases: str = "mlpipeline,cachedb,metadb", **changed: str) -> "subprocess.Popen[str]":
        """Begins the script as an exec into the pod does: as a group of its own."""
        env = {
            "PATH": f"{changed.get('path', '')}:{self.managed.folder}:{os.environ['PATH']}",
            "MYSQL_ROOT_PASSWORD": "old",
            "MYSQL_UNIX_PORT": str(self.folder / "s"),
        }
        pipe = subprocess.PIPE
        begun = subprocess.Popen(
            ["sh", "-c", databases_move.SCRIPT.read_text()],
            env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
        )  # fmt: skip
        assert begun.stdin
        password = changed.get("password", "admin")
        given = f"{way} 127.0.0.1 {self.managed.port} kubeflow {password} pipelines,cache,metadata {databases}\n"
        begun.stdin.write(given)
        begun.stdin.close()
        begun.stdin = None
        return begun

    def moved(self, way: str) -> dict[str, int]:
        """Runs it; returns the rows of each table that it has copied."""
        begun = self.move(way)
        out, err = begun.communicate(timeout=STARTED_S)
        assert begun.returncode == 0, err
        return {name: int(rows) for name, rows in (line.split() for line in out.splitlines() if line)}


@pytest.fixture
def release(server: Server, tmp_path: Path) -> Iterator[Release]:
    """With rows in all databases that are its own."""
    lines = ["ALTER USER root@localhost IDENTIFIED BY 'old';"]
    for name in ("mlpipeline", "metadb"):
        lines.append(f"CREATE DATABASE {name} CHARACTER SET utf8mb4;")
        lines.append(f"CREATE TABLE {name}.runs (id INT PRIMARY KEY, name TEXT, spec LONGBLOB);")
        lines.append(f"INSERT INTO {name}.runs VALUES (1, CONVERT(X'C3A4F09F9880' USING utf8mb4), X'00FF270A5C');")
        lines.append(f"INSERT INTO {name}.runs VALUES (2, 'b', NULL);")
    with running(tmp_path, lines, "--skip-networking"):
        yield Release(tmp_path, server)


def test_rows_move_to_the_managed_database_and_back(release: Release) -> None:
    server, given = release.managed, passwords()
    server.users(given)
    # What an instance from an old snapshot holds is not what counts.
    server.ask("kubeflow", "admin", "CREATE TABLE mlpipeline.stale (a INT); CREATE TABLE metadb.runs (a INT)")
    assert release.moved("managed") == {"mlpipeline.runs": 2, "metadb.runs": 2}
    read = "SELECT HEX(name), HEX(spec) FROM runs WHERE id = 1"
    assert server.ask("pipelines", given["pipelines"], f"USE mlpipeline; {read}").split() == [
        "C3A4F09F9880",
        "00FF270A5C",
    ]
    assert server.ask("metadata", given["metadata"], "SELECT COUNT(*) FROM metadb.runs") == "2"
    assert server.ask("pipelines", given["pipelines"], "SHOW TABLES FROM mlpipeline") == "runs"
    assert release.ask("SELECT @@read_only") == "1", "a row that is written now would be lost"

    server.ask("pipelines", given["pipelines"], "INSERT INTO mlpipeline.runs VALUES (3, 'c', NULL)")
    slow = "SELECT SLEEP(60); INSERT INTO mlpipeline.runs VALUES (4, 'd', NULL)"
    waiting = subprocess.Popen(
        [*server.command("pipelines"), f"--execute={slow}"],
        env={**os.environ, "MYSQL_PWD": given["pipelines"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: "SLEEP" in server.ask("kubeflow", "admin", "SHOW PROCESSLIST"))
    assert {"mlpipeline.runs": 3, "metadb.runs": 2}.items() <= release.moved("claim").items()
    assert waiting.wait(timeout=STARTED_S) != 0, "who had signed in before is stopped, too"
    assert release.ask("SELECT COUNT(*), @@read_only FROM mlpipeline.runs").split() == ["3", "0"]
    assert server.ask("pipelines", given["pipelines"], "SELECT 1") == "4151", "locked"
    server.users(given)
    assert server.ask("pipelines", given["pipelines"], "SELECT 1") == "1"


def test_a_move_that_fails_leaves_everybody_where_they_were(release: Release, tmp_path: Path) -> None:
    server, given = release.managed, passwords()
    server.users(given)
    refused = release.move("managed", password="wrong")
    assert "Access denied" in refused.communicate(timeout=STARTED_S)[1]
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "mysqldump").write_text("#!/bin/sh\necho '-- half'\nexit 3\n")
    (broken / "mysqldump").chmod(0o755)
    for way in ("managed", "claim"):
        cut = release.move(way, path=str(broken))
        cut.communicate(timeout=STARTED_S)
        assert cut.returncode != 0
    assert refused.returncode != 0
    assert release.ask("SELECT @@read_only") == "0"
    assert server.ask("pipelines", given["pipelines"], "SELECT 1") == "1"


def test_a_move_that_is_cut_off_is_ended_by_the_next(release: Release, tmp_path: Path) -> None:
    release.managed.users(passwords())
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "mysqldump").write_text(f"#!/bin/sh\ntouch {slow}/begun\nexec sleep 600\n")
    (slow / "mysqldump").chmod(0o755)
    first = release.move("managed", path=str(slow))
    until((slow / "begun").exists)
    assert release.moved("managed") == {"mlpipeline.runs": 2, "metadb.runs": 2}
    assert first.wait(timeout=STARTED_S) != 0
    assert release.ask("SELECT @@read_only") == "1"
