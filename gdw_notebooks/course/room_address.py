"""The classroom page's address for a room: the machine's own, in words and as a picture for phones' cameras."""

import io
import socket
from collections.abc import Iterator

EVERYWHERE = "0.0.0.0"  # noqa: S104 - only if the lecturer asks by --lan
ELSEWHERE = ("192.0.2.1", 9)  # an address kept for examples (RFC 5737): nothing is sent to it


def own_address() -> str:
    """The machine's address in its network, which a phone can open; its name where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)  # only chooses the way that a packet would take
        except OSError:  # no way out of here: a router without internet, or a hotspot of this machine's own
            return next(_addresses(), socket.gethostname())
        return probe.getsockname()[0]


def _addresses() -> Iterator[str]:
    """The machine's IPv4 addresses in all networks that it is connected to."""
    import psutil

    connected = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        for one in addresses:
            near = one.family == socket.AF_INET and not one.address.startswith(("127.", "169.254."))
            if near and name in connected and connected[name].isup:
                yield one.address


def qr_code(address: str) -> str:
    """The address as a picture for phones' cameras, of half blocks: white on black in a terminal of any colour."""
    import segno

    drawn = io.StringIO()
    segno.make(address, micro=False).terminal(drawn, compact=True)
    return f"\033[97;40m{drawn.getvalue().rstrip()}\033[0m".replace("\n", "\033[0m\n\033[97;40m")
