"""What the appendices take from data. Sphinx calls this file while it reads the pages, so nothing of it is stored.

A page holds a line such as `<!-- make_appendices: model_cards -->`, and the function of that name writes what stands in
its place: Markdown.

    python -m book.build.make_appendices model_cards       prints what the page will hold
"""

import importlib
import json
import re
import shutil
import sys
from pathlib import Path

from book.build.contents import BOOK, chapters
from mffcn_lite.data.orl import CARD as ORL
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import CONVENTION, load_results
from mffcn_lite.shipped import SHIPPED, shipped_models, title
from mffcn_lite.training import recipe_for

MARK = re.compile(r"<!-- make_appendices: (\w+) -->")
FACTORS = (2, 3, 4)
TRIED = BOOK / "tested_versions.json"
DOWNLOADS = BOOK.parent / "_build" / "downloads"
ZIPS = {  # name: (for whom, what it is, the command that makes it)
    "mffcn_lite-reader.zip": ("Away from the repository", "All notebooks as a zip", "make reader"),
    "mffcn_lite-course.zip": ("With a course", "All exercises as a zip, as students get them", "make coursework"),
}


def table(head: list[str], rows: list[list]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


# The cost card and the solutions.


def cost_card() -> str:
    """A line a chapter: what it takes."""
    rows, total = [], [0, 0.0, 0, 0, 0]
    for c in chapters():
        minutes, marks = (sum(exercise[key] for exercise in c.exercises) for key in ("minutes", "marks"))
        cost = [c.reading, c.seconds or 0, len(c.exercises), minutes, marks]
        total = [a + b for a, b in zip(total, cost, strict=True)]
        stars = ", ".join(f"{sum(e['stars'] == n for e in c.exercises)} {'★' * n}" for n in (1, 2, 3))
        rows.append([c.number, f"[{c.title}](chapters/{c.name}.ipynb)", cost[0], f"{cost[1]:.0f}", *cost[2:], stars])
    rows.append(["", "**together**", total[0], f"{total[1]:.0f}", *total[2:], ""])
    head = ["", "chapter", "minutes to read", "seconds to run", "exercises", "minutes", "marks", "how hard"]
    return table(head, rows)


def exercise_list() -> str:
    """A line an exercise."""
    rows = []
    for c in chapters():
        for e in c.exercises:
            link, gpu = f"[{e['id']}](chapters/{c.name}.ipynb)", "yes" if e["gpu"] else "no"
            rows.append([link, e["title"], "★" * e["stars"], e["minutes"], e["marks"], e["outcome"], gpu])
    return table(["", "exercise", "", "minutes", "marks", "you can then", "needs a GPU"], rows)


def solutions() -> str:
    """The modules of `book/solutions`, and the values of those exercises that ask for one."""
    parts = []
    for c in chapters():
        answers = importlib.import_module(f"book.solutions.chapter_{c.number:02}").SOLUTIONS
        lines = [f"## Chapter {c.number}", f"[{c.title}](chapters/{c.name}.ipynb)"]
        for e in c.exercises:
            answer = answers[e["id"]]
            shown = "" if callable(answer) else f": `{answer:.6g}`" if isinstance(answer, float) else f": `{answer!r}`"
            lines.append(f"- **{e['id']}** {'★' * e['stars']} {e['title']}{shown if len(shown) < 80 else ''}")
        lines.append(f"```{{literalinclude}} solutions/chapter_{c.number:02}.py\n:language: python\n```")
        parts.append("\n\n".join([*lines[:2], "\n".join(lines[2:-1]), lines[-1]]))
    return "\n\n".join(parts)


# Model cards.


def signed(value: float) -> str:
    """Two digits, with a sign that is as wide as a plus."""
    return f"{value:+.2f}".replace("-", "−")


def differences(system: str, config: dict) -> str:
    """What of a configuration is not the paper's for this system."""
    paper = json.loads(json.dumps(vars(recipe_for(system, "paper"))))
    skipped = {"channels_last", "precision", "compile", "seed", "checkpoint_every"}
    changed = {key: value for key, value in config.items() if key not in skipped and value not in (paper[key], {})}
    return ", ".join(f"`{key}={value}`" for key, value in changed.items()) or "none"


def model_card(name: str, card: dict) -> str:
    """One card, in words and a table."""
    arguments = ", ".join(f"`{k}={v}`" for k, v in card["arguments"].items())
    where, took = card["environment"], card["seconds"]
    took = f"{took / 60:.0f} minutes" if took >= 120 else f"{took:.0f} seconds"
    data, people = card["data_card"], len(card["training_people"])
    facts = {
        "System": f"`{card['model']}` with {arguments}",
        "Stored numbers": f"{card['parameters']:,}",
        "Learnt from": f"{card['photos']} photos of {people} people of {data['source']}",
        "Licence": card["license"],
        "Photos": f"{data['credit']}; licence: {ORL['licence'] if card['data'] == 'orl' else data['licence']}",
        "Never seen": f"the {len(card['test_people'])} people on whom it is measured",
        "Made in": f"{took}, on: {where['device']}, PyTorch {where['torch']}",
    }
    if "config" in card:
        start = f", from `{card['started_from']}` on" if "started_from" in card else ""
        facts["Steps"] = f"{card['steps']:,}{start}"
        facts["Not as in the paper's recipe"] = differences(card["model"], card["config"])
    if "recipe_trials" in card:
        chosen_on = len(card["recipe_trials"]["validation_people"])
        facts["Chosen from"] = f"{len(card['recipe_trials']['trials'])} trials, by {chosen_on} of the training people"
    facts |= {"Meant for": card["intended_use"], "Limits": card["limits"], "SHA-256": f"`{card['weights_sha256']}`"}
    list_of_facts = "\n".join(f"- **{key}:** {value}" for key, value in facts.items())
    return "\n\n".join(filter(None, [f"## {title(name)} (`{name}`)", list_of_facts, measured(name, card)]))


def measured(name: str, card: dict) -> str:
    """The card's own measurement, or that of the tables where it is of these weights."""
    rows = card.get("results")
    if rows is None:
        content = load_results("tables")
        if not card["weights_sha256"].startswith(content["stamp"]["files"][f"weights/{name}"]):
            return "The tables hold a measurement of earlier weights of this system, so none is shown."
        rows = [row for row in content["results"] if row["model"] == name]
    lines = []
    for r in (row for row in rows if row["factor"] in FACTORS):
        ends = ("{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(r[m], *r[f"{m}_ci"], d=d) for m, d in (("psnr", 2), ("ssim", 4)))
        gain = "" if r["gain_over_wiener"] is None else signed(r["gain_over_wiener"])
        lines.append([f"×{r['factor']}", *ends, gain, f"{r['consistency']:.1f}"])
    return table(["", "PSNR (dB)", "SSIM", "over `wiener` (dB)", "consistency (dB)"], lines)


def convention() -> str:
    """How all of it is measured, in a sentence."""
    return f"The convention: {CONVENTION}."


def model_cards() -> str:
    """A section a shipped card."""
    cards = shipped_models()
    assert all((SHIPPED / f"{name}.safetensors").exists() for name in cards)
    return "\n\n".join(model_card(name, card) for name, card in cards.items())


def systems() -> str:
    """A line a system that the paper names: how good, how large, how fast."""
    stored = load_results("systems")
    psnr = {(r["model"], r["factor"]): f"{r['psnr']:.2f}" for r in stored["results"]}
    rows = []
    for row in stored["cost"]:
        name, milliseconds = row["model"], 1000 * row["seconds"]["3"]
        good = [psnr[name, factor] for factor in FACTORS]
        rows.append([f"{title(name)} (`{name}`)", *good, f"{row['parameters']:,}", f"{milliseconds:.2f}"])
    return table(["system", *(f"×{factor} (dB)" for factor in FACTORS), "weights", "ms per photo"], rows)


# What was measured on a GPU.


def spread(values: list[float]) -> str:
    """Lowest to highest."""
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


def gpu_sizes() -> str:
    """Seconds of the ablation's arms by the work in a step."""
    content = load_results("ablations")
    arms = {arm["arm"]: arm for arm in content["arms"]}
    shown = ("width 8", "mff", "width 32", "depth 4", "depth 8", "conv5, equal multiplications", "srcnn")
    rows = [
        [f"`{name}`", f"{arms[name]['multiplications'] / 1e6:,.0f}", spread([r["seconds"] for r in arms[name]["runs"]])]
        for name in shown
        if all("CPU" not in run.get("device", "CPU") for run in arms[name]["runs"])
    ]
    steps, device = content["budget"]["steps"], arms["mff"]["runs"][0]["device"]
    head = ["arm of the ablation", "million multiplications a photo, forward", f"seconds for {steps:,} steps"]
    return f"{table(head, rows)}\n\n{device}, three seeds each, several trainings on it at a time."


def gpu_devices() -> str:
    """Seconds of the trials of one system on each kind of device."""
    rows = []
    for name in ("mffcn", "srcnn", "nie", "fsrcnn"):
        found: dict[tuple, list] = {}
        for trial in load_results(f"trials_{name}")["trials"]:
            crop = trial["options"].get("crop")
            if crop is None:
                found.setdefault((trial["device"], trial["steps"]), []).append(trial["seconds"])
        rows += [[f"`{name}`", device, f"{n:,}", len(s), spread(s)] for (device, n), s in found.items()]
    return table(["system", "device", "steps", "trials", "seconds a trial"], rows)


def gpu_shipped() -> str:
    """How long the shipped networks took, and a larger one, and on what."""
    larger = load_results("larger")
    cards = {f"[`{name}`](model-cards.md)": card for name, card in shipped_models().items() if "config" in card}
    size = ", ".join(f"{key} {larger['arguments'][key]}" for key in ("width", "depth"))
    cards[f"an MFFCN of {size}"] = {**larger, "steps": larger["config"]["steps"], "environment": larger["trained_with"]}
    rows = []
    for name, card in cards.items():
        step, device = 1000 * card["seconds"] / card["steps"], card["environment"]["device"]
        rows.append([name, f"{card['parameters']:,}", f"{card['steps']:,}", card["config"]["batch"]])
        rows[-1] += [f"{card['seconds']:.0f}", f"{step:.1f}", device]
    return table(["network", "weights", "steps", "photos a step", "seconds", "ms a step", "device"], rows)


def gpu_speed() -> str:
    """Photos a second in training, on a CPU and on a GPU, each alone on its machine."""
    results = [load_results(name) for name in ("bench_training", "bench_training_gpu")]
    speeds = [{row["what"]: row["ours_photos_a_second"] for row in result["speed"]} for result in results]
    rows = [[what, *(f"{speed[what]:,.0f}" if what in speed else "–" for speed in speeds)] for what in speeds[1]]
    rows = [[*row, f"{speeds[1][row[0]] / speeds[0][row[0]]:.0f}" if row[0] in speeds[0] else "–"] for row in rows]
    cpu, gpu = (result["environment"] for result in results)
    head = ["photos a second", f"{cpu['device']}, {cpu['threads']} threads", gpu["device"], "ratio"]
    return table(head, rows)


def gpu_sharing() -> str:
    """Steps a second of several trainings together on one GPU, with and without the multi-process service."""
    content = load_results("bench_sharing")
    found = {(row["trainings"], row["service"]): row["steps_a_second"] for row in content["rows"]}
    rows = [[n, *(f"{found[n, service]:,.0f}" for service in (False, True))] for n, service in found if service]
    head = ["trainings at a time", "steps a second, all together", "with the service"]
    said = f"{content['environment']['device']}, `{content['system']}` with `fast`, {content['batch']} photos a step."
    return f"{table(head, rows)}\n\n{said}"


def gpu_chapters() -> str:
    """Seconds of each chapter in the two profiles, `full` as far as it was timed on a GPU."""
    quick, full = (json.loads((BOOK / file).read_text(encoding="utf-8")) for file in ("cost.json", "full_cost.json"))
    rows = []
    for chapter in chapters():
        longer = "yes" if "by_profile" in chapter.code else "no"
        seconds = f"{full['seconds'][chapter.name]:.0f}" if chapter.name in full["seconds"] else "not timed"
        rows.append([chapter.number, longer, f"{quick[chapter.name]:.0f}", seconds])
    head = ["chapter", "trains longer in `full`", "seconds, `quick`, two cores of a CPU"]
    return table([*head, f"seconds, `full`, {full['environment']['device']}"], rows)


def prepare_speed() -> str:
    """How fast photos are prepared, in a sentence."""
    bench = load_results("bench_prepare")
    speed = bench["photos a second"]["prepare"]
    return (
        f"On two cores it prepared {speed:.0f} photos a second, of {bench['photos']} files that we made in FERET's "
        f"format ({bench['megabytes']} MB); at that speed 3,122 take about {3122 / speed / 60:.0f} minutes."
    )


def feret_size() -> str:
    """What the commands cost on a made copy of FERET's size."""
    bench = load_results("bench_feret")
    used = bench["commands"]
    minutes = {name: max(1, round(one["processor_seconds"] / 60)) for name, one in used.items()}
    size = f"{bench['photos']:,} photos of {bench['people']} people, with {bench['frontal']:,} of them frontal"
    return (
        f"We made a copy of FERET's size ({size}) and ran the commands on it. Preparing took {minutes['prepare']} "
        f"minutes of one core and {used['prepare']['megabytes']:,} MB of memory. Training took at most "
        f"{used['train']['megabytes']:,} MB, and its first {bench['steps']} steps took {minutes['train']} minutes. "
        f"Measuring two systems took {minutes['evaluate']} minutes."
    )


# Versions, and what is there to be downloaded.


def tested_versions() -> str:
    """The versions at the ends of the ranges that were tried, and what ran with them."""
    if not TRIED.exists():
        return "These ranges were not tried yet."
    ends = json.loads(TRIED.read_text(encoding="utf-8"))
    rows = [
        [f"`{name}`", *(end["versions"][name] for end in ends.values())]
        for name in next(iter(ends.values()))["versions"]
    ]
    rows.append(["Python", *(end["python"] for end in ends.values())])
    rows.append(["chapters that ran", *(end["chapters"] for end in ends.values())])
    rows.append(["tests that passed", *(f"{end['tests']:,}" for end in ends.values())])
    rows.append(["tried on", *(end["date"] for end in ends.values())])
    return table(["", *ends], rows)


def downloads() -> str:
    """Each zip, as a link where this site has it. A README.md in it says how to begin."""
    lines = []
    for name, (who, what, command) in ZIPS.items():
        link = f'<a href="../downloads/{name}" download>{what}</a>.'
        made = (DOWNLOADS / name).exists()
        lines.append(f"- **{who}:** {link if made else f'{what}: `{command}` writes it to `_build/downloads`.'}")
    return "\n".join(lines)


# What Sphinx calls.


def fill(text: str) -> str:
    """A page's text, with what its marks stand for.

    Raises:
        MffcnLiteError: for a mark that no function writes.
    """

    def write(match: re.Match) -> str:
        if match[1] not in MADE:
            raise MffcnLiteError(f"make_appendices has no {match[1]}; it has {', '.join(MADE)}")
        return MADE[match[1]]()

    return MARK.sub(write, text)


PAGES = (cost_card, exercise_list, solutions, convention, systems, model_cards)
MADE = {
    function.__name__: function
    for function in (
        *PAGES,
        gpu_speed,
        gpu_devices,
        gpu_shipped,
        gpu_sizes,
        gpu_sharing,
        gpu_chapters,
        feret_size,
        prepare_speed,
        tested_versions,
        downloads,
    )
}


def _read_page(app, name: str, content: list[str]) -> None:
    content[0] = fill(content[0])


def _copy_downloads(app, failure: Exception | None) -> None:
    there = [DOWNLOADS / name for name in ZIPS if (DOWNLOADS / name).exists()]
    if failure is None and app.builder.format == "html" and there:
        (Path(app.outdir) / "downloads").mkdir(exist_ok=True)
        for path in there:
            shutil.copy(path, Path(app.outdir) / "downloads")


def setup(app) -> dict:
    """Called by Sphinx; see `_config.yml`."""
    app.connect("build-finished", _copy_downloads)
    app.connect("source-read", _read_page)
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    for word in sys.argv[1:] or sorted(MADE):
        print(MADE[word](), "\n")
