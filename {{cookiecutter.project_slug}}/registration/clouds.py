"""The hosts of Microsoft Graph and Entra ID in each Microsoft cloud."""

from typing import NamedTuple


class Cloud(NamedTuple):
    """The addresses of Microsoft Graph and of sign-in in a cloud."""

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
