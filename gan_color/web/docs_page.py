"""The OpenAPI description as one page without scripts, so that it can be read offline."""

import html
from typing import Any

from gan_color.evaluation import html_report


def docs_page(description: dict[str, Any]) -> str:
    """An HTML page of every operation: parameters, form fields, answers."""
    info = description["info"]
    parts = [
        f"<h1>{html.escape(info['title'])} {html.escape(info['version'])}</h1>",
        f"<p>{html.escape(info['description'])}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI '
        f"{html.escape(description['openapi'])}).</p>",
    ]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    return html_report.page("gan_color: REST interface", parts)


def _operation(title: str, operation: dict[str, Any]) -> list[str]:
    parts = [f"<h2><code>{html.escape(title)}</code></h2>"]
    parts.append(f"<p>{html.escape(operation.get('description', ''))}</p>")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        required = schema.get("required", [])
        rows = [
            [
                name,
                _kind(field),
                "required" if name in required else _default(field),
                field.get("description", ""),
            ]
            for name, field in schema["properties"].items()
        ]
        parts.append(f"<h3>Form ({html.escape(kind)})</h3>")
        parts.append(html_report.grid(["field", "type", "default", "meaning"], rows))
    answers = []
    for code, answer in operation["responses"].items():
        kinds = ", ".join(answer.get("content", {}))
        answers.append([code, answer["description"], kinds])
    parts.append("<h3>Answers</h3>")
    parts.append(html_report.grid(["status", "meaning", "content"], answers))
    return parts


def _default(field: dict[str, Any]) -> str:
    return "" if field.get("default") is None else str(field["default"])


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(field["enum"])
    if "anyOf" in field:
        return _kind(field["anyOf"][0])
    bounds = [str(field[key]) for key in ("minimum", "maximum") if key in field]
    kind = "file" if field.get("format") == "binary" else str(field["type"])
    return f"{kind}, {' to '.join(bounds)}" if bounds else kind
