"""YAML 1.2's core schema, read alike by gan_color and scrapers; one sentence for the rest."""

import math
from pathlib import Path

import pytest

from gan_color.config import yaml_core
from gan_color.config.schema import Config, load, parse
from gan_color.config.yaml_core import dump_yaml
from gan_color.config.yaml_file import RECIPES, read_yaml
from gan_color.errors import GanColorError
from gan_color.hub.init_from import load_config
from scrapers import yaml_core as scrapers_yaml
from scrapers.errors import ScraperError
from scrapers.options import read_yaml as read_recipe
from tests.helpers.runs import REPOSITORY

READERS = pytest.mark.parametrize(
    ("reader", "error"),
    [(yaml_core.parse_yaml, GanColorError), (scrapers_yaml.parse_yaml, ScraperError)],
    ids=["gan_color", "scrapers"],
)
# As https://yaml.org/spec/1.2.2/#103-core-schema has it; YAML 1.1 reads most of them otherwise.
SCALARS = {
    "010": 10, "0o17": 15, "0x1F": 31, "-12": -12, "+7": 7, "1e4": 1e4, "1e-5": 1e-5, "1E+3": 1e3,
    ".5": 0.5, "5.": 5.0, "-.5e1": -5.0, "6.0e-05": 6e-5, "-.inf": -math.inf, ".INF": math.inf,
    "1:30": "1:30", "yes": "yes", "no": "no", "on": "on", "Off": "Off", "y": "y", "true": True,
    "FALSE": False, "null": None, "~": None, "": None, "Null": None, "2004-02-10": "2004-02-10",
    "1_000": "1_000", "0b11": "0b11", "0o8": "0o8", "1.2.3": "1.2.3", "=": "=", "e5": "e5",
    "'010'": "010", '"true"': "true", "!!str 3": "3", "trueish": "trueish", "+": "+", ".": ".",
}  # fmt: skip


@READERS
@pytest.mark.parametrize(("text", "expected"), SCALARS.items(), ids=lambda value: repr(value))
def test_a_scalar_is_what_it_looks_like(reader, error, text: str, expected: object):
    found = reader(f"key: {text}", "x.yml")["key"]
    assert (type(found), found) == (type(expected), expected)
    assert math.isnan(reader(".nan", "x.yml"))


@READERS
def test_anchors_are_read_and_documents_may_be_empty(reader, error):
    assert reader("a: &x [1, {b: 2}]\nc: *x\n", "x") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}
    assert reader("# nothing\n", "x") is None


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)


@READERS
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "found a merge key (<<), expected its keys"),
        ("a: 1\n? [a, b]\n: 2\n", 2, "found a list or a mapping as a key, expected text"),
        ("? {a: b}\n: 2\n", 1, "found a list or a mapping as a key, expected text"),
        ("a:\n  1: x\n", 2, 'found 1 as a key, expected text: "1"'),
        (".nan: x\n", 1, 'found .nan as a key, expected text: ".nan"'),
        ("true: x\n", 1, 'found true as a key, expected text: "true"'),
        ("? \n: x\n", 1, "found nothing as a key"),
        ("a: 1\nb: 1\na: 2\n", 3, "the key 'a' stands twice"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML: found a second document (---), expected one"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "not valid YAML: found the tag !!python/"),
        ("a: !mine 3\n", 1, "not valid YAML: found the tag !mine, expected a value without one"),
        ("a: !!set {x}\n", 1, "not valid YAML: found the tag !!set"),
        ("a: !!int x\n", 1, "found 'x', expected a value of type int"),
        ("a: !!map [1]\n", 1, "not valid YAML: found the tag !!map"),
        ("b: 1\na: &x [*x]\n", 2, "found an alias inside of what it stands for, expected no loop"),
        ("a: *x\n", 1, "not valid YAML: found undefined alias 'x'"),
        ("a: [1\n", 2, "not valid YAML: expected ',' or ']'"),
        ("a:\n\tb: 1\n", 2, "cannot start any token; indent with spaces"),
        ("a: 1\nb: x\0y\n", 2, r"not valid YAML: found the character '\x00', expected text"),
        (BOMB, 6, "found over 100,000 values, aliases written out"),
        ("a: " + "9" * 5000, 1, "expected a value of type int"),
    ],
)  # fmt: skip
def test_the_rest_is_refused_in_one_sentence(reader, error, text: str, line: int, message: str):
    with pytest.raises(error) as caught:
        reader(text, "x.yml")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"x.yml, line {line}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@READERS
@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{a: " * 5000, "- " * 5000])
def test_what_is_nested_too_deeply_is_refused(reader, error, text: str):
    with pytest.raises(error, match=r"x\.yml.*: (nested too deeply to be read|not valid YAML)"):
        reader(text, "x.yml")


def test_both_files_readers_name_the_file_and_want_a_mapping(tmp_path: Path):
    path = tmp_path / "c.yml"
    for text, message in (
        ("a: 1\nb: [\n", "line 3: not valid YAML"),
        ("", "holds nothing, expected a mapping"),
        ("- 1\n", "holds a list, expected a mapping"),
    ):
        path.write_text(text)
        for reader, error in ((read_yaml, GanColorError), (read_recipe, ScraperError)):
            with pytest.raises(error) as caught:
                reader(path)
            assert str(path) in str(caught.value)
            assert message in str(caught.value)


@pytest.mark.parametrize(
    "value", [*SCALARS, "1e4", "0o17", "<<", "null", "-", "a: b", "#x", " x ", "é\n", "1.0e+5"]
)
def test_text_is_dumped_so_that_it_stays_text(value: str):
    data = {"key": value, "list": [value, 1e16, 1e-5, 0.1, None, True, 3, {"a": []}]}
    assert yaml_core.parse_yaml(dump_yaml(data), "x") == data
    import yaml

    assert yaml.safe_load(dump_yaml({"key": value})) == {"key": value}  # readers of 1.1 agree


def read_back(config: Config, path: Path) -> Config:
    path.write_text(dump_yaml(config.model_dump(mode="json")), encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yml")), ids=lambda path: path.stem)
def test_what_a_run_writes_of_its_recipe_reads_back_equal(recipe: Path, tmp_path: Path):
    config = load_config(recipe)
    assert read_back(config, tmp_path / "config.yml") == config


def test_a_name_that_looks_like_a_number_reads_back_equal(tmp_path: Path):
    config = load(RECIPES / "demo.yml", ('run.name="1e4"', 'data.license="0x10"'))
    assert config.run.name == "1e4"
    assert read_back(config, tmp_path / "config.yml") == config


EARLIER = sorted((REPOSITORY / "tests" / "fixtures" / "v0").rglob("*.yml"))


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_configurations_of_earlier_versions_mean_what_they_meant(path: Path, tmp_path: Path):
    """They were written and read by YAML 1.1."""
    import yaml

    text = path.read_text(encoding="utf-8")
    config = parse(yaml.safe_load(text))
    assert load(path) == config
    assert read_back(config, tmp_path / "config.yml") == config
