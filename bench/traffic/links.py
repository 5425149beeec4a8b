"""`python -m bench.traffic.links URL NAME PASSWORD`: follows every link of every page of a console, in both languages, and lists
those that lead nowhere.
"""

from __future__ import annotations

import html
import re
import sys
from collections import Counter, deque
from collections.abc import Iterator
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from voicebot.console.texts import LANGUAGES

_LINK = re.compile(r'(?:href|src)="([^"]+)"')
_NOT_FOLLOWED = ("/language", "/live/events")


def broken(client: httpx.Client, *, most_of_a_kind: int = 100_000) -> Iterator[tuple[str, int, str]]:
    """Links with the status that they lead to, from 400 on, and the page that they stand on; so many pages of a kind: with
    one beginning, depth, and filters.
    """
    todo, found_on, of_a_kind = deque(["/"]), {"/": ""}, Counter[object]()
    while todo:
        path = todo.popleft()
        answer = client.get(path)
        if answer.status_code >= 400:
            yield path, answer.status_code, found_on[path]
        leads_to = [answer.headers["location"]] if answer.is_redirect else []
        if "html" in answer.headers.get("content-type", ""):
            leads_to += _LINK.findall(answer.text)
        for link in leads_to:
            url = urlsplit(urljoin(str(answer.url), html.unescape(link)))
            there = url._replace(scheme="", netloc="", fragment="").geturl()
            kind = (*url.path.split("/")[1:2], url.path.count("/"), *parse_qs(url.query))
            if url.netloc != answer.url.netloc.decode() or there in found_on or url.path in _NOT_FOLLOWED:
                continue
            of_a_kind[kind] += 1
            if of_a_kind[kind] <= most_of_a_kind:
                found_on[there] = path
                todo.append(there)


def main(url: str, name: str, password: str) -> int:
    """All links, in both languages."""
    bad = 0
    for language in LANGUAGES:
        with httpx.Client(base_url=url, timeout=60, headers={"Accept-Language": language}) as client:
            entered = client.post("/login", data={"name": name, "password": password}, headers={"Origin": url})
            client.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]  # httpx keeps no secure cookie of http
            for path, status, page in broken(client):
                print(language, status, path, "on", page)
                bad += 1
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
