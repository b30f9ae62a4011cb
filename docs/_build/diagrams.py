"""Draws the diagrams of the architecture page: ``python docs/_build/diagrams.py`` writes them to docs/images."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).resolve().parents[1] / "images"

WIDTH, HEIGHT = 196, 62
GAP_X, GAP_Y = 96, 58
MARGIN = 14
#: What a box is, and its colour; each reads well on a light and on a dark page.
KINDS = {
    "airflow": ("#0b5c86", "knows Airflow"),
    "pure": ("#0d7f66", "no Airflow, no I/O"),
    "io": ("#9a5b00", "reads or writes"),
    "outside": ("#5f6b73", "not this package"),
}
LINE = "#7d8b95"


class Box(NamedTuple):
    """One station, at a column and row of the grid."""

    column: int
    row: int
    kind: str
    title: str
    detail: str = ""

    @property
    def centre(self) -> tuple[float, float]:
        return (
            MARGIN + self.column * (WIDTH + GAP_X) + WIDTH / 2,
            MARGIN + self.row * (HEIGHT + GAP_Y) + HEIGHT / 2,
        )


class Arrow(NamedTuple):
    """From one box to a neighbour in the same row or column."""

    start: str
    end: str
    label: str = ""


def draw(name: str, title: str, boxes: dict[str, Box], arrows: list[Arrow]) -> str:
    """Return the SVG of a diagram."""
    columns = 1 + max(box.column for box in boxes.values())
    rows = 1 + max(box.row for box in boxes.values())
    width = 2 * MARGIN + columns * WIDTH + (columns - 1) * GAP_X
    bottom = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 26}" role="img" '
        f'font-family="system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<defs><marker id="{name}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5z" fill="{LINE}"/></marker></defs>',
        *(_arrow(name, boxes[arrow.start], boxes[arrow.end], arrow.label) for arrow in arrows),
        *(_box(box) for box in boxes.values()),
        *_legend([kind for kind in KINDS if any(box.kind == kind for box in boxes.values())], bottom + 6),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _box(box: Box) -> str:
    x, y = box.centre
    lines = [
        f'<rect x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{KINDS[box.kind][0]}"/>',
        f'<text x="{x}" y="{y - 4 if box.detail else y + 5}" text-anchor="middle" fill="#fff" font-size="15" '
        f'font-weight="600">{escape(box.title)}</text>',
    ]
    if box.detail:
        lines.append(
            f'<text x="{x}" y="{y + 16}" text-anchor="middle" fill="#fff" fill-opacity="0.85" font-size="11.5" '
            f'font-family="ui-monospace, SFMono-Regular, DejaVu Sans Mono, monospace">{escape(box.detail)}</text>'
        )
    return "".join(lines)


def _arrow(name: str, start: Box, end: Box, label: str) -> str:
    (x1, y1), (x2, y2) = start.centre, end.centre
    if start.row == end.row:
        step = 1 if x2 > x1 else -1
        x1, x2 = x1 + step * WIDTH / 2, x2 - step * (WIDTH / 2 + 2)
        place = f'x="{(x1 + x2) / 2}" y="{y1 - 8}" text-anchor="middle"'
    else:
        step = 1 if y2 > y1 else -1
        y1, y2 = y1 + step * HEIGHT / 2, y2 - step * (HEIGHT / 2 + 2)
        place = f'x="{x1 + 9}" y="{(y1 + y2) / 2 + 4}"'
    text = f'<text {place} fill="{LINE}" font-size="12">{escape(label)}</text>' if label else ""
    return f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{LINE}" stroke-width="1.6" marker-end="url(#{name}-tip)"/>{text}'


def _legend(kinds: list[str], y: float) -> list[str]:
    parts, x = [], float(MARGIN)
    for kind in kinds:
        colour, text = KINDS[kind]
        parts.append(
            f'<rect x="{x}" y="{y}" width="12" height="12" rx="3" fill="{colour}"/>'
            f'<text x="{x + 18}" y="{y + 10.5}" fill="{LINE}" font-size="12">{text}</text>'
        )
        x += 18 + 7.2 * len(text) + 26
    return parts


ROW = {
    "operator": Box(0, 0, "airflow", "Operator", "operators/"),
    "source": Box(0, 1, "io", "Source", "sources/, or yours"),
    "mapper": Box(1, 1, "pure", "Row mapper", "events/mapper.py"),
    "engine": Box(2, 1, "pure", "Engine", "delivery/engine.py"),
    "sender": Box(3, 1, "pure", "Sender threads", "delivery/sending.py"),
    "hook": Box(3, 2, "io", "Hook", "hooks/"),
    "linkedin": Box(3, 3, "outside", "LinkedIn"),
    "checkpoint": Box(2, 0, "io", "Checkpoint", "task_state.py"),
    "isolation": Box(2, 2, "pure", "Isolation", "delivery/isolation.py"),
    "sinks": Box(1, 2, "io", "Sinks", "sinks/, or yours"),
    "summary": Box(0, 2, "airflow", "Summary", "XCom"),
}
ROW_ARROWS = [
    Arrow("operator", "source", "opens"),
    Arrow("source", "mapper", "chunks"),
    Arrow("mapper", "engine", "events"),
    Arrow("engine", "checkpoint", "in flight, done"),
    Arrow("engine", "sender", "batches"),
    Arrow("sender", "hook", "Call"),
    Arrow("hook", "linkedin", "5,000 events"),
    Arrow("engine", "isolation", "refused batch"),
    Arrow("isolation", "sinks", "outcomes"),
    Arrow("sinks", "summary", "counts"),
]

CALL = {
    "caller": Box(0, 0, "airflow", "Operator, trigger", "operators/, triggers/"),
    "api": Box(1, 0, "pure", "Endpoint", "api/conversion_rules.py"),
    "hook": Box(2, 0, "io", "Hook", "hooks/"),
    "linkedin": Box(3, 0, "outside", "LinkedIn"),
    "reply": Box(2, 1, "pure", "Call.result", "api/call.py"),
    "retry": Box(3, 1, "pure", "Retry decision", "api/retry.py"),
    "result": Box(1, 1, "pure", "Result", "typed"),
    "error": Box(3, 2, "pure", "Exception", "exceptions.py"),
}
CALL_ARROWS = [
    Arrow("caller", "api", "values"),
    Arrow("api", "hook", "Call"),
    Arrow("hook", "linkedin", "HTTP"),
    Arrow("hook", "reply", "Reply"),
    Arrow("reply", "result", "success"),
    Arrow("reply", "retry", "error"),
    Arrow("retry", "error", "stop"),
]

REPORT = {
    "task": Box(0, 0, "airflow", "Sensor, operator", "sensors/, operators/"),
    "request": Box(1, 0, "pure", "Request", "reports/request.py"),
    "plan": Box(2, 0, "pure", "Report plan", "reports/report_plan.py"),
    "hook": Box(3, 0, "io", "Hook, async hook", "hooks/"),
    "trigger": Box(0, 1, "airflow", "Trigger", "triggers/analytics.py"),
    "ready": Box(1, 1, "pure", "Readiness", "reports/readiness.py"),
    "report": Box(2, 1, "pure", "Report", "reports/report.py"),
    "linkedin": Box(3, 1, "outside", "LinkedIn"),
    "table": Box(2, 2, "io", "Table or file", "reports/table.py, files.py"),
    "totals": Box(1, 2, "airflow", "Counts and totals", "XCom"),
}
REPORT_ARROWS = [
    Arrow("task", "request", "parameters"),
    Arrow("request", "plan", "one report"),
    Arrow("plan", "hook", "Calls"),
    Arrow("hook", "linkedin", "GET"),
    Arrow("linkedin", "report", "rows"),
    Arrow("report", "ready", "sensor"),
    Arrow("ready", "trigger", "not yet"),
    Arrow("task", "trigger", "defers"),
    Arrow("report", "table", "operator"),
    Arrow("table", "totals", ""),
]

DIAGRAMS = {
    "path-of-a-row": ("The path of a row", ROW, ROW_ARROWS),
    "path-of-a-call": ("The path of a call", CALL, CALL_ARROWS),
    "path-of-a-report": ("The path of a report", REPORT, REPORT_ARROWS),
}

if __name__ == "__main__":
    for name, (title, boxes, arrows) in DIAGRAMS.items():
        (IMAGES / f"{name}.svg").write_text(draw(name, title, boxes, arrows))
