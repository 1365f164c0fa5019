"""The live feed: what each view of a county's board shows, and the frames that keep it so.

Decides who sees what, what is sent after each group of events, and what a client that was away must
be sent. Must not know sockets (``web.live.socket``), clocks or the database.
"""

from dispatch.feed.feed import Committed, Feed, Frame
from dispatch.feed.positions import Fixes, Positions
from dispatch.feed.views import View, epoch_of, view_of

__all__ = [
    "Committed",
    "Feed",
    "Fixes",
    "Frame",
    "Positions",
    "View",
    "epoch_of",
    "view_of",
]
