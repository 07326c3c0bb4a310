"""Files of one object each that hold what YAML readers disagree on; what is alike in all of them is left out."""

from random import Random

NAME = "NAME"
"""What stands in a text for the object's name, which must be another in each file."""

_SCALARS = (
    "yes", "no", "on", "off", "y", "n", "Yes", "ON", "true", "True", "TRUE", "false", "null", "Null", "~", "0",
    "-0", "+5", "012", "08", "0o17", "-0o17", "0x1F", "0b101", "1_000", "1__0", "1_", "0_7", "08_1", "1.0", "1.",
    ".5", "-.5", "+.5", "1e3", "1E3", "1e+3", "1.5e-7", "1e21", "1e22", "1e400", "1e-400", "123456789012345678",
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "-9223372036854775809", "0x10000000000000000", "0777777777777777777777777", "22:22", "22:22:22", "1:2",
    "2012-10-17", "2012-1-7", "2012-13-1", "2012-02-30", "2012-10-17T01:02:03Z", "2012-1-7t1:2:3.50+01:00",
    "2012-10-17T01:02:03", "2012-10-17T01:02:03+00:00", "2012-10-17T01:02:03.123456789012Z", "0000-01-01", "=",
    "<<", ".", "-", "--", "---", "...", "a:b", "a#b", ":a", "-a", "?a", "v1", "8080", "0.1", "text", "1.2.3", "0x",
    "0xg", "0b2", "_1", "1a", "+-1", "++1", ".e1", "1e", "1e+", "1.e5", "-1.5", "é", "☃", "00", "0_", "-012",
    "+0x1F", "-0b11", "0B11", "0X1f", "0O7", "1.0e0", "100000000000000000000",
)  # fmt: skip
_PHRASES = (
    "", "two words", " leading", "trailing ", "it's", 'a "quote"', "back\\slash", "colon: space", "hash # tag",
    "tab\there", "line\nbreak", "line\n\nblank", "ends\n", "\nbegins", "  indented\nless", "a\n  b\n", "x\n\n",
    "$(VAR)", "[list]", "{map}", "&anchor", "*alias", "!tag", "%percent", "@at", "`tick`", "|", ">", "- item", "? key",
    "long " * 30, "\u00a0", "\U0001f600",
)  # fmt: skip
_TAGGED = (
    "!!str 5", "!!int 5", '!!int "5"', "!!float 5", "!!float 1.5", "!!bool true", "!!binary aGk=", "!own x",
    "!!str yes", "! 5", "!!timestamp 2012-10-17", "!own 5",
)  # fmt: skip
_MISTAGGED = ("!!int x", "!!bool yes", "!!binary '???'", "!!float x", "!!null x", "!!timestamp 5")
_KEYS = ("a", "b", "key", "a.b/c", "on", "'5'", '"yes"', "yes", "n", "x y", "é", "-k", "k-1", "null-ish", "=")
_MISTAGGED = ("!!int x", "!!bool yes", "!!binary '???'", "!!float x", "!!null x", "!!timestamp 5")
_ODD_KEYS = ("5", "true", "1.5", "~", "2012-10-17", "? [a]\n", "{a: b}", "!!str 5", "!own k", "null", "0x1F")


class Writer:
    """Writes one file; `rare` is how often (0 to 1) something stands in it that is refused somewhere."""

    def __init__(self, random: Random, rare: float) -> None:
        self._random, self._rare = random, rare
        self._scalars: list[str] = []
        self._maps: list[str] = []
        # What a list holds goes through JSON and is printed once less: the faults of printing (`>`, a time of day in
        # brackets, numbers in annotations) do not show there, as they do here.
        self._listed = False

    def file(self) -> str:
        """The text of a file."""
        roll = self._random.random()
        text = self._list() if roll < 0.12 else self._object()
        roll = self._random.random()
        if roll < 0.1:
            text = "---\n" + text
        elif roll < 0.2:
            text = "# words\n---\n" + text
        elif roll < 0.3:
            text += self._pick(
                ["---\n", "---", "---  # nothing\n", "--- \n---\n", "...\n", "---\n# words\n", "---\nnull\n"]
            )
        elif roll < 0.34:
            text = "\ufeff" + text
        if self._unlikely():
            text += self._pick(["--- text\n", "---\n{}\n", "---\n[]\n", "---\nwords\n", "----\n", "\t\n"])
        return text.replace("\n", "\r\n") if self._random.random() < 0.1 else text

    def _object(self, name: str = NAME) -> str:
        self._scalars, self._maps = [], []
        lines = ["apiVersion: v1", "kind: ConfigMap", *self._metadata(name)]
        fields = ["data", "spec", "status", "5"][: self._random.randint(1, 3)]
        for field in fields:
            lines.append(f"{field}:{self._value(1)}")
        if self._random.random() < 0.1:
            lines.append("# the end")
        return "\n".join(lines) + "\n"

    def _metadata(self, name: str) -> list[str]:
        lines = ["metadata:", f"  name: {name}"]
        if self._random.random() < 0.6:
            lines.append("  annotations:")
            lines += [f"    {key}: {self._annotation()}" for key in self._keys(_KEYS[:4])]
        if self._random.random() < 0.2:
            lines.append("  labels: {app: x, tier: " + self._pick(["web", "5", "yes", "'5'"]) + "}")
        if self._random.random() < 0.05:
            lines.append("  annotations: " + self._pick(["", "{}", "null"]) if len(lines) == 2 else "  uid: x")
        return lines

    def _annotation(self) -> str:
        return self._pick(["yes", "true", "8080", "'1.0'", "text", "null"]) if self._listed else self._bare(False)

    def _list(self) -> str:
        kind = self._pick(["List", "List", "ConfigMapList"])
        if self._random.random() < 0.3:
            items = self._pick(["null", "[]", "", "[null]", "[{}]"])
            return f"apiVersion: v1\nkind: {kind}\nitems: {items}\n---\n" + self._object()
        text, self._listed = f"apiVersion: v1\nkind: {kind}\nitems:\n", True
        for item in range(self._random.randint(1, 2)):
            first, *rest = self._object(f"{NAME}-{item}").splitlines()
            text += f"- {first}\n" + "".join(f"  {line}\n" for line in rest)
        return text

    def _value(self, depth: int) -> str:
        """What stands after a colon, blank or newline in front of it."""
        roll = self._random.random()
        if depth > 3 or roll < 0.35:
            return " " + self._scalar(True)
        if roll < 0.5:
            return " " + self._flow(depth)
        if roll < 0.7:
            items = [self._value(depth + 1) for _ in range(self._random.randint(1, 3))]
            pad = "  " * (depth - self._random.randint(0, 1))
            return "".join(f"\n{pad}-{item}" for item in items)
        anchor = ""
        if self._random.random() < 0.15:
            anchor = f" &m{len(self._maps)}"
        pad, lines = "  " * depth, []
        merges = bool(self._maps) and self._random.random() < 0.4
        if merges:
            lines.append(f"\n{pad}<<: " + self._merge())
        lines += [f"\n{pad}{key}:{self._value(depth + 1)}" for key in self._keys(self._map_keys())]
        # Of a list of mappings, kustomize lets a later one win over what the first has from a merge of its own.
        if anchor and not merges:
            self._maps.append(anchor[2:])
        return anchor + "".join(lines)

    def _merge(self) -> str:
        if self._unlikely():
            return self._pick(["null", "text", "[1]", "*m9", "{a: b}"])
        if self._random.random() < 0.4:
            return f"[*{self._pick(self._maps)}, {{a: merged}}]"
        return f"*{self._pick(self._maps)}"

    def _map_keys(self) -> tuple[str, ...]:
        return _ODD_KEYS if self._unlikely() else _KEYS

    def _keys(self, known: tuple[str, ...]) -> list[str]:
        keys = self._random.sample(known, self._random.randint(1, 3))
        return [*keys, keys[0]] if self._unlikely() and known is _ODD_KEYS else keys

    def _flow(self, depth: int) -> str:
        if self._random.random() < 0.5:
            return "[" + ", ".join(self._flow_scalar() for _ in range(self._random.randint(0, 3))) + "]"
        pairs = [f"{key}: {self._flow_scalar()}" for key in self._keys(_KEYS)]
        if depth < 3 and self._random.random() < 0.3:
            pairs.append(f"deep: {self._flow(depth + 1)}")
        return "{" + ", ".join(pairs) + self._pick(["}", " }", ",}", "\n    }"])

    def _flow_scalar(self) -> str:
        scalar = self._scalar(False)
        if ":" in scalar and (self._listed or ":a" in scalar):
            return "x"
        return "x" if scalar == "?a" or (set(scalar) & set("[]{},\n#") and scalar[0] not in "'\"") else scalar

    def _scalar(self, block: bool) -> str:
        random = self._random
        roll = random.random()
        if self._scalars and roll < 0.06:
            return f"*{self._pick(self._scalars)} "
        anchor = ""
        if roll > 0.95:
            anchor = f"&s{len(self._scalars)} "
            self._scalars.append(anchor[1:-1])
        return anchor + self._bare(block)

    def _bare(self, block: bool) -> str:
        random = self._random
        roll = random.random()
        if roll < 0.45:
            text = self._pick(_SCALARS)
            plain = text not in ("---", "...", "-", "--")
            return (
                text + random.choice(["", "", "", " # words", "  "])
                if plain and block
                else text
                if plain
                else f"'{text}'"
            )
        if roll < 0.55:
            return self._pick(_MISTAGGED if block and self._unlikely() else _TAGGED)
        text = self._pick((*_PHRASES, *_SCALARS))
        if roll < 0.7:
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            return '"' + quoted.replace("\n", "\\n").replace("\t", "\\t") + '"'
        if roll < 0.8 or not block or not text:
            return "'" + text.replace("'", "''").replace("\n", " ") + "'"
        mark = random.choice("|" if self._listed else "|>") + random.choice(["", "-", "+"])
        indent = "9" if text[0] in " \n\t" else ""
        # Nine columns further than the parent would be too deep for no list here.
        return f"{mark}{indent}\n" + "\n".join(" " * 18 + line if line else "" for line in text.split("\n"))

    def _unlikely(self) -> bool:
        return self._random.random() < self._rare

    def _pick(self, choices: list[str] | tuple[str, ...]) -> str:
        return self._random.choice(choices)


def text(random: Random, rare: float) -> str:
    """One file, with `NAME` for the object's name."""
    return Writer(random, rare).file()
