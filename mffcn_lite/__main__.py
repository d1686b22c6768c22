"""The command from its first moment: `python -m mffcn_lite`, and what the script `mffcn-lite` calls."""

import os
import signal


def listen(name: str = "mffcn-lite") -> None:
    """From now on an interruption ends the command `name` at once, in one line: so early nothing has been written."""

    def leave(number: int, frame: object) -> None:
        os.write(2, f"{name}: interrupted; nothing was left half-written\n".encode())
        os._exit(2)

    for early in (signal.SIGINT, signal.SIGTERM):
        signal.signal(early, leave)


def main(name: str = "mffcn-lite") -> None:
    """Run the command, called `name`; while its modules are imported an interruption is one line as well."""
    listen(name)
    from mffcn_lite import cli, prepare_commands  # noqa: F401 (the second adds its commands to the first)

    cli.main(name=name)


if __name__ == "__main__":
    main()
