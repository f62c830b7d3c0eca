"""PostgreSQL: the database backend with its two roles, and the embedded server where there is no other."""


class LocalPostgresError(RuntimeError):
    """One line that says what is wrong with the embedded server and what helps."""
