"""The one exception that a user's mistake raises, and the checks that several modules share."""


class MffcnLiteError(Exception):
    """Something that the caller can put right.

    The message is one sentence: what is wrong, with which file or value, and what to do.
    The command line prints it on standard error and exits with status 2, without a traceback.
    """


def check_pair(sr, hr) -> None:
    """Refuse two batches that cannot be compared pixel by pixel.

    Raises:
        MffcnLiteError: if their shapes differ, or one holds integers.
    """
    if sr.shape != hr.shape:
        raise MffcnLiteError(f"sr {tuple(sr.shape)} and hr {tuple(hr.shape)} must have the same shape")
    if not (sr.is_floating_point() and hr.is_floating_point()):
        raise MffcnLiteError(f"sr ({sr.dtype}) and hr ({hr.dtype}) must be floats; divide uint8 pixels by 255")


def check_word(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Refuse a word that is none of `choices`, of the argument `name`.

    Raises:
        MffcnLiteError: if it is none of them.
    """
    if value not in choices:
        raise MffcnLiteError(f"{name} (={value!r}) must be one of " + ", ".join(f'"{choice}"' for choice in choices))
