"""The commands `mffcn-lite prepare folder`, `lfw`, `feret` and `portraits`: photos in, a prepared set out.

The photos are only read. A command can be stopped, and the same command goes on.
"""

from pathlib import Path
from typing import Annotated

import typer

from mffcn_lite import cli
from mffcn_lite.errors import MffcnLiteError, check_word

# The package's modules come with torch, which takes seconds: they are imported when a command runs, not for --help.

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Make a set of photos that --data takes.")
cli.app.add_typer(app, name="prepare")  # here, so that what is measured of a training doesn't depend on what prepares
Out = Annotated[Path, typer.Option(help="a new folder for the prepared set")]
Size = Annotated[int, typer.Option(help="pixels a side")]
Color = Annotated[bool, typer.Option("--color", help="three channels; grey where not given")]
Workers = Annotated[int | None, typer.Option(help="photos at a time; one a core where not given")]
Report = Annotated[Path | None, typer.Option(help="also write what was used and skipped, and why, as JSON")]
Limit = Annotated[int | None, typer.Option(help="draw exactly so many photos")]
Seed = Annotated[int, typer.Option(help="of that draw")]
Strict = Annotated[bool, typer.Option("--strict", help="stop at the first photo that cannot be used")]
# As the sources state them: the README of unitedstates/images, and the record that DeBruine and Jones (2017) name.
GPO = "https://theunitedstates.io/images/congress/original"
LONDON = "https://api.figshare.com/v2/articles/5047666"


@app.command("folder")
def prepare_folder(
    root: Annotated[Path, typer.Argument(help="the folder of the photos")],
    out: Out,
    person_from: Annotated[str, typer.Option(help="folder, name-prefix, or none: each its own person")] = "folder",
    detect: Annotated[bool, typer.Option("--detect", help="find faces, align by their eyes; needs dlib")] = False,
    size: Size = 128,
    align: Annotated[str | None, typer.Option(help="eyes (with --detect), crop (without), or none")] = None,
    eyes: Annotated[str, typer.Option(help="where the eyes go: csu, tight, or x,y,x,y in pixels")] = "csu",
    no_eyes: Annotated[str, typer.Option(help="where no face is found: skip, or crop the centre")] = "skip",
    licence: Annotated[str | None, typer.Option(help="what the set's card says of the photos' licence")] = None,
    credit: Annotated[str | None, typer.Option(help="whom the card credits")] = None,
    consent: Annotated[str | None, typer.Option(help="what the people on the photos agreed to")] = None,
    color: Color = False,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = None,
    report: Report = None,
    strict: Strict = False,
) -> None:
    """Your own photos. ROOT is only read."""
    from mffcn_lite.data.prepare import folder
    from mffcn_lite.data.prepare.alignment import Placement, parse_eyes
    from mffcn_lite.data.prepare.sources import list_files
    from mffcn_lite.prepare_report import check_places, run

    align = align or ("eyes" if detect else "crop")
    if align == "eyes" and not detect:
        raise MffcnLiteError("--align eyes needs the eyes: add --detect, or choose --align crop")
    placement = Placement(size, align, parse_eyes(eyes, size), no_eyes, None, color)
    check_places(root, out, report)
    find = None
    if detect:
        from mffcn_lite.data.prepare.eye_detector import create_detector

        find = create_detector()
    photos, problems = folder.folder_photos(list_files(root), person_from, find)
    given = {key: value for key, value in (("licence", licence), ("credit", credit), ("consent", consent)) if value}
    card = {**folder.CARD, **given, "person_from": person_from, "detected": detect}
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    run(photos, out, card, placement, report, **options)


@app.command("lfw")
def prepare_lfw(
    out: Out,
    root: Annotated[Path | None, typer.Argument(help="the folder of people's folders, or one above")] = None,
    size: Size = 128,
    window: Annotated[int, typer.Option(help="pixels a side of the square cut out of the centre")] = 192,
    color: Color = False,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = None,
    report: Report = None,
    strict: Strict = False,
) -> None:
    """The middle of each photo of LFW, 192 pixels reduced to 128; without ROOT scikit-learn downloads it (200 MB).

    ROOT may be the folder of the deep-funneled, the funneled or the original photos, or the one above. It is only read.
    """
    from mffcn_lite.data.prepare import lfw
    from mffcn_lite.data.prepare.alignment import Placement
    from mffcn_lite.data.prepare.sources import list_files
    from mffcn_lite.prepare_report import check_places, run

    placement = Placement(size, "crop", window=window, color=color)
    folder = lfw.find_lfw(root)
    check_places(folder if root is None else root, out, report)
    photos, problems = lfw.lfw_photos(list_files(folder))
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    run(photos, out, {**lfw.CARD, "aligned": folder.name}, placement, report, **options)


@app.command("feret")
def prepare_feret(
    root: Annotated[Path, typer.Argument(help="the folder of dvd1 and dvd2, one of them, or one above")],
    out: Out,
    poses: Annotated[str, typer.Option(help="of fa, fb, ba, bj, bk; grey:fa is the grey release's")] = "fa,fb",
    size: Size = 128,
    align: Annotated[str, typer.Option(help="eyes; crop: the centre; none: the whole photo, squeezed")] = "eyes",
    eyes: Annotated[str, typer.Option(help="where the eyes go: csu, tight, or x,y,x,y in pixels")] = "csu",
    no_eyes: Annotated[str, typer.Option(help="without coordinates: skip, or crop the centre")] = "skip",
    coords: Annotated[Path | None, typer.Option(help="a list of eyes, such as CSU's coords.3368, for grey")] = None,
    resolution: Annotated[str, typer.Option(help="images, smaller or thumbnails")] = "images",
    color: Color = False,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = None,
    report: Report = None,
    strict: Strict = False,
) -> None:
    """Frontal faces of FERET, aligned by their eyes. ROOT is only read; the set may not be redistributed."""
    from mffcn_lite.data.prepare import feret
    from mffcn_lite.data.prepare.alignment import Placement, parse_eyes
    from mffcn_lite.data.prepare.ground_truth import read_coordinates
    from mffcn_lite.data.prepare.sources import list_files
    from mffcn_lite.prepare_report import check_places, run

    check_word("resolution", resolution, tuple(feret.RESOLUTIONS))
    placement = Placement(size, align, parse_eyes(eyes, size), no_eyes, None, color)
    check_places(root, out, report)
    listed = None if coords is None else read_coordinates(coords)
    photos, problems, counts = feret.find_feret(list_files(root), poses, resolution, listed)
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    card = {**feret.CARD, "poses": poses, "resolution": resolution}
    run(photos, out, card, placement, report, lambda: {"feret": counts}, **options)
    print("In this copy (photos, people):")
    for group, count in counts["groups"].items():
        print(f"  {group}: {count['photos']}, {count['people']}")
    print(f"The paper used {counts['paper']} frontal photos. The rules that come nearest:")
    for rule in counts["rules"][:3]:
        print(f"  {rule['rule']}: {rule['photos']}")
    print(f"These photos {feret.RESTRICTED}.")


@app.command("portraits")
def prepare_portraits(
    root: Annotated[Path, typer.Argument(help="the folder where the pictures lie, or are downloaded to")],
    out: Out,
    download: Annotated[bool, typer.Option("--download", help="fetch into ROOT what is missing there")] = False,
    gpo: Annotated[str, typer.Option(help="where the Congress's portraits are, by Bioguide id")] = GPO,
    london: Annotated[str, typer.Option(help="figshare's record of the London set")] = LONDON,
    workers: Workers = None,
    report: Report = None,
    strict: Strict = False,
) -> None:
    """Official portraits and the London set: 1,477 photos of 1,202 people, each compared with a list of hashes.

    It was tested with a server of our own and with made pictures. It was never tried against the real addresses.
    """
    from mffcn_lite.data.prepare import portraits
    from mffcn_lite.data.prepare.downloads import download_portraits
    from mffcn_lite.data.prepare.eye_detector import create_detector
    from mffcn_lite.data.prepare.prepared import read_rows
    from mffcn_lite.data.prepare.sources import list_files
    from mffcn_lite.prepare_report import check_places, run

    check_places(root, out, report)
    find, wanted = create_detector(), portraits.read_list()
    unfetched = download_portraits(root, wanted, gpo, london) if download else []
    photos, problems = portraits.find_portraits(list_files(root), wanted, find)
    options = {"problems": [*problems, *unfetched], "workers": workers, "strict": strict}

    def compared() -> dict:
        return {"compared": portraits.compare_with(wanted, read_rows(out))}

    done = run(photos, out, portraits.CARD, portraits.PLACEMENT, report, compared, **options)
    for line in portraits.in_words(done["compared"]):
        print(line)
