"""The command from its first moment: `python -m mffcn_lite`, and what the script `mffcn-lite` calls."""

import os
import signal


def leave(number: int, frame: object) -> None:
    """End at once, in one line: so early nothing has been written."""
    os.write(2, b"mffcn-lite: interrupted; nothing was left half-written\n")
    os._exit(2)


def main() -> None:
    """Run the command; while its modules are imported an interruption is one line as well."""
    for early in (signal.SIGINT, signal.SIGTERM):
        signal.signal(early, leave)
    from mffcn_lite import cli

    cli.main()


if __name__ == "__main__":
    main()
