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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.backup import DUMP, whole

SCRIPT = Path(__file__).parents[2] / "manifests" / "rds" / "users.sh"
STARTED_S = 30
USERS = {"pipelines": "mlpipeline", "cache": "cachedb", "metadata": "metadb", "katib": "katib"}
CLIENT = """\
#!/bin/sh
for one; do shift; case "$one" in --ssl-mode=REQUIRED) one=--ssl ;; esac; set -- "$@" "$one"; done
exec mariadb --ssl-verify-server-cert=0 "$@"
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

    def ask(self, user: str, password: str, sql: str, *, tls: bool = True) -> str:
        """What the server answers to a user, or its error's number."""
        command = ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", f"--user={user}", "--batch"]
        command += ["--ssl", "--ssl-verify-server-cert=0"] if tls else ["--skip-ssl"]
        env = {**os.environ, "MYSQL_PWD": password}
        done = subprocess.run(
            [*command, "--skip-column-names", f"--execute={sql}"], env=env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else re.search(r"ERROR (\d+)", done.stderr)[1]  # type: ignore[index]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mariadb")
    (folder / "mysql").write_text(CLIENT)
    (folder / "mysql").chmod(0o755)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=database"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    me = ["--user=root"] if os.geteuid() == 0 else []
    data = folder / "data"
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        *me,
    ]
    subprocess.run([*install, "--skip-test-db"], check=True, capture_output=True)
    made = Server(folder, free_port())
    init = folder / "init.sql"
    # As RDS's: an administrator who is not root, and may hand on what it has.
    lines = [
        # Whom an installation makes for everybody on this machine, and RDS does not have.
        "DROP USER IF EXISTS ''@'localhost';",
        "CREATE USER kubeflow IDENTIFIED BY 'admin';",
        "GRANT ALL ON *.* TO kubeflow WITH GRANT OPTION;",
    ]
    init.write_text("\n".join(lines))
    mariadbd = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    command = [mariadbd, "--no-defaults", *me, f"--datadir={data}", f"--socket={folder / 's'}", f"--port={made.port}"]
    command += ["--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}", f"--init-file={init}"]
    command += ["--require-secure-transport=ON", f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + STARTED_S
        while made.ask("kubeflow", "admin", "SELECT 1") != "1":
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=STARTED_S)


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
        done = subprocess.run(command, env={**env, "MYSQL_PWD": password}, input=sql, capture_output=True, check=True)
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
