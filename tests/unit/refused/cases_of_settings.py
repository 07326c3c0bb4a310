"""Bad settings, and settings files that are none."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.declared import declared
from ops.project import read_project
from tests.unit.refused.cases import SOUND, STACK, UP, Case

# Values that the setting must not have, each with what its sentence says.
_VALUES: Mapping[str, tuple[tuple[Any, str], ...]] = {
    "aws:region": (("", "is not set"), ("mars", "'mars'"), ("US-WEST-2", "'US-WEST-2'"), (5, "'5'"), ([1], "[1]")),
    "tags": (
        ({"aws:x": "1"}, "aws:x"),
        ({"": "x"}, "''"),
        ({"a" * 129: "x"}, "a" * 129),
        ({"a": "x" * 257}, "'a'"),
        ({"dept": "R&D"}, "R&D"),
        ({"a": ["b"]}, "'a'"),
        ({"a": {"b": "c"}}, "'a'"),
        ({"a": None}, "'a'"),
        ({"a": "2026-01-01 00:00:00 +0000 UTC"}, "in quotes"),
        ({f"t{number}": "x" for number in range(46)}, "46"),
        ({"stack": "x", "Stack": "y"}, "Stack"),
        ({"pulumi:project": "x"}, "pulumi:project"),
        ("text", "'text'"),
        ([], "[]"),
    ),
    "protect": (("yes", "'yes'"), ("1", "'1'"), ("True", "'True'"), ("", "''"), ([], "[]")),
    "emulated": (("maybe", "'maybe'"), (2, "'2'")),
    "networkCidr": (
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("172.20.0.0/16", "172.20.0.0/16"),
        ("11.0.0.0/16", "11.0.0.0/16"),
        ("10.0.0.1/16", "10.0.0.1/16"),
        ("10.0.0.0", "10.0.0.0"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("fd00::/16", "fd00::/16"),
        ("\u0661\u0660.0.0.0/16", "\u0661\u0660.0.0.0/16"),
        ("", "networkCidr"),
        ({"a": 1}, "networkCidr"),
    ),
    "networkZones": (
        (["us-west-2a"], "at least 2"),
        ([], "at least 2"),
        (["us-west-2a", "us-west-2a"], "twice"),
        (["us-west-2a", "eu-west-1a"], "eu-west-1a"),
        (["us-west-2a", ""], "''"),
        ([1, 2], "[1, 2]"),
        ("us-west-2a", "us-west-2a"),
        ([["us-west-2a"]], "us-west-2a"),
        ([None, None], "null"),
    ),
    "networkNat": (("nat", "'nat'"), ("Single", "'Single'"), (["single"], "single")),
    "clusterMode": (("make", "'make'"), ("", "''"), ("existing", "needs to know which cluster")),
    "clusterName": (("a b", "'a b'"), ("-a", "'-a'"), ("a" * 101, "a" * 101), ("a.b", "'a.b'"), ("a\0b", "U+0000")),
    "clusterVersion": (
        ("1.20", "'1.20'"),
        ("latest", "'latest'"),
        (1.3, "'1.3'"),
        ("", "''"),
        ("1.35.1", "'1.35.1'"),
        ("v1.35", "'v1.35'"),
    ),
    "clusterKubeconfig": (("~/.kube/config", "only for an existing cluster"),),
    "clusterContext": (("eks", "only for an existing cluster"),),
    "clusterStack": (("a/b/c", "only for an existing cluster"),),
    "clusterOidcProviderArn": (
        ("x", "'x'"),
        ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/x"),
        ("arn:aws:iam::123456789012:oidc-provider/x", "only for an existing cluster"),
    ),
    "clusterPublicAccessCidrs": (
        (["all"], "'all'"),
        (["10.0.0.0/8"], "10.0.0.0/8"),
        (["203.0.113.1/24"], "203.0.113.1/24"),
        (["::/0"], "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ),
    "clusterLogRetentionDays": (("31", "'31'"), ("forever", "'forever'"), (-1, "'-1'"), (0, "'0'")),
    "clusterAdministrators": (
        (["x"], "'x'"),
        (["arn:aws:sts::123456789012:assumed-role/ops/me"], "assumed-role/ops/me"),
        (["arn:aws:iam::123456789012:root"], ":root"),
        (["arn:aws:iam::12:user/a"], "::12:user/a"),
        (["arn:aws:iam::123456789012:role/a/b", "arn:aws:iam::123456789012:role/a-b"], "would share"),
        (
            ["arn:aws:iam::123456789012:user/a", "arn:aws:iam::123456789012:user/a"],
            "names arn:aws:iam::123456789012:user/a twice",
        ),
        ("arn:aws:iam::123456789012:user/a", "user/a"),
    ),
    "clusterAdministratorRole": (
        ("", "is empty"),
        ("a b", "'a b'"),
        ("r" * 61, "r" * 61),
        ("ü", "'ü'"),
        ("a/b", "'a/b'"),
    ),
    "nodesInstanceType": (("big", "'big'"), ("", "is empty"), ("M5.LARGE", "'M5.LARGE'"), ("m5.large; rm", "rm")),
    "nodesMin": (("many", "'many'"), (0, "0"), (-1, "-1"), (451, "451"), (9, "9"), ("1.5", "'1.5'"), (True, "'true'")),
    "nodesDesired": ((9, "nodesMax 8"), (1, "nodesMin 5"), ("", "''"), ("٦" * 400, "nodesDesired")),
    "nodesMax": ((4, "nodesMax 4"), (10**30, "not a whole number"), ("9" * 5000, "nodesMax"), ([8], "[8]")),
    "nodesGpuShares": ((0, "0"), (65, "65"), ("all", "'all'")),
    "nodePools": (
        ("gpu", "'gpu'"),
        (["gpu"], "'gpu'"),
        ([{"name": "gpu"}], "0 instanceTypes"),
        ([{"name": "base", "instanceTypes": ["m5.large"], "max": 1}], "'base'"),
        ([{"name": "gpu", "instanceTypes": ["g5.xlarge", "m7g.large"], "max": 1}], "m7g.large"),
        ([{"name": "gpu", "instanceTypes": ["g5.xlarge"], "min": 2, "max": 1}], "min 2"),
        ([{"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 1}] * 2, "two pools named 'gpu'"),
    ),
    "nodesDiskGiB": ((8, "8"), (20000, "20000"), ("100GB", "'100GB'"), (1.5, "'1.5'")),
    "registryRepository": (
        ("Upper", "'Upper'"),
        ("a", "'a'"),
        ("a" * 257, "a" * 257),
        ("/a", "'/a'"),
        ("a//b", "'a//b'"),
    ),
    "storageOnDestroy": (("delete", "'delete'"), ("", "''"), (None, "''")),
    "kubeflowRelease": (("", "is empty"), ("../x", "'../x'"), ("a b", "'a b'"), (["26.03"], "26.03")),
    "kubeflowComponents": (("manifests/dev", "manifests/dev"), ([1], "[1]"), ([""], "kubeflowComponents"), ({}, "{}")),
    "kubeflowBuild": ((["network"], "'network'"), ("helm", "'helm'"), ([1], "[1]"), ([""], "''"), ({}, "{}")),
    "kubeflowArtifacts": (("minio", "'minio'"), ("S3", "'S3'")),
    "kubeflowConflicts": (("theirs", "'theirs'"), ("Told", "'Told'")),
    "kubeflowEdges": (
        ("a", "'a'"),
        (["a"], '"a"'),
        ([{"from": "a"}], "from"),
        ([{"from": "a", "to": ""}], "to"),
        ([{"from": "a", "to": "b", "why": "c"}], "why"),
        ([{"from": 1, "to": 2}], "from"),
    ),
    "cloud": (("gcp", "'gcp'"), ("", "''"), ("none", "clusterMode 'create'")),
    "pipelinesImage": (("a b", "'a b'"), ("https://x", "https://x"), ("X", "'X'")),
    "kubeflowAlso": (
        ([{"name": "a"}], "must have the texts name and path"),
        (
            [{"name": "a", "path": "b", "repository": "https://c.example.com/d", "commit": "main"}],
            "'main' is not a commit",
        ),
        ("a", "not a list"),
    ),
    "kubeflowExisting": ((["istio"], "only for an existing cluster"), ("istio", "istio"), ([1], "[1]")),
    "kubeflowProfileNamespaces": ((["A_B"], "'A_B'"), (["-a"], "'-a'"), (["a" * 64], "a" * 64), (["a", "a"], "twice")),
    "dashboardUser": (
        ("admin", "'admin'"),
        ("", "''"),
        ("a b@c.d", "a b@c.d"),
        ("a@b", "'a@b'"),
        ("a@b@c.d", "a@b@c.d"),
    ),
    "dashboardPassword": (
        ("", "is not set"),
        ("12341234", "public"),
        ("short", "fewer than 8"),
        ("x" * 73, "72 bytes"),
        ("correct horse", "plain text"),
    ),
}

_TOGETHER: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "two ways to a cluster": (
        {"clusterMode": "existing", "clusterStack": "a/b/c", "clusterContext": "eks"},
        "cannot be combined with clusterContext",
    ),
    "a kubeconfig in plain text": (
        {"clusterMode": "existing", "clusterKubeconfig": "apiVersion: v1\nkind: Config\n"},
        "plain text",
    ),
    "S3 without roles": (
        {"clusterMode": "existing", "clusterContext": "eks", "kubeflowArtifacts": "s3"},
        "clusterOidcProviderArn",
    ),
    "S3 for nobody": ({"kubeflowArtifacts": "s3", "kubeflowProfileNamespaces": []}, "kubeflowProfileNamespaces"),
    "more nodes than addresses": ({"networkCidr": "10.0.0.0/20", "nodesMax": 40}, "is too small"),
    "a misspelt setting": ({"networkCdir": "10.0.0.0/16"}, "did you mean networkCidr?"),
    "a setting of nobody": ({"zzz": "1"}, "zzz"),
    "a misspelt namespace": ({"kubeflw:protect": "true"}, "did you mean kubeflow:protect?"),
    "a namespace of nobody": ({"gcp:zone": "x"}, "gcp:zone"),
    "another account": ({"aws:profile": "x"}, "aws:profile"),
    "another role": ({"aws:assumeRoles": [{"roleArn": "x"}]}, "aws:assumeRoles"),
    "markup of ours": ({"[/x]": "[red]"}, "[/x]"),
    "no name": ({"": "x"}, "is not a setting"),
}


def settings() -> Iterator[Case]:
    """Settings that the program refuses, by `up`, which asks nothing of anybody before."""
    for key, values in _VALUES.items():
        for number, (value, words) in enumerate(values):
            yield Case(f"{key} {number}", UP, (key, words), settings={**SOUND, key: value})
    for name, (together, words) in _TOGETHER.items():
        yield Case(name, UP, (words,), settings={**SOUND, **together})


# What no setting may be, whatever its type: the key must be in the sentence.
_WRONG: Mapping[str, Any] = {
    "a list in lists": [[["x"]]],
    "a map in maps": {"a": {"b": {"c": 1}}},
    "control characters": "a\x07b",
    "a line too many": "a\nb",
    "a list of nothing": [None],
    "a text of brackets": "[/red]{}[",
}
# Where nearly any text will do, and the rest is for the release or the file to say.
_FREE = frozenset({"kubeflowPath", "kubeflowComponents"})


def types() -> Iterator[Case]:
    """Each declared setting with a value of each wrong shape, by whichever command comes next."""
    commands = (
        UP,
        ("preview", f"--stack={STACK}"),
        ("cost", f"--stack={STACK}"),
        ("preview", f"--stack={STACK}", "--format=json"),
    )
    index = 0
    for setting in declared(read_project()):
        for shape, value in _WRONG.items():
            if setting.key in _FREE or (setting.key == "clusterKubeconfig" and shape == "a line too many"):
                continue
            # A bill has no part for the password, whatever it is.
            index += commands[index % len(commands)][0] == "cost" and setting.key == "dashboardPassword"
            command = commands[index % len(commands)]
            index += 1
            yield Case(f"{setting.key} is {shape}", command, (setting.key,), settings={**SOUND, setting.key: value})


_FILES: Mapping[str, tuple[str | bytes, str]] = {
    "bytes": (b"\xff\xfe", "not UTF-8"),
    "an open brace": ("{", "not YAML"),
    "a list": ("- a\n", "config:"),
    "a text": ("text", "config:"),
    "a list of settings": ("config: [a]", "config:"),
    "a text of settings": ("config: text", "config:"),
    "two documents": ("config: {}\n---\nconfig: {}\n", "more than one document"),
    "a tab": ("config:\n\tx: y\n", "not YAML"),
    "a key that is a list": ("config:\n  ? [a]\n  : b\n", "as a key"),
    "a date that is none": ("config:\n  kubeflow:tags: !!timestamp 2026-99-99\n", "no timestamp"),
    "an alias of nothing": ("config:\n  kubeflow:tags: *x\n", "nothing above is called &x"),
    "an alias of itself": ("config: &a\n  kubeflow:tags: *a\n", "stands inside"),
    "half a character": ('config:\n  kubeflow:tags: {"a\\ud800": x}\n', "not YAML"),
    "2,000 levels": (f"config: {{a: {'[' * 2000}{']' * 2000}}}", "levels"),
    "aliases of aliases": (
        "config:\n  a: &a [x]\n"
        + "".join(f"  {b}: &{b} [{', '.join([f'*{a}'] * 60)}]\n" for a, b in zip("abcde", "bcdef", strict=True)),
        "aliases",
    ),
    "a zero byte": (b"config:\n  a: \x00\n", "not YAML"),
}


def files() -> Iterator[Case]:
    """Settings files that are none, by every command that reads them."""
    commands = (
        UP,
        ("preview", f"--stack={STACK}"),
        ("destroy", f"--stack={STACK}", "--yes"),
        ("doctor", f"--stack={STACK}"),
    )
    more = (("cost", f"--stack={STACK}"), ("leftovers", f"--stack={STACK}"), ("stack", "--name=green"))
    for name, (text, words) in _FILES.items():
        for command in (*commands, *more):
            yield Case(f"a file of {name}, {command[0]}", command, (f"Pulumi.{STACK}.yaml", words), settings=text)
    for name, text in {
        "no name": b"config: {}\n",
        "no settings": b"name: kubeflow\n",
        "a list": b"[]\n",
        "text": b"\xff",
    }.items():
        for command in (UP, ("doctor", f"--stack={STACK}"), ("plan",), ("stack", "--name=green")):
            yield Case(
                f"a project of {name}, {command[0]}",
                command,
                ("Pulumi.yaml",),
                files={"Pulumi.yaml": text},
                environment={},
            )
