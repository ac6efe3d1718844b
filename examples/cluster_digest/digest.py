"""The finished digest: one text, twice."""

from pydantic import AwareDatetime

from lockstep.record import Record


class Digest(Record):
    """Markdown for mail and chat, one self-contained HTML page for people.

    `scheduled_at` is the moment the digest is *for*, which a backfill makes long ago.
    """

    title: str
    scheduled_at: AwareDatetime
    markdown: str
    html: str
