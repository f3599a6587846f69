"""README's links for a package index, which knows nothing of the files beside it."""

import re


def absolute(text, repository):
    """Markdown with its relative links as links into a repository on a code host: pictures raw, all else as pages."""

    def change(link):
        if "://" in link["target"] or link["target"].startswith("#"):
            return link[0]
        return f"{link['before']}{repository.rstrip('/')}/{'raw' if link['picture'] else 'blob'}/HEAD/{link['target']})"

    return re.sub(r"(?P<before>(?P<picture>!?)\[[^\[\]]*\]\()(?P<target>[^)\s]+)\)", change, text)
