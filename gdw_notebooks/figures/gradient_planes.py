"""The plane of the two parameters as SVG: where θ is, and for each picture its gradients beside the clean gradient."""

import json
from html import escape

from torch import Tensor

from gdw_notebooks.examples.bilevel import Walk
from gdw_notebooks.examples.small_problem import CLASS, CLASSES, INSTANCES

SIZE = 100  # half the side of a plane, in units of its drawing
REACH = 72  # of the longest arrow
ROOM = 1.25  # the path of θ fills the plane's middle
ARROWS = ("cat", "dog", "bird")  # classes of the style sheet


def planes(walk: Walk, number: int, last: int) -> str:
    """Where θ is at each stage, then a plane for each picture; nothing of what comes after stage ``last``."""
    pictures = "".join(_picture(walk, i, number, last) for i in range(len(walk.arrows)))
    return f'<div class="planes">{_path(walk, number, last)}{pictures}</div>'


def _from(walk: Walk, name: str) -> int:
    return next(k for k, stage in enumerate(walk.stages) if name in stage.tables)


def _seen(number: int, first: int, last: int | None = None) -> str:
    """Attributes of what is seen from one stage to another."""
    off = number < first or (last is not None and number > last)
    return (
        f'data-from="{first}"{"" if last is None else f" data-to={chr(34)}{last}{chr(34)}"}{" data-off" if off else ""}'
    )


def _plane(content: str, name: str, caption: str, seen: str = "") -> str:
    box = f"{-SIZE} {-SIZE} {2 * SIZE} {2 * SIZE}"
    axes = f'<path class="axes" d="M{-SIZE} 0H{SIZE}M0 {-SIZE}V{SIZE}"/>'
    drawing = f'<svg viewBox="{box}" aria-hidden="true">{axes}{content}</svg>'
    label = escape(name, quote=True)
    return f'<figure aria-label="{label}" {seen}>{drawing}<figcaption>{caption}</figcaption></figure>'


def _arrow(tip: tuple[float, float], kind: str, label: str, seen: str, start: tuple[float, float] = (0, 0)) -> str:
    """An arrow that grows out of its start when it comes, and goes back into it."""
    x, y = tip[0] - start[0], tip[1] - start[1]
    length = max((x * x + y * y) ** 0.5, 1e-9)
    u, v = x / length, y / length
    head = min(9.0, length / 2)
    base = (x - head * u, y - head * v)
    wing = (-0.5 * head * v, 0.5 * head * u)
    corners = ((x, y), (base[0] + wing[0], base[1] + wing[1]), (base[0] - wing[0], base[1] - wing[1]))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    at = (max(-SIZE + 16, min(SIZE - 16, x + 13 * u + start[0])) - start[0], y + 13 * v + 4)
    return (
        f'<g transform="translate({start[0]:.1f} {start[1]:.1f})"><g class="arrow {kind}" {seen}>'
        f'<line x2="{base[0]:.1f}" y2="{base[1]:.1f}"/><polygon points="{points}"/>'
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(label)}</text></g></g>'
    )


def _path(walk: Walk, number: int, end: int) -> str:
    """θ, the try θ′, and the real step: the dot goes to θ′ to be judged, and back."""
    places = {name: walk.stages[_from(walk, name)].tables[name][0] for name in ("theta", "theta_virtual")}
    last = len(walk) - 1
    places["real"] = walk.stages[last].tables["theta"][0]
    middle = [(max(p[k] for p in places.values()) + min(p[k] for p in places.values())) / 2 for k in (0, 1)]
    spread = ROOM * max(abs(p[k] - middle[k]) for p in places.values() for k in (0, 1))
    drawn = {n: (REACH * (p[0] - middle[0]) / spread, -REACH * (p[1] - middle[1]) / spread) for n, p in places.items()}
    tries, judged = _from(walk, "theta_virtual"), _from(walk, "clean")
    at = ["theta_virtual" if tries <= k <= judged else "real" if k == last else "theta" for k in range(len(walk))]
    moves = [f"translate({drawn[name][0]:.1f}px,{drawn[name][1]:.1f}px)" for name in at]
    start = drawn["theta"]
    content = _arrow(drawn["theta_virtual"], "try", "θ′", _seen(number, tries, last - 1), start)
    if end == last:
        content += _arrow(drawn["real"], "real", "new θ", _seen(number, last), start)
    content += f'<text x="{start[0] - 14:.1f}" y="{start[1] + 14:.1f}">θ</text>'
    content += f"<circle class='dot' r='5' style='transform:{moves[number]}' data-moves='{json.dumps(moves)}'/>"
    caption = (
        f"<span {_seen(number, 0, tries - 1)}>θ at the start</span>"
        f"<span {_seen(number, tries, judged)}>a try: θ moves to θ′</span>"
        f"<span {_seen(number, judged + 1, last - 1)}>back at θ</span><span {_seen(number, last)}>the real step</span>"
    )
    return _plane(content, "Where θ is", caption)


def _picture(walk: Walk, i: int, number: int, last: int) -> str:
    """One picture's gradients, the clean gradient, and the side that it is on."""
    clean_from, flows_from, known = (_from(walk, name) for name in ("clean", "d", "g"))
    x, y = (walk.clean / walk.clean.norm() * REACH).tolist()
    side = [(-4 * y, -4 * x), (4 * y, 4 * x), (4 * y + 4 * x, 4 * x - 4 * y), (-4 * y + 4 * x, -4 * x - 4 * y)]
    corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in side)
    content = f'<polygon class="side" points="{corners}" {_seen(number, clean_from)}/>'
    content += _arrow((x, -y), "clean", "clean", _seen(number, clean_from))
    longest = walk.arrows.norm(dim=-1).max()
    for c, (a, b) in enumerate((walk.arrows[i] / longest * REACH).tolist()):
        kind, label = (ARROWS[c], CLASSES[c]) if walk.mode == CLASS else ("own", "own")
        content += _arrow((a, -b), kind, label, _seen(number, flows_from))
    words = f"<span {_seen(number, known)}>: {_verdict(walk, walk.meta_gradient[i])}</span>" if known <= last else ""
    return _plane(content, INSTANCES[i], escape(INSTANCES[i]) + words, _seen(number, flows_from))


def _verdict(walk: Walk, g: Tensor) -> str:
    """Which way g sends a weight; of three flows only its sign, since the constraint then moves the label's weight."""
    if walk.mode != CLASS:
        return "less than 90°, g &lt; 0, weight up" if g[0] < 0 else "more than 90°, g &gt; 0, weight down"
    signs: dict[str, list[str]] = {"g &lt; 0": [], "g &gt; 0": []}
    for name, value in zip(CLASSES, g.tolist(), strict=True):
        signs["g &lt; 0" if value < 0 else "g &gt; 0"].append(name)
    return "; ".join(f"{sign} for {', '.join(classes)}" for sign, classes in signs.items() if classes)
