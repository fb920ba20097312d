"""The hosts of Microsoft Graph and Entra ID in each Microsoft cloud."""

from typing import NamedTuple


class Cloud(NamedTuple):
    """The addresses of Microsoft Graph and of sign-in in a cloud."""

    graph: str
    login: str


PUBLIC = Cloud("https://graph.microsoft.com", "https://login.microsoftonline.com")
CUSTOMERS = ".ciamlogin.com"
"""The end of the hosts of Microsoft Entra External ID: each tenant has its own, in the public cloud."""
CLOUDS = {
    "public": PUBLIC,
    "usgov": Cloud("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "usgov-dod": Cloud("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": Cloud(
        "https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"
    ),
}
