"""The shape of the house: what may import what, and how large a folder may grow."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.runs import REPOSITORY

# From the top down: a module imports from rows below its own, and from its own folder.
# Parts of one row know nothing of each other.
ROWS = (
    ("cli",),
    ("web",),
    ("training",),
    ("evaluation",),
    ("inference", "data"),
    ("hub",),
    ("config",),
    ("models",),
    ("losses",),
    ("images", "color"),
    ("options", "distributed", "atomic"),
    ("strict_types",),
    ("console",),
    ("errors",),
)
LEVEL = {part: len(ROWS) - i for i, row in enumerate(ROWS) for part in row}
# What only one part may import.
OWNED = {"fastai": "training", "wandb": "training"}
FOLDER_LIMIT, ROOT_LIMIT = 20, 7


def dotted(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(package: str) -> dict[str, set[str]]:
    """Every module and what it imports, anywhere in its file."""
    paths = {dotted(path): path for path in (REPOSITORY / package).rglob("*.py")}
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                base = str(node.module)
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    targets.add(inner if inner in paths else base)
            elif isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
        found[module] = targets - {module}
    return found


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_tensors_of_others_are_read_in_one_place():
    """By torch's weights-only reader: whatever else is in a file is not run."""
    calls = []
    for path in (REPOSITORY / "gan_color").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = [k for k in node.keywords if k.arg == "weights_only"]
                calls.append((path.name, [ast.unparse(keyword.value) for keyword in safe]))
    assert calls == [("published_weights.py", ["True"])]


def test_imports_point_down():
    upward = []
    for module, targets in imports("gan_color").items():
        for target in targets:
            if target.split(".")[0] != "gan_color" or part(target) == part(module):
                continue
            if module == "gan_color" or module == "gan_color.__main__":
                continue
            if LEVEL.get(part(target), 99) >= LEVEL[part(module)]:
                upward.append(f"{module} -> {target}")
    assert not upward


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import themselves through others: Tarjan's strongly connected components."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target in graph and target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


@pytest.mark.parametrize("package", ["gan_color", "scrapers", "benchmarks"])
def test_no_module_imports_itself_through_others(package: str):
    assert not circles(imports(package))


def test_a_circle_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_packages_meet_in_a_folder_of_images_only():
    for package, other in (("gan_color", "scrapers"), ("scrapers", "gan_color")):
        wrong = {
            module
            for module, targets in imports(package).items()
            if any(target.split(".")[0] in (other, "tests", "benchmarks") for target in targets)
        }
        assert not wrong


def test_a_library_of_one_part_is_imported_there_only():
    for module, targets in imports("gan_color").items():
        for target in targets:
            owner = OWNED.get(target.split(".")[0])
            assert owner in (None, part(module)), f"{module} imports {target}"


@pytest.mark.parametrize("package", ["gan_color", "scrapers", "benchmarks"])
def test_folders_stay_small(package: str):
    for folder in (REPOSITORY / package, *(p for p in (REPOSITORY / package).rglob("*/"))):
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        limit = ROOT_LIMIT if folder.name == "gan_color" else FOLDER_LIMIT
        assert len(files) <= limit, f"{folder}: {len(files)} files"


def test_no_file_is_called_like_what_it_imports():
    for package in ("gan_color", "scrapers", "benchmarks"):
        for module, targets in imports(package).items():
            roots = {target.split(".")[0] for target in targets}
            assert module.split(".")[-1] not in roots - {package}, module
