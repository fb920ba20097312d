"""Where Microsoft Graph and Entra ID are, in each cloud of Microsoft."""

from typing import NamedTuple


class Cloud(NamedTuple):
    """A cloud: its Microsoft Graph and its sign-in host."""

    graph: str
    login: str


PUBLIC = Cloud("https://graph.microsoft.com", "https://login.microsoftonline.com")
CLOUDS = {
    "public": PUBLIC,
    "usgov": Cloud("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "usgov-dod": Cloud("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": Cloud(
        "https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"
    ),
}
