"""The one exception that a user's mistake raises."""


class MffcnLiteError(Exception):
    """Something that the caller can put right.

    The message is one sentence: what is wrong, with which file or value, and what to do.
    The command line prints it on standard error and exits with status 2, without a traceback.
    """
