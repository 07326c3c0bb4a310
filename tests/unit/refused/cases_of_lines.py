"""Bad command lines, environments, and files of other programs."""

from collections.abc import Iterator, Mapping

from tests.unit.refused.cases import NOWHERE, STACK, UP, Case

_NAMES = ("", " ", "nope", "../x", "/", "a/b/c", "a\nb", "[/x]", "$(id)", "-", "ü", "x" * 300, "\udcff", ".", "*")


def arguments() -> Iterator[Case]:
    """Command lines that say nothing."""
    for name in _NAMES:
        for command in ("up", "preview", "destroy", "doctor", "cost", "leftovers", "password"):
            more = ("--yes",) if command in ("up", "destroy") else ()
            yield Case(f"{command} of the stack {name!r}", (command, f"--stack={name}", *more), ("There is no stack",))
    for name in (*_NAMES, "UPPER", "a--b", "a-", "1a", "a" * 31, "dev", "local", "a_b", "a.b"):
        words = {"nope": "/nope", "a" * 31: "31 characters", "x" * 300: "300 characters"}.get(name, "stack")
        yield Case(f"a new stack {name!r}", ("stack", f"--name={name}"), (words,))
    for block in ("x", "10.0.0.0/8", "10.0.0.0/16", "11.0.0.0/16", "10.9.0.1/16", "::/0", "10.9.0.0/16 ", "[/x]"):
        yield Case(
            f"a block {block!r}",
            ("stack", "--name=green", f"--cidr={block}", "--again"),
            (block.strip().split("/")[0],),
        )
    for owner in ("R&D", "a\nb", "ü", "x" * 129, "[/x]", "-" * 200, "a;b", "\udcff"):
        yield Case(f"an owner {owner!r}", ("stack", "--name=green", f"--owner={owner}", "--again"), ("The owner",))
    for line, words in {
        ("nope",): "nope",
        ("up", "--nope"): "--nope",
        ("up", "extra"): "extra",
        ("up", "--stack"): "--stack",
        ("up", "--format=xml"): "xml",
        ("up", "--pods=never"): "never",
        ("up", f"--stack={STACK}", "--yes=maybe"): "maybe",
        ("destroy", f"--stack={STACK}", "--yes=2"): "2",
        ("leftovers", f"--stack={STACK}", "--delete=perhaps"): "perhaps",
        ("stack", "--name=green", "--again=x"): "x",
        ("stack", "--name=green", "--size=huge"): "huge",
        ("stack",): "--name",
        ("password",): "--stack",
        ("password", "--stack=local"): "local",
        ("preview", "--format="): "",
        ("preview", "--format=[/x]"): "[/x]",
        ("cost", "--format=yaml"): "yaml",
        ("doctor", "--format=markdown"): "markdown",
        ("recover", "--format=json"): "--format",
        ("recover", "--stack=local"): "has no state yet",
        ("plan", "--release=nope"): "nope",
        ("plan", "--release=../x"): "../x",
        ("plan", "nowhere"): "nowhere",
        ("plan", "manifests/sample", "--release=26.03"): "not both",
        ("plan", "manifests/sample", "--why=Deployment/x/y"): "Deployment/x/y",
        ("plan", "manifests/sample", "--why=[/x]"): "[/x]",
        ("plan", "manifests/sample", "--format=dot", "--why=Deployment/x/y"): "--why",
        ("plan", "Makefile"): "Makefile",
        ("plan", "tools"): "tools",
        ("plan", "~nobody/x"): "~nobody/x",
    }.items():
        yield Case(f"ops {' '.join(line)}", line, (words,) if words else ())
    for change, words in {
        "": "KEY=VALUE",
        "nodesMax": "KEY=VALUE",
        "=6": "KEY=VALUE",
        "nodesMx=6": "did you mean nodesMax",
        "nodesMax=many": "'many'",
        "networkZones=[": "'['",
        "networkZones=us-west-2a": "us-west-2a",
        "kubeflw:protect=true": "kubeflw",
        "nodesInstanceType=x9.huge": "x9.huge",
        "networkCidr=[/x]": "[/x]",
        "aws:region=mars": "mars",
    }.items():
        yield Case(f"cost with {change!r}", ("cost", f"--stack={STACK}", f"--set={change}"), (words,))
    for name in ("nope", "", "[/x]", "../kubectl"):
        yield Case(f"the tool {name!r}", (name,), (name,), program="tools")


def pipelines() -> Iterator[Case]:
    """Command lines of the pipelines."""
    lines: Mapping[tuple[str, ...], str] = {
        ("nope",): "nope",
        ("compile", "nope"): "nope",
        ("compile", ""): "",
        ("compile", "../x"): "../x",
        ("compile", "salary", "--gpus=-1"): "-1",
        ("compile", "salary", "--gpus=x"): "x",
        ("compile", "salary", "--output=/nope/x.yaml"): "/nope/x.yaml",
        ("compile", "salary", "--output=pipelines"): "pipelines",
        ("compile", "salary", "--stack=nope"): "nope",
        ("run", "salary"): "Nothing says where",
        ("run", "nope", "--local"): "nope",
        ("run", "salary", "--local", "--endpoint=http://x"): "exclude",
        ("run", "salary", "--local", "--param=x"): "'x'",
        ("run", "salary", "--local", "--param=nope=1"): "'nope'",
        ("run", "salary", "--local", "--param=months=many"): "'many'",
        ("run", "salary", "--local", "--param=months=nan"): "'nan'",
        ("run", "salary", "--local", "--param=months=1", "--param=months=2"): "twice",
        ("run", "salary", "--local", "--param=seed=1.5"): "'1.5'",
        ("run", "salary", "--local", "--param==1"): "''",
        ("run", "salary", "--stack=nope"): "nope",
        ("run", "salary", "--endpoint=nope"): "nope",
        ("run", "salary", "--endpoint=ftp://x"): "ftp://x",
        ("run", "salary", "--endpoint=http://[x"): "http://[x",
        ("run", "salary", "--endpoint=http://127.0.0.1:99999"): "127.0.0.1:99999",
        ("run", "salary", "--endpoint="): "",
        ("schedule", "salary", "--cron=x", "--endpoint=http://127.0.0.1:1"): "x",
        ("schedule", "salary", "--cron=61 * * * *", "--endpoint=http://127.0.0.1:1"): "61",
        ("schedule", "salary", "--cron=* * * *", "--endpoint=http://127.0.0.1:1"): "* * * *",
        ("schedule", "salary", "--cron=*/0 * * * *", "--endpoint=http://127.0.0.1:1"): "*/0",
        ("schedule", "salary", "--cron=5-1 * * * *", "--endpoint=http://127.0.0.1:1"): "5-1",
        ("schedule", "salary", "--cron=[/x] * * * *", "--endpoint=http://127.0.0.1:1"): "[/x]",
        ("schedule", "salary", "--cron="): "",
        ("schedule", "salary"): "--cron",
        ("status", "x"): "Nothing says where",
        ("status",): "RUN",
        ("image",): "--stack",
        ("image", "--stack=nope"): "nope",
        ("demo", "--stack=nope"): "nope",
        ("demo",): "--stack",
    }
    for line, words in lines.items():
        yield Case(f"pipelines {' '.join(line)}", line, (words,) if words else (), program="pipelines")


_LAB = """apiVersion: v1
kind: Config
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: me}}]
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:1"}}]
"""
_SERVER = 'server: "https://127.0.0.1:1"'

KUBECONFIGS: Mapping[str, tuple[bytes, str]] = {
    "bytes": (b"\xff\xfe\x00", "lab.yaml"),
    "nothing": (b"", "no list of contexts"),
    "a list": (b"[]", "no list of contexts"),
    "text": (b"text", "no list of contexts"),
    "no context": (_LAB.replace("context: {cluster: lab, user: me}", "context: null").encode(), "'lab'"),
    "a cluster of text": (_LAB.replace("cluster: {" + _SERVER + "}", "cluster: text").encode(), "'lab'"),
    "contexts of text": (_LAB.replace("[{name: lab, context: {cluster: lab, user: me}}]", "text").encode(), "contexts"),
    "a context that is a list": (_LAB.replace("current-context: lab", "current-context: [a]").encode(), "['a']"),
    "a name that is a list": (_LAB.replace("[{name: lab, context", "[{name: [x], context").encode(), "'lab'"),
    "a server that is a list": (_LAB.replace(_SERVER, "server: [a]").encode(), "server"),
    "no server": (_LAB.replace(_SERVER, "x: y").encode(), "no address"),
    "a proxy that is a number": (_LAB.replace(_SERVER, f"{_SERVER}, proxy-url: 5").encode(), "proxy-url"),
    "a proxy of nonsense": (_LAB.replace(_SERVER, f"{_SERVER}, proxy-url: 'ht!tp://x'").encode(), "'lab'"),
    "a certificate that is a number": (
        _LAB.replace(_SERVER, f"{_SERVER}, certificate-authority-data: 5").encode(),
        "certificate-authority-data",
    ),
    "a certificate of nonsense": (
        _LAB.replace(_SERVER, f"{_SERVER}, certificate-authority-data: '@'").encode(),
        "'lab'",
    ),
    "a certificate of a word": (
        _LAB.replace(_SERVER, f"{_SERVER}, certificate-authority-data: eA==").encode(),
        "'lab'",
    ),
    "a certificate that is nowhere": (
        _LAB.replace(_SERVER, f"{_SERVER}, certificate-authority: /nope").encode(),
        "'lab'",
    ),
    "an address that nobody has": (_LAB.encode(), "127.0.0.1:1"),
    "two documents": ((_LAB + "---\n" + _LAB).encode(), "more than one document"),
}


def environments() -> Iterator[Case]:
    """What stands in the environment, and in files of other programs."""
    backends = {
        "file:///nope": "/nope",
        "nonsense": "nonsense",
        "s3://": "s3://",
        "azblob://x": "azblob://x",
        "[/x]": "[/x]",
    }
    commands = (UP, ("preview", f"--stack={STACK}"), ("leftovers", f"--stack={STACK}"), ("stack", "--name=green"))
    for url, words in backends.items():
        for command in commands if url == "file:///nope" else commands[:1]:
            yield Case(f"{command[0]} on {url}", command, (words,), environment={**NOWHERE, "PULUMI_BACKEND_URL": url})
    for command in (("destroy", f"--stack={STACK}", "--yes"), ("recover", f"--stack={STACK}")):
        yield Case(f"{command[0]} on nothing", command, ("/nope",))
    for program in (("run", "salary", f"--stack={STACK}"), ("image", f"--stack={STACK}"), ("demo", f"--stack={STACK}")):
        yield Case(f"{program[0]} on nothing", program, ("/nope",), program="pipelines")
    for name, content in {
        "bytes": b"\xff",
        "a brace": b"{",
        "a list": b"[]",
        "a number": b'{"current": 5}',
        "depth": b"[" * 99999,
    }.items():
        home = {"~/pulumi/credentials.json": content}
        for command in commands:
            yield Case(
                f"{command[0]}, a login of {name}",
                command,
                ("credentials.json is damaged",),
                files=home,
                environment={},
            )
    for root in ("/nope", "nowhere", "@ROOT/Makefile", "[/x]"):
        for command in (*commands[:3], ("down",)):
            yield Case(
                f"{command[0]} in {root}", command, ("KUBEFLOW_LOCAL_ROOT",), environment={"KUBEFLOW_LOCAL_ROOT": root}
            )
    yield Case("a checkout that cannot be written", UP, ("/proc/.local",), environment={"KUBEFLOW_LOCAL_ROOT": "/proc"})
    for command in commands:
        yield Case(f"{command[0]} in CI", command, ("CI is set",), environment={"CI": "true"})
    blocked = {"XDG_CACHE_HOME": "@ROOT/Makefile"}
    yield Case("a cache that is a file", ("kustomize",), ("Makefile",), program="tools", environment=blocked)
    for password, words in {"x": "fewer than 8", "12341234": "public", "é" * 40: "72 bytes", " ": "empty"}.items():
        yield Case(
            f"the password {password!r}",
            ("password", f"--stack={STACK}"),
            (words,),
            environment={**NOWHERE, "DASHBOARD_PASSWORD": password},
        )
    yield Case(
        "a password for nowhere",
        ("password", f"--stack={STACK}"),
        ("/nope",),
        environment={**NOWHERE, "DASHBOARD_PASSWORD": "correct horse"},
    )
    for path in ("/nope", "~nobody/x", "nowhere", "Makefile", "[/x]"):
        yield Case(f"manifests at {path}", ("plan",), (path,), environment={"KUBEFLOW_MANIFESTS": path})
