"""Which cameras a user may see: an ADMIN every one, others those they are restricted to, if they are."""

from __future__ import annotations

from sqlalchemy.orm import Session

from omnisight_lab.db import reads
from omnisight_lab.db.models import User


def visible_cameras(session: Session, user: User) -> tuple[str, ...] | None:
    """Ids of the cameras that the user may see, by today's role; None: every one."""
    return reads.rights(session, user.id) or None
