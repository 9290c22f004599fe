"""UserError: a mistake of the user's in one line: what was wrong, the value seen, what to do. Exit code 2."""


class UserError(Exception):
    pass
