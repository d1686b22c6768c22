"""FERET as NIST ships it: photos by their names, and which rule gives the paper's 3,122."""

import re
from collections import Counter
from functools import partial
from itertools import combinations
from pathlib import Path

from mffcn_lite.data.prepare.alignment import Eyes
from mffcn_lite.data.prepare.ground_truth import find_eyes, stem_of
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.prepared import RESTRICTED
from mffcn_lite.data.prepare.sources import Files
from mffcn_lite.errors import MffcnLiteError

CARD = {
    "source": "FERET database of facial images, from the user's own copy",
    "licence": "granted by NIST to each user; the photos may not be redistributed",
    "redistribution": RESTRICTED,
    "credit": "Portions of the research in this paper use the FERET database of facial images collected under the "
    "FERET program, sponsored by the DOD Counterdrug Technology Development Program Office",
    "consent": "people were photographed for research on face recognition, from 1993 to 1996; show no photo of them "
    "unless the licence allows it",
}
COLOR = re.compile(r"(?P<person>\d{5})_(?P<date>\d{6})_(?P<pose>[a-z]{2})(?:_[a-z0-9]+)?")
GREY = re.compile(r"(?P<person>\d{5})(?P<pose>[a-z]{2})\d{3}[a-z]?_(?P<date>\d{6})")
FRONTAL = {"color": ("fa", "fb"), "grey": ("fa", "fb", "ba", "bj", "bk")}
POSE = re.compile("f[ab]|[hpq][lr]|r[a-e]|b[a-k]")
RESOLUTIONS = {"images": 1.0, "smaller": 0.5, "thumbnails": 0.25}  # of the photo that the ground truth speaks of
PAPER = 3122
Entry = tuple[str, Path, str, str, str, str]  # place, path, release, person, pose, date


def parse_name(stem: str) -> tuple[str, str, str, str] | None:
    """(release, person, pose, date) of a FERET name without ending, or None: `"00001_930831_fa_a"` or
    `"00001fa010_930831"`, in upper or lower case; the date as 1993-08-31.
    """
    for release, pattern in (("color", COLOR), ("grey", GREY)):
        if (found := pattern.fullmatch(stem.lower())) and POSE.fullmatch(found["pose"]):
            year, month, day = (found["date"][i : i + 2] for i in (0, 2, 4))
            return release, found["person"], found["pose"], f"19{year}-{month}-{day}"
    return None


def parse_poses(text: str, present: set[str]) -> set[tuple[str, str]]:
    """`fa,fb,grey:ba` as {(release, pose)}.

    A pose without a release is the colour one, where there are colour photos (`present` names the releases) and
    colour has that pose; the grey one else: the two hold the same people on the same days.

    Raises:
        MffcnLiteError: if a word is no frontal pose of FERET.
    """
    wanted = set()
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        release, colon, pose = word.rpartition(":")
        if not colon:
            release = "color" if pose in FRONTAL["color"] and "color" in present else "grey"
        if pose not in FRONTAL.get(release, ()):
            known = ", ".join(FRONTAL["grey"])
            raise MffcnLiteError(f"--poses {text}: {word} is none of the frontal poses {known}, or grey:fa, color:fa …")
        wanted.add((release, pose))
    if not wanted:
        raise MffcnLiteError("--poses names no pose; write fa,fb")
    return wanted


def find_feret(
    files: Files, poses: str = "fa,fb", resolution: str = "images", listed: dict[str, Eyes] | None = None
) -> tuple[list[Photo], list[tuple[str, str]], dict]:
    """(photos, problems, counts) among `files`: those in the wanted poses, what looks like a photo but is not called
    like one, and the counts that the report prints.

    Raises:
        MffcnLiteError: if there is no photo of FERET at all, or none in these poses.
    """
    truths: dict[str, list[Path]] = {}
    for place, path in files.others:
        if re.search(r"\.(txt|xml)(\.bz2)?$", place.lower()) and parse_name(stem := _truth_stem(place)):
            truths.setdefault(stem, []).append(path)
    for paths in truths.values():  # name_value before XML
        paths.sort(key=lambda path: (".xml" in path.name.lower(), str(path)))
    entries, problems = [], list(files.problems)
    for place, path in files.pictures:
        folders = place.lower().split("/")[:-1]
        if any(other in folders for other in RESOLUTIONS if other != resolution):
            continue
        parsed = parse_name(stem_of(place))
        if parsed is None:
            problems.append((place, "not called as FERET's photos are"))
        elif folders and re.fullmatch(r"\d{5}", folders[-1]) and folders[-1] != parsed[1]:
            problems.append((place, f"mislabelled: {parsed[1]} by name, in the folder of {folders[-1]}"))
        else:
            entries.append((place, path, *parsed))
    if not entries:
        raise MffcnLiteError(
            f"no photo of FERET was found ({len(files.pictures)} pictures of other names); "
            "they are called like 00001_930831_fa_a.ppm.bz2: name the folder that holds dvd1 and dvd2"
        )
    wanted = parse_poses(poses, {entry[2] for entry in entries})
    photos = []
    for place, path, release, person, pose, date in entries:
        if (release, pose) in wanted:
            stem = stem_of(place)
            scale = RESOLUTIONS[resolution] if release == "color" else 1.0
            given = (listed or {}).get(stem)
            eyes = partial(
                find_eyes, stem=stem, person=person, pose=pose, truths=truths.get(stem, []), listed=given, scale=scale
            )
            photos.append(Photo(place, path, stem, person, pose, date, eyes))
    if not photos:
        there = ", ".join(sorted({f"{entry[2]}:{entry[4]}" for entry in entries}))
        raise MffcnLiteError(f"no photo in the poses {poses}; there are {there}")
    return photos, problems, count_groups(entries)


def _truth_stem(place: str) -> str:
    return re.sub(r"\.(txt|xml)(\.bz2)?$", "", place.rsplit("/", 1)[-1].lower())


def count_groups(entries: list[Entry]) -> dict:
    """The counts by release and pose, and the rules that come nearest to the paper's 3,122, nearest first.

    A rule is a sum of groups of frontal photos. A name counts once, wherever it lies.
    """
    names = {stem_of(place): (release, person, pose) for place, _, release, person, pose, _ in entries}
    photos = Counter((release, pose) for release, _, pose in names.values())
    people = Counter((release, pose) for release, pose, _ in {(r, p, who) for r, who, p in names.values()})
    groups = {f"{r} {p}": {"photos": photos[r, p], "people": people[r, p]} for r, p in sorted(photos)}
    frontal = [(r, p) for r in ("color", "grey") for p in FRONTAL[r] if photos[r, p]]
    rules = [
        {"rule": " + ".join(f"{r} {p}" for r, p in chosen), "photos": sum(photos[group] for group in chosen)}
        for size in range(1, len(frontal) + 1)
        for chosen in combinations(frontal, size)
    ]
    rules.sort(key=lambda rule: abs(rule["photos"] - PAPER))  # stable: of equals, the one of fewest groups
    releases = {r: len({who for release, who, _ in names.values() if release == r}) for r, _ in sorted(photos)}
    per_person = Counter(who for _, who, pose in names.values() if pose in FRONTAL["grey"])
    return {
        "groups": groups,
        "people by release": releases,
        "people": len({who for _, who, _ in names.values()}),
        "frontal photos a person": dict(sorted(Counter(per_person.values()).items())),
        "paper": PAPER,
        "rules": rules,
    }
