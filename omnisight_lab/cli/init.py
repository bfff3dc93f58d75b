"""`omnisight init`: data folder, database, first admin."""

from __future__ import annotations

from omnisight_lab import settings
from omnisight_lab.access import accounts
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.db.session import Database, open_database
from omnisight_lab.ops import storage


def prepare(paths: settings.Paths) -> tuple[Database, str | None]:
    """The database, made and migrated, and the password of its first admin where that was made just now."""
    database = open_database(paths, create=True)
    try:
        for folder in (paths.media, paths.mirror, paths.reports, paths.logs):
            storage.prepare(folder)
        password = accounts.first_admin(database)
        accounts.add_operator(database, settings.user_name())
        return database, password
    except BaseException:
        database.close()
        raise


def command(as_json: JsonOption = False) -> None:
    """Make the data folder, the database and its first admin, whose password is printed this once.

    Who runs it may ask and judge from now on, by the name of the system's user. Run again it changes nothing else. With
    DATABASE_URL that database is prepared: an empty one gets its tables, an existing OmniSight database is adopted.
    """
    paths = settings.paths()
    database, password = prepare(paths)
    user = accounts.FIRST_ADMIN if password else None
    database.close()
    told = {"home": paths.home, "database": database.safe_url, "username": user, "password": password}
    if as_json:
        print_json(told)
        return
    say(f"the database is ready: {database.safe_url}\nthe data folder is {paths.home}")
    if password:
        print_rows([{"username": user, "password": password}])
        say("this password is not shown again; `omnisight user password` sets another one")
