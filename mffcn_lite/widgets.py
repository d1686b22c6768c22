"""Pictures that move: plain HTML where no kernel runs, and explorers for where one does."""

import base64
import html
import io
import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mffcn_lite.plotting import as_array
from mffcn_lite.shipped import title

ZOOM = 3  # screen pixels a photo's pixel


class Html(str):
    """HTML that a notebook shows as it is."""

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return "<picture that moves>"


def png_bytes(image: Tensor | np.ndarray) -> bytes:
    """A grey picture in [0, 1], clamped and rounded to 8 bits, as PNG."""
    pixels = (np.clip(as_array(image), 0, 1) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _img(image: Tensor, alt: str, style: str) -> str:
    data = base64.b64encode(png_bytes(image)).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" style="{style}">'


def before_after(before: Tensor, after: Tensor, labels: tuple[str, str], alt: str) -> Html:
    """Two pictures of one size, one over the other, and a slider that moves the border between them.

    Works in a static page, by mouse, touch and keyboard.

    Args:
        before, after: pictures in [0, 1], of the same size.
        labels: what each side shows.
        alt: what a reader who cannot see the pictures should know.
    """
    height, width = as_array(before).shape
    labels = tuple(map(title, labels))
    fill = "display:block;width:100%;margin:0;image-rendering:pixelated"
    over = f"{fill};position:absolute;inset:0;clip-path:inset(0 0 0 var(--cut))"
    left, right = map(html.escape, labels)
    return Html(
        f'<figure class="moving" style="--cut:50%;width:{width * ZOOM}px;max-width:100%;margin:1rem auto">'
        f'<div style="position:relative;aspect-ratio:{width}/{height}">'
        f"{_img(before, f'{labels[0]}: {alt}', fill)}{_img(after, f'{labels[1]}: {alt}', over)}"
        '<div style="position:absolute;top:0;bottom:0;left:var(--cut);border-left:2px solid #E69F00"></div></div>'
        '<input type="range" min="0" max="100" value="50" style="width:100%;margin:.5rem 0 0" '
        f'aria-label="Border between {left} on the left and {right} on the right, in per cent" '
        "oninput=\"this.parentElement.style.setProperty('--cut', this.value + '%')\">"
        f'<figcaption style="display:flex;justify-content:space-between"><span>◀ {left}</span>'
        f"<span>{right} ▶</span></figcaption></figure>"
    )


def picture_stack(pictures: Mapping[str, Tensor], alt: str) -> Html:
    """Pictures of one size in a pile; a slider says which one lies on top. Works in a static page.

    Args:
        pictures: label to picture in [0, 1].
        alt: what they show, for a reader who cannot see them.
    """
    width = next(as_array(picture).shape[1] for picture in pictures.values())
    pictures = {title(label): picture for label, picture in pictures.items()}
    items = []
    for i, (label, picture) in enumerate(pictures.items()):
        image = _img(picture, f"{label}: {alt}", "display:block;width:100%;image-rendering:pixelated")
        caption = f'<div style="text-align:center">{html.escape(label)}</div>'
        items.append(f'<div class="layer"{" hidden" if i else ""}>{image}{caption}</div>')
    return Html(
        f'<figure class="moving" style="width:{width * ZOOM}px;max-width:100%;margin:1rem auto">{"".join(items)}'
        f'<input type="range" min="0" max="{len(items) - 1}" value="0" style="width:100%;margin:.5rem 0 0" '
        f'aria-label="Which picture is shown: {html.escape(", ".join(pictures))}" '
        "oninput=\"this.parentElement.querySelectorAll('.layer').forEach((d, i) => d.hidden = i != this.value)\">"
        "</figure>"
    )


def quiz(questions: Sequence[tuple[str, str, Mapping[str, str]]], seed: int = 0) -> None:
    """Show multiple-choice questions that answer at once, in a static page too.

    Args:
        questions: (question, right answer, {answer: what to say to the reader who chose it}) each; the right
            answer is one of the keys.
        seed: of the quiz's name in the page, so that running it again gives the same page.
    """
    from jupyterquiz import display_quiz

    random.seed(seed)
    content = [
        {
            "question": question,
            "type": "multiple_choice",
            "answers": [{"answer": a, "correct": a == right, "feedback": said} for a, said in answers.items()],
        }
        for question, right, answers in questions
    ]
    display_quiz(content, shuffle_answers=False)


def explorer(draw: Callable[..., Tensor | tuple[Tensor, str]], controls: Mapping[str, object]):
    """A picture that a running kernel draws anew whenever a control moves.

    Args:
        draw: takes the controls' values by name, returns a picture in [0, 1], or a picture and a line of words.
        controls: name to ipywidgets control.

    Returns:
        An ipywidgets box with the controls and the words above the picture.
    """
    import ipywidgets

    picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="276px"))
    words = ipywidgets.Label()

    def update(*_) -> None:
        with torch.inference_mode():
            drawn = draw(**{name: control.value for name, control in controls.items()})
        image, words.value = drawn if isinstance(drawn, tuple) else (drawn, "")
        picture.value = png_bytes(image)

    for control in controls.values():
        control.observe(update, names="value")
    update()
    return ipywidgets.VBox([*controls.values(), words, picture])
