"""YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), which PyYAML, a reader of
YAML 1.1, does not follow: there 010 is 8, 1:30 is 90, and 1e4 and yes are not what they look like.

What a configuration has no use for is refused in one sentence: tags, merge keys, keys that are not
text, keys given twice, several documents, aliases that contain themselves or grow without bound.
"""

import re
from typing import Any, NoReturn

import yaml

from gan_color.errors import GanColorError

MAX_VALUES = 100_000  # aliases written out; without a limit, a few lines stand for billions
_TAG = "tag:yaml.org,2002:"
_RESOLVED = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (so declared by PyYAML)


class _Dumper(yaml.SafeDumper):
    """Quotes what readers of 1.1 or of 1.2 would take for something else than text."""


for _kind, _pattern, _first in _RESOLVED:
    # An empty scalar has no first character.
    firsts = [*_first, ""] if _kind == "null" else [*_first]
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_pattern})\Z"), firsts)


def parse_yaml(text: str, origin: str) -> Any:
    """The value that a YAML document stands for, None for an empty one.

    Raises GanColorError, which names `origin`, the line, what was found and what to write instead.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _Builder(origin).value(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = " ".join(f"{error.problem or error.context}".split())
        hint = "; indent with spaces" if r"\t" in said else ""
        if "single document" in (error.context or ""):
            said, hint = "found a second document (---)", ", expected one"
        raise GanColorError(f"{origin}, line {line}: not valid YAML: {said}{hint}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise GanColorError(
            f"{origin}, line {line}: not valid YAML: found the character {chr(error.character)!r}, "
            "expected text"
        ) from None
    except RecursionError:
        raise GanColorError(f"{origin}: nested too deeply to be read") from None


def dump_yaml(data: Any) -> str:
    """A document that `parse_yaml` reads back as `data`; mappings keep their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False)


class _Builder:
    """Turns nodes into values."""

    def __init__(self, origin: str) -> None:
        self.origin, self.count = origin, 0
        self.within: list[yaml.Node] = []

    def _refuse(self, node: yaml.Node, message: str) -> NoReturn:
        raise GanColorError(f"{self.origin}, line {node.start_mark.line + 1}: {message}")

    def value(self, node: yaml.Node) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            top = [*self.within, node][:2][-1]  # an alias has the place of what it stands for
            self._refuse(top, f"found over {MAX_VALUES:,} values, aliases written out")
        if any(node is outer for outer in self.within):
            self._refuse(node, "found an alias inside of what it stands for, expected no loop")
        kind = node.tag.removeprefix(_TAG)
        self.within.append(node)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            found: Any = self._mapping(node)
        elif isinstance(node, yaml.SequenceNode) and kind == "seq":
            found = [self.value(item) for item in node.value]
        elif isinstance(node, yaml.ScalarNode) and kind in ("null", "bool", "int", "float", "str"):
            found = self._scalar(node, kind)
        else:
            tag = node.tag.replace(_TAG, "!!")
            self._refuse(node, f"not valid YAML: found the tag {tag}, expected a value without one")
        self.within.pop()
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "found a list or a mapping as a key, expected text")
            key = self.value(key_node)
            if key_node.value == "<<" and key_node.style is None:
                self._refuse(key_node, "found a merge key (<<), expected its keys written out")
            if not isinstance(key, str):
                written = key_node.value or "nothing"
                self._refuse(key_node, f'found {written} as a key, expected text: "{written}"')
            if key in found:
                self._refuse(key_node, f"the key {key!r} stands twice")
            found[key] = self.value(value_node)
        return found

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        text = node.value
        try:
            if kind == "int":
                bases = {"0o": 8, "0x": 16}
                return int(text, bases.get(text[:2], 10))
            if kind == "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError):
            self._refuse(node, f"found {text[:40]!r}, expected a value of type {kind}")
        return None if kind == "null" else text
